package text

import "unicode/utf8"

// Head returns at most the first n bytes of s, cut between two code points.
func Head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for least := max(0, n-utf8.UTFMax); n > least && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n]
}

// Shorten is Head, with three dots where s was cut.
func Shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return Head(s, n) + "..."
}
