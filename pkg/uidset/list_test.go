package uidset

import (
	"math/rand/v2"
	"testing"
)

func TestList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l List
	var all []uint64
	known := map[uint64]int{}
	for uid := uint64(0); len(all) < 500; {
		uid += 1 + []uint64{0, 1, 1 << 31, 1 << 32, 1 << 40}[random.IntN(5)]
		if random.IntN(4) == 0 && l.Len() > 0 {
			l.DropLast()
			delete(known, all[len(all)-1])
			all = all[:len(all)-1]
		}
		l.Append(uid)
		known[uid] = len(all)
		all = append(all, uid)
		if l.Len() != len(all) || l.Last() != uid {
			t.Fatal(l.Len(), l.Last())
		}
	}
	for _, uid := range all {
		for _, near := range []uint64{uid - 1, uid, uid + 1, uid ^ 1<<32, uid ^ 1<<40} {
			at, found := l.Find(near)
			if want, there := known[near]; found != there || found && at != want {
				t.Fatal(near, at, found, want, there)
			}
		}
	}
	if (&List{}).Last() != 0 {
		t.Error("an empty list has a last UID")
	}
}
