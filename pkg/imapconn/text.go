package imapconn

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds what is kept of a server's words.
const maxText = 1 << 10

// serverText makes a server's words valid UTF-8 of at most maxText octets.
func serverText(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// printable escapes what is not graphic (controls, bidi overrides, invalid
// UTF-8), for terminals and traces.
func printable(s string) string {
	if isPrintASCII(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case strconv.IsGraphic(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func isPrintASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// quote is printable within double quotes, for names in messages.
func quote(s string) string { return `"` + printable(s) + `"` }
