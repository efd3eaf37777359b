package folder

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Nearest returns the name that asked was most likely meant to be, or "" if
// none is near: the same in another case, the same below a prefix or another
// folder, or with a few characters changed.
func Nearest(asked string, names []string, delimiter string) string {
	want := fold(asked)
	best, least := "", len(want)/4+2
	for _, name := range names {
		have := fold(name)
		if d := text.Distance(want, have, least); d < least {
			best, least = name, d
		}
		// One more, so that a name that fits as a whole is nearer.
		for _, tail := range tails(have, delimiter) {
			if d := text.Distance(want, tail, least) + 1; d < least {
				best, least = name, d
			}
		}
	}
	return best
}

// fold takes away what people often get wrong.
func fold(s string) []rune { return []rune(norm.NFC.String(strings.ToLower(Plain(s)))) }

// tails are the ends of a name, from each of its levels but the first.
func tails(name []rune, delimiter string) (list [][]rune) {
	for i := range name {
		if string(name[i]) == delimiter && i+1 < len(name) {
			list = append(list, name[i+1:])
		}
	}
	return list
}
