package search

import (
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// decoder undoes a transfer encoding (RFC 2045 6). It passes over what does not
// belong there. The slice is valid until the next call.
type decoder interface {
	decode(chunk []byte) []byte
}

type identity struct{}

func (identity) decode(chunk []byte) []byte { return chunk }

// base64Decoder passes over all that is no digit; padding ends a quantum.
type base64Decoder struct {
	out  []byte
	bits uint32
	n    uint // how many of bits count
}

var base64Digit = func() (table [256]int8) {
	for i := range table {
		table[i] = int8(strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", byte(i)))
	}
	return table
}()

func (d *base64Decoder) decode(chunk []byte) []byte {
	d.out = d.out[:0]
	for _, c := range chunk {
		digit := base64Digit[c]
		if c == '=' {
			d.n = 0
		}
		if digit < 0 {
			continue
		}
		d.bits = d.bits<<6 | uint32(digit)
		if d.n += 6; d.n >= 8 {
			d.n -= 8
			d.out = append(d.out, byte(d.bits>>d.n))
		}
	}
	return d.out
}

// quotedDecoder takes an equals sign that means nothing for itself.
type quotedDecoder struct {
	out  []byte
	held []byte // an equals sign whose meaning is still to come
}

func (d *quotedDecoder) decode(chunk []byte) []byte {
	if len(d.held) > 0 {
		chunk = append(d.held, chunk...)
		d.held = nil
	}
	d.out = d.out[:0]
	for i := 0; i < len(chunk); i++ {
		c := chunk[i]
		if c != '=' {
			d.out = append(d.out, c)
			continue
		}
		rest := chunk[i+1:]
		switch size := softBreak(rest); {
		case size > 0:
			i += size
		case len(rest) >= 2 && header.HexDigit(rest[0]) >= 0 && header.HexDigit(rest[1]) >= 0:
			d.out = append(d.out, byte(header.HexDigit(rest[0])<<4|header.HexDigit(rest[1])))
			i += 2
		case len(rest) < 2 && !endsLine(rest):
			d.held = append([]byte(nil), chunk[i:]...)
			return d.out
		default:
			d.out = append(d.out, c)
		}
	}
	return d.out
}

func endsLine(p []byte) bool { return len(p) > 0 && p[len(p)-1] == '\n' }

// softBreak returns the length of the line end that rest begins with, blanks
// before it included; 0 if there is none.
func softBreak(rest []byte) int {
	for i, c := range rest {
		switch c {
		case ' ', '\t', '\r':
		case '\n':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
