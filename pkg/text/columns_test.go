package text

import (
	"math"
	"testing"
)

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "INBOX": 5, "Entwürfe": 8, "Entwu\u0308rfe": 8, "受信": 4, "ﾒｰﾙ": 3, "メール": 6, "Ａ": 2, "한글": 4,
		"\u1112\u1161\u11ab": 2, "می\u200cخواهم": 7, "Ελλάδα": 6,
	} {
		if got := Columns(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
		if got := Columns(Pad(s, 9)); got != 9 {
			t.Errorf("%q padded: %d", s, got)
		}
	}
	if got := Pad("abc", 2); got != "abc" {
		t.Error(got)
	}
	for columns := range 60 {
		line, width := Cut("aé草b", columns)
		if width > columns || width < min(columns, 5)-1 {
			t.Errorf("cut to %d: %q of width %d", columns, line, width)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100000: "100,000", -1000: "-1,000", -100: "-100"} {
		if got := Thousands(n); got != want {
			t.Errorf("Thousands(%d) = %q", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1e9: "1.0 GB", math.MaxInt64: "9.2 EB"} {
		if got := Octets(n); got != want {
			t.Errorf("Octets(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, test := range []struct {
		n    int
		noun string
		want string
	}{
		{0, "message", "0 messages"},
		{1, "message", "1 message"},
		{2, "message", "2 messages"},
		{8000, "octet", "8,000 octets"},
		{1, "message or folder", "1 message or folder"},
		{3, "message or folder", "3 messages or folders"},
		{1, "copy", "1 copy"},
		{2, "copy", "2 copies"},
	} {
		if got := Count(test.n, test.noun); got != test.want {
			t.Errorf("%d %s: %q, want %q", test.n, test.noun, got, test.want)
		}
	}
	if got := Either(1, "is", "are") + Either(0, "is", "are") + Either(2, "is", "are"); got != "isareare" {
		t.Error(got)
	}
}
