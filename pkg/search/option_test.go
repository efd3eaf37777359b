package search

import (
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "1": day, "1.5": 36 * time.Hour, ".5": 12 * time.Hour, "2w": 14 * day, "3d": 3 * day, "12h": 12 * time.Hour, "90m": 90 * time.Minute,
		"0.5h": 30 * time.Minute, "1D": day, "0.00001": time.Second, "0.0000001": 0, "10000": 10000 * day, "9999": 9999 * day, "100000": 100000 * day,
	} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1", "+1", "1e3", "1s", "1y", "1 d", "1d12h", "x", "1,5", ".", "1..2", "NaN", "Inf", "0x10", "100001", "14286w", strings.Repeat("9", 400), "1_000"} {
		if got, err := ParseAge(text); err == nil || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

func TestCheckAges(t *testing.T) {
	for _, good := range [][2]time.Duration{{10000 * day, 9999 * day}, {day, day}, {day, 0}, {0, 0}} {
		if err := CheckAges(good[0], good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	err := CheckAges(9999*day, 10000*day)
	if exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), "at most 9999 days and at least 10000 days") || !strings.Contains(exit.HintOf(err), "OR") {
		t.Errorf("%v (%s)", err, exit.HintOf(err))
	}
	if err := CheckAges(90*time.Minute, 1000*time.Hour+time.Second); !strings.Contains(err.Error(), "90 minutes and at least 3600001 seconds") {
		t.Error(err)
	}
	// The hint can be used as it stands.
	text := exit.HintOf(err)
	text = text[strings.Index(text, "'")+1 : strings.LastIndex(text, "'")]
	if _, err := Parse(text); err != nil {
		t.Error(err)
	}
}

func TestParseDate(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31": "31-Jan-2026", "31-Jan-2026": "31-Jan-2026", "1-feb-2024": "1-Feb-2024", "01-FEB-2024": "1-Feb-2024", "2024-02-29": "29-Feb-2024",
		"2024-02-1": "1-Feb-2024", "1969-12-31": "31-Dec-1969", "0001-01-01": "1-Jan-0001", "31-Dec-9999": "31-Dec-9999",
	} {
		got, err := ParseDate(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v %v, want %s", text, got, err, want)
		}
		if again, err := ParseDate(got.String()); err != nil || again != got {
			t.Errorf("%s: %v %v", got, again, err)
		}
	}
	for _, text := range []string{"", "2026-1-31", "2026-02-30", "2023-02-29", "0000-01-01", "10000-01-01", "31/01/2026", "31-1-2026", "Jan-31-2026", "today", "2026-01-31T00:00:00", "2026-01", "-1-Jan-2026", "1-anf-2020", "32-Jan-2026", "+1-Jan-2020", "1-Jan-2020-"} {
		if got, err := ParseDate(text); err == nil || exit.CodeOf(err) != exit.Usage || !strings.Contains(exit.HintOf(err), dateForms) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

func TestDateBefore(t *testing.T) {
	a, _ := ParseDate("31-Dec-2025")
	b, _ := ParseDate("1-Jan-2026")
	if !a.Before(b) || b.Before(a) || a.Before(a) {
		t.Error(a.Before(b), b.Before(a), a.Before(a))
	}
}

func TestUIDSet(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "5:1": "1:5", "1:10,20,30:*": "1:10,20,30:*", "*": "*", "*:*": "*", "*:5": "5:*", "3,1,2": "1:3", "1:3,2:9,11": "1:9,11", "1,1,1": "1",
		"5:10,8:*": "5:*", "1:3,4:*": "1:*", "1:3,5:*": "1:3,5:*", "7:*,5:*,*": "5:*", "4294967295": "4294967295", "1:18446744073709551614": "1:18446744073709551614",
		"18446744073709551614,*": "18446744073709551614:*", "4294967290:4294967297,4294967291": "4294967290:4294967297",
	} {
		set, err := ParseUIDSet(text)
		if err != nil || set.String() != want {
			t.Errorf("%s: %s %v, want %s", text, set, err, want)
		}
	}
	for _, text := range []string{"", "0", "a", "1:", ":1", "1,", ",", "1:0", "0:*", "-1", "+1", "1-2", "1 2", "18446744073709551615", "18446744073709551616", "*1", "**", "1:2:3"} {
		if set, err := ParseUIDSet(text); err == nil || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%q: %s %v", text, set, err)
		}
	}
	for _, test := range []struct {
		set          string
		uid, largest uint64
		want         bool
	}{
		{"1:10,20", 1, 50, true}, {"1:10,20", 10, 50, true}, {"1:10,20", 11, 50, false}, {"1:10,20", 20, 50, true}, {"1:10,20", 21, 50, false}, {"5:9", 4, 9, false},
		{"30:*", 30, 50, true}, {"30:*", 29, 50, false}, {"30:*", 50, 50, true},
		{"30:*", 20, 20, true}, {"30:*", 19, 20, false}, // the last message is in it, whatever its UID
		{"*", 20, 20, true}, {"*", 19, 20, false}, {"*", 20, 0, false}, {"30:*", 20, 0, false}, {"30:*", 31, 0, true},
		{"30:4294967295", 20, 20, false}, {"4294967295", 4294967295, 4294967295, true},
	} {
		set, err := ParseUIDSet(test.set)
		if err != nil || set.Contains(test.uid, test.largest) != test.want {
			t.Errorf("%s has %d of %d: %v %v", test.set, test.uid, test.largest, !test.want, err)
		}
	}
	if none := UID(UIDSet{}); none.String() != "NOT ALL" || (UIDSet{}).Contains(5, 5) || (UIDSet{}).String() != "" {
		t.Error("the empty set has something")
	}
}

func FuzzUIDSet(f *testing.F) {
	f.Add("1:10,20,30:*", uint64(5), uint64(9))
	f.Add("4294967294:*,1", uint64(1<<32-1), uint64(0))
	f.Add(strings.Repeat("\x8e", 100), uint64(1), uint64(2)) // no character begins anywhere
	f.Fuzz(func(t *testing.T, text string, uid, largest uint64) {
		set, err := ParseUIDSet(text)
		if err != nil {
			return
		}
		again, err := ParseUIDSet(set.String())
		if err != nil || again.String() != set.String() {
			t.Fatalf("%q is %q, which is %q: %v", text, set, again, err)
		}
		if uid == 0 || largest < uid {
			return
		}
		if set.Contains(uid, largest) != naiveContains(text, uid, largest) {
			t.Errorf("%q has %d of %d: %v", text, uid, largest, set.Contains(uid, largest))
		}
		if set.Contains(uid, largest) && !set.hull().Contains(uid, largest) {
			t.Errorf("%q has %d of %d, its hull %s has not", text, uid, largest, set.hull())
		}
	})
}

func TestSkipRefuses(t *testing.T) {
	if _, err := Skip("a(b"); exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), "a(b") {
		t.Error(err)
	}
}
