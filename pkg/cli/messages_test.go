package cli

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", messageCap), strings.Repeat("x", messageCap+1), strings.Repeat("é", messageCap), "x" + strings.Repeat("😀", messageCap), strings.Repeat("\x80", 2*messageCap)} {
		got := shorten(s)
		if len(got) > messageCap+3 || len(s) <= messageCap && got != s || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%d octets become %d", len(s), len(got))
		}
	}
}
