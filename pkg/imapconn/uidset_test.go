package imapconn

import (
	"slices"
	"testing"
)

// FuzzSets: a set of UIDs that a server gives has no more than were asked for, and
// comes back as it was; COPYUID names only what was to be copied, each once.
func FuzzSets(f *testing.F) {
	f.Add("1:3,7", "4:6,9", byte(9))
	f.Add("18446744073709551614,0,5:2", "1:18446744073709551615", byte(3))
	f.Fuzz(func(t *testing.T, set, other string, most byte) {
		uids := expandSet(set, int(most))
		if len(uids) > int(most) || slices.Contains(uids, 0) {
			t.Fatalf("%q is %d", set, uids)
		}
		marks := &uidMarks{}
		for _, uid := range uids {
			marks.add(uid)
		}
		slices.Sort(uids)
		uids = slices.Compact(uids)
		if marks.count != len(uids) {
			t.Errorf("%d marks of %d", marks.count, uids)
		}
		if again, n := appendSet(nil, uids, maxSetOctets); n == len(uids) && n > 0 && !slices.Equal(expandSet(string(again), n), uids) {
			t.Errorf("%d became %q", uids, again)
		}
		_, copied := copyUIDs(&status{code: "COPYUID", args: "7 " + set + " " + other}, uids)
		there := map[uint64]bool{}
		for from, to := range copied {
			if !slices.Contains(uids, from) || there[to] {
				t.Errorf("%q %q: %v", set, other, copied)
			}
			there[to] = true
		}
	})
}
