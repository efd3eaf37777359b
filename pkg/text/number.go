package text

import (
	"fmt"
	"strconv"
	"strings"
)

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes how many there are of what the noun names: 1 message, 8,000
// messages, 2 messages or folders, 3 copies.
func Count[N number](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	nouns := strings.Split(noun, " or ")
	for i, one := range nouns {
		if stem, y := strings.CutSuffix(one, "y"); y {
			nouns[i] = stem + "ies"
		} else {
			nouns[i] = one + "s"
		}
	}
	return Thousands(int64(n)) + " " + strings.Join(nouns, " or ")
}

// Either returns the words for one thing or for another number of them: a verb that
// goes with Count.
func Either[N number](n N, one, other string) string {
	if n == 1 {
		return one
	}
	return other
}

type number interface{ ~int | ~int64 | ~uint32 }

// Octets writes a size with its unit, a power of 1,000.
func Octets(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	units := "kMGTPE"
	for f >= 999_950 {
		f /= 1000
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", f/1000, units[0])
}
