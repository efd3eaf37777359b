// Package jsonnum writes numbers of 64 bits as JSON that every program reads
// exactly. jq 1.6 and JavaScript keep numbers as floating point, which is exact
// below 2^53 only: from there on a number is a string of its digits.
package jsonnum

import (
	"fmt"
	"strconv"
)

// Max is the largest number that JSON has as a number.
const Max = 1<<53 - 1

// Uint64 is a number of 64 bits, such as a UID.
type Uint64 uint64

// Append appends n as JSON.
func Append(b []byte, n uint64) []byte {
	if n <= Max {
		return strconv.AppendUint(b, n, 10)
	}
	b = strconv.AppendUint(append(b, '"'), n, 10)
	return append(b, '"')
}

// MarshalJSON implements json.Marshaler.
func (n Uint64) MarshalJSON() ([]byte, error) { return Append(nil, uint64(n)), nil }

// UnmarshalJSON implements json.Unmarshaler. It takes each number in the one form
// that Append gives it.
func (n *Uint64) UnmarshalJSON(text []byte) error {
	digits := text
	quoted := len(text) > 2 && text[0] == '"'
	if quoted {
		digits = text[1 : len(text)-1]
	}
	v, ok := Parse(digits, quoted)
	if !ok {
		return fmt.Errorf("%.40s is not a number of 64 bits", text)
	}
	*n = Uint64(v)
	return nil
}

// Parse reads the digits of a number, which stand in a string if quoted. ok is
// false if Append writes no number so.
func Parse(digits []byte, quoted bool) (n uint64, ok bool) {
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' || digits[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, err == nil && quoted == (n > Max)
}
