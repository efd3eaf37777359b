package limit

import (
	"fmt"
	"strconv"
	"strings"
)

// Share is a bound on how many of something may go: a number, or per cent of
// the whole. The zero Share is none.
type Share struct {
	n       int64
	percent float64
	of      bool // percent counts, not n
}

// ParseShare reads a number, "500", or per cent of the whole, "10%", from 0 to
// 100 with decimals.
func ParseShare(text string) (Share, error) {
	if digits, of := strings.CutSuffix(text, "%"); of {
		percent, err := strconv.ParseFloat(digits, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return Share{}, fmt.Errorf("%q is not per cent of anything", text)
		}
		return Share{percent: percent, of: true}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return Share{}, fmt.Errorf("%q is neither a number nor per cent, as in 500 or 10%%", text)
	}
	return Share{n: n}, nil
}

// Of returns how many that are where the whole is so many, rounded down.
func (s Share) Of(whole int64) int64 {
	if !s.of {
		return s.n
	}
	return int64(float64(max(whole, 0)) * s.percent / 100)
}

func (s Share) String() string {
	if s.of {
		return strconv.FormatFloat(s.percent, 'f', -1, 64) + "%"
	}
	return strconv.FormatInt(s.n, 10)
}
