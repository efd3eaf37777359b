package limit

import (
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// units are the factors of sizes and rates: decimal, and binary with an i.
var units = map[string]float64{
	"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
	"Ki": 1 << 10, "ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}

const (
	number = `([0-9]+(?:\.[0-9]+)?)`
	unit   = `([kKMGT]i?)?`
)

var sizePattern = lazyregexp.New(`^` + number + ` ?` + unit + `B?$`)

// ParseOctets reads a size such as 1048576, 500k, 1.5GB or 64MiB: k, M, G and T
// are powers of 1,000, Ki, Mi, Gi and Ti of 1,024. It is at least 1 and below
// 2^53; errors are fault.Usage.
func ParseOctets(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fault.Errorf(fault.Usage, "%q is no size", s).WithHint("octets, as in 1048576, 500k, 1.5GB or 64MiB")
	}
	n := quantity(m[1], m[2])
	if n < 1 || n >= 1<<53 {
		return 0, fault.Errorf(fault.Usage, "%q is no size: it is less than one octet, or too many", s)
	}
	return int64(n), nil
}

func quantity(digits, unit string) float64 {
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0 // more digits than a number can have
	}
	return n * units[unit]
}
