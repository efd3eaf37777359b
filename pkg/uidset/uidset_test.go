package uidset

import (
	"slices"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		uids []uint64
		want string
	}{{[]uint64{1, 2, 3, 5, 7, 8}, "1:3,5,7:8"}, {[]uint64{4294967294, 4294967295}, "4294967294:4294967295"}, {[]uint64{1<<32 - 1, 1 << 32, 1 << 40, 1<<64 - 3, 1<<64 - 2}, "4294967295:4294967296,1099511627776,18446744073709551613:18446744073709551614"}, {[]uint64{9}, "9"}, {nil, ""}} {
		if set, n := Append(nil, test.uids, 6500, 500); string(set) != test.want || n != len(test.uids) {
			t.Errorf("%s %d", set, n)
		}
	}
	if set, n := Append([]byte("UID "), []uint64{1, 3, 5, 7}, 1, 500); string(set) != "UID 1" || n != 1 {
		t.Errorf("bytes: %s %d", set, n)
	}
	if set, n := Append(nil, []uint64{1, 3, 5, 7}, 6500, 2); string(set) != "1,3" || n != 2 {
		t.Errorf("ranges: %s %d", set, n)
	}
}

// FuzzSet compares Set with a map.
func FuzzSet(f *testing.F) {
	f.Add([]byte{1, 2, 3, 9, 7, 8, 255, 254, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var set Set
		known := map[uint64]bool{}
		most := uint64(0)
		for _, x := range b {
			uid := uint64(x)
			if x > 200 {
				uid += 1<<64 - 256 // up to the last UID there is
			}
			if set.Add(uid) == known[uid] {
				t.Fatal(uid)
			}
			known[uid], most = true, max(most, uid)
		}
		for i := range uint64(300) {
			for _, uid := range []uint64{i, i - 300} {
				if set.Has(uid) != known[uid] {
					t.Fatal(uid)
				}
			}
		}
		if set.Len() != len(known) || set.Max() != most {
			t.Fatal(set.Len(), set.Max())
		}
	})
}

// FuzzExpand: a set that a server gives has no more UIDs than were asked for, and
// comes back as it was.
func FuzzExpand(f *testing.F) {
	f.Add("1:3,7", byte(9))
	f.Add("18446744073709551614,0,5:2", byte(3))
	f.Fuzz(func(t *testing.T, text string, most byte) {
		uids := Expand(text, int(most))
		if len(uids) > int(most) || slices.Contains(uids, 0) {
			t.Fatalf("%q is %d", text, uids)
		}
		var one Set
		var ranges []Range
		for _, uid := range uids {
			one.Add(uid)
			ranges = append(ranges, Range{uid, uid})
		}
		if of := Of(ranges); of.Len() != one.Len() || !slices.Equal(of.Ranges(), one.Ranges()) {
			t.Errorf("%v, %v", of, one)
		}
		slices.Sort(uids)
		uids = slices.Compact(uids)
		if one.Len() != len(uids) {
			t.Errorf("%d of %d", one.Len(), uids)
		}
		if again, n := Append(nil, uids, 6500, 500); n == len(uids) && n > 0 && !slices.Equal(Expand(string(again), n), uids) {
			t.Errorf("%d became %q", uids, again)
		}
	})
}
