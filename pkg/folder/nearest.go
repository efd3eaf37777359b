package folder

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Nearest returns the name that asked was most likely meant to be, or "" if
// none is near: the same in another case, the same below a prefix or another
// folder, or with a few characters changed.
func Nearest(asked string, names []string, delimiter string) string {
	want := fold(asked)
	best, least := "", len(want)/4+2
	for _, name := range names {
		have := fold(name)
		if d := distance(want, have, least); d < least {
			best, least = name, d
		}
		// One more, so that a name that fits as a whole is nearer.
		for _, tail := range tails(have, delimiter) {
			if d := distance(want, tail, least) + 1; d < least {
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

// maxNear bounds the names that are compared: hostile ones are long.
const maxNear = 200

// distance is the number of characters to insert, drop or change between a and
// b, or limit where it is not below it.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > maxNear || len(b) > maxNear {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
