package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHead(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"a\u00e9b", 2, "a"},
		{"a\u00e9b", 3, "a\u00e9"},
		{"\U0001f600", 3, ""},
		{"\x80\x80\x80\x80\x80\x80", 5, "\x80"}, // not UTF-8
	} {
		if got := Head(test.text, test.n); got != test.want {
			t.Errorf("%q, %d: %q, want %q", test.text, test.n, got, test.want)
		}
	}
}

func TestShorten(t *testing.T) {
	const n = 4096
	for _, s := range []string{"", "short", strings.Repeat("x", n), strings.Repeat("x", n+1), strings.Repeat("é", n), "x" + strings.Repeat("😀", n), strings.Repeat("\x80", 2*n)} {
		got := Shorten(s, n)
		if len(got) > n+3 || len(s) <= n && got != s || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%d octets become %d", len(s), len(got))
		}
	}
}
