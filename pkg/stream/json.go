package stream

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
)

// The JSON of this file is canonical on the way out, which is what `jq -c .`
// writes, and any valid JSON on the way in. It is here, and not the standard
// library's, because bodies pass through it: see ARCHITECTURE.md.

var hexDigits = "0123456789abcdef"

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

// plainRun returns the number of octets at the start of b that stand for
// themselves inside a JSON string; del tells whether DEL ends the run too.
func plainRun(b []byte, del bool) int {
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

// appendEscaped appends valid UTF-8 as the inside of a JSON string.
func appendEscaped(dst, src []byte) []byte {
	for {
		n := plainRun(src, true)
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
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		src = src[n+1:]
	}
}

// appendString appends s as a JSON string; octets that are not UTF-8 become
// U+FFFD, which only texts for people may suffer.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if utf8.ValidString(s) {
		dst = appendEscaped(dst, []byte(s))
	} else {
		dst = appendEscaped(dst, []byte(string([]rune(s))))
	}
	return append(dst, '"')
}

// object appends the fields of one record.
type object struct{ b []byte }

func (o *object) name(name string) {
	if c := o.b[len(o.b)-1]; c != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) str(name, v string) {
	o.name(name)
	o.b = appendString(o.b, v)
}

// opt writes a string unless it is empty.
func (o *object) opt(name, v string) {
	if v != "" {
		o.str(name, v)
	}
}

func (o *object) num(name string, v int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

// num64 writes a number of 64 bits, such as a UID.
func (o *object) num64(name string, v uint64) {
	o.name(name)
	o.b = jsonnum.Append(o.b, v)
}

// optNum64 writes one unless it is zero.
func (o *object) optNum64(name string, v uint64) {
	if v != 0 {
		o.num64(name, v)
	}
}

// optNum writes a number unless it is zero.
func (o *object) optNum(name string, v int64) {
	if v != 0 {
		o.num(name, v)
	}
}

func (o *object) flag(name string, v bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) raw(name string, v []byte) {
	o.name(name)
	o.b = append(o.b, v...)
}

func (o *object) list(name string, v []string) {
	o.name(name)
	o.b = append(o.b, '[')
	for i, s := range v {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, s)
	}
	o.b = append(o.b, ']')
}

// extra writes the fields that this version passed through.
func (o *object) extra(v []byte) { o.b = append(o.b, v...) }
