package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns returns how many columns of a terminal s takes.
func Columns(s string) (n int) {
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// Cut shortens s to so many columns and returns how many it takes.
func Cut(s string, columns int) (line string, taken int) {
	for i, r := range s {
		w := columnsOf(r)
		if taken+w > columns {
			return s[:i], taken
		}
		taken += w
	}
	return s, taken
}

// Pad adds blanks to s up to so many columns.
func Pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Columns(s)))
}

// columnsOf is 2 for the wide characters of East Asia, 0 for what stands upon
// the character before it, and 1 for others.
func columnsOf(r rune) int {
	const firstVowel, lastFinal = 0x1160, 0x11FF // of Korean letters taken apart
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || firstVowel <= r && r <= lastFinal {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
