package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Safe makes s harmless to a terminal and to a reader's eye, on one line:
// control characters (C0, DEL, C1), line and paragraph separators, the
// invisible characters that turn the direction of writing, and octets that
// are no UTF-8 come out as \n, \x1b, \u202e and the like. All else stays.
func Safe(s string) string {
	i := firstUnsafe(s)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case acts(r):
			b.WriteString(escape(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// SafeJSON escapes in a JSON text what Safe would: it may still go to a
// terminal.
func SafeJSON(json string) string {
	if firstUnsafe(json) < 0 {
		return json
	}
	var b strings.Builder
	for _, r := range json {
		if !acts(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// firstUnsafe returns where the first octet stands that Safe changes, or -1.
func firstUnsafe(s string) int {
	for i, r := range s {
		if acts(r) {
			return i
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// acts tells the characters that are not shown but act. The two joiners
// are format characters too, but Persian, Indic scripts and emoji need them.
func acts(r rune) bool {
	const nonJoiner, joiner = 0x200C, 0x200D
	if r >= ' ' && r < 0x7F || r == nonJoiner || r == joiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
