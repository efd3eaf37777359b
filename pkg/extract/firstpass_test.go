package extract

import (
	"math/rand/v2"
	"testing"
)

// The index says what a map says, whatever the order.
func TestIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(4711, 1))
	for range 200 {
		var x index
		want := map[place]map[uint64]uint32{}
		for i := range 300 {
			p, uid, value := place{folder: string(rune('A' + random.IntN(2)))}, uint64(1+i/2+random.IntN(20)), random.Uint32()
			if want[p] == nil {
				want[p] = map[uint64]uint32{}
			}
			want[p][uid] = value
			x.set(p, uid, value)
		}
		for _, name := range []string{"A", "B", "C"} {
			p := place{folder: name}
			for uid := range uint64(400) {
				value, ok := want[p][uid]
				if got, found := x.get(p, uid); got != value || found != ok {
					t.Fatalf("%s/%d: %d %v, want %d %v", name, uid, got, found, value, ok)
				}
			}
		}
	}
}
