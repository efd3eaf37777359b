package text

import (
	"fmt"
	"strconv"
)

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

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
