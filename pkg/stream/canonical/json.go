// Package canonical writes JSON as `jq -c .` does, and reads any valid JSON. It is here,
// and not the standard library's, because bodies pass through it: see ARCHITECTURE.md.
package canonical

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// HexDigits are the digits of \u escapes.
var HexDigits = "0123456789abcdef"

// Eight octets are looked at in one go: each of these is an octet repeated.
const (
	ones    = 0x0101010101010101
	highs   = 0x8080808080808080
	blanks  = ones * ' '
	quotes  = ones * '"'
	slashes = ones * '\\'
	dels    = ones * 0x7f
)

// specials flags the octets of w that end a run of plain characters in a JSON
// string: quote, backslash, and below blank. The lowest flag is exact.
func specials(w uint64) uint64 {
	q, s := w^quotes, w^slashes
	return ((w-blanks)&^w | (q-ones)&^q | (s-ones)&^s) & highs
}

// PlainRun returns the number of octets at the start of b that stand for
// themselves inside a JSON string; del reports whether DEL ends the run too.
func PlainRun(b []byte, del bool) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		m := specials(w)
		if del {
			d := w ^ dels
			m |= (d - ones) &^ d & highs
		}
		if m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || del && c == 0x7f {
			break
		}
	}
	return i
}

// AppendEscaped appends valid UTF-8 as the inside of a JSON string.
func AppendEscaped(dst, src []byte) []byte {
	for {
		n := PlainRun(src, true)
		dst = append(dst, src[:n]...)
		if n == len(src) {
			return dst
		}
		switch c := src[n]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', HexDigits[c>>4], HexDigits[c&15])
		}
		src = src[n+1:]
	}
}

// AppendString appends s as a JSON string; octets that are not UTF-8 become
// U+FFFD, which only texts for people may suffer.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	if text := []byte(s); utf8.Valid(text) {
		dst = AppendEscaped(dst, text)
	} else {
		dst = AppendEscaped(dst, []byte(string([]rune(string(s)))))
	}
	return append(dst, '"')
}
