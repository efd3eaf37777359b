package header

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"github.com/emersion/go-message/charset"
)

// maxWord is how long an encoded word may be, in octets. RFC 2047 2 allows 75,
// programs take more.
const maxWord = 2 << 10

// Text makes a line of text of a field's value: white space is collapsed and
// trimmed, and encoded words are decoded to UTF-8, wherever they stand. A word
// that is malformed or in a charset that is not known stays as it is, and so
// do octets that are no UTF-8.
func Text(value []byte) []byte {
	text := Collapse(value)
	if !bytes.Contains(text, []byte("=?")) {
		return text
	}
	d := decoder{rest: text}
	for d.next() {
	}
	return Collapse(d.out)
}

// Collapse makes runs of white space one blank, and trims.
func Collapse(value []byte) []byte {
	text := make([]byte, 0, len(value))
	gap := false
	for _, c := range value {
		switch c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			gap = true
			continue
		}
		if gap && len(text) > 0 {
			text = append(text, ' ')
		}
		gap = false
		text = append(text, c)
	}
	return text
}

// decoder decodes the words of a text. Neighbours in one charset are decoded as
// one: many programs cut a character in two.
type decoder struct {
	rest []byte // not looked at yet
	out  []byte

	charset string // of the words that are held
	octets  []byte // what they encode
	source  []byte // they themselves
}

// next passes the next word, and reports whether there was one.
func (d *decoder) next() bool {
	at := bytes.Index(d.rest, []byte("=?"))
	if at < 0 {
		d.flush()
		d.out = append(d.out, d.rest...)
		return false
	}
	charset, octets, size := word(d.rest[at:])
	if size == 0 {
		d.flush()
		d.out = append(d.out, d.rest[:at+2]...)
		d.rest = d.rest[at+2:]
		return true
	}
	gap := d.rest[:at]
	if d.source == nil || len(gap) > 0 && string(gap) != " " {
		d.flush()
		d.out = append(d.out, gap...)
	} else if charset != d.charset {
		if !d.flush() {
			d.out = append(d.out, gap...)
		}
	} else {
		d.source = append(d.source, gap...)
	}
	d.charset = charset
	d.octets = append(d.octets, octets...)
	d.source = append(d.source, d.rest[at:at+size]...)
	d.rest = d.rest[at+size:]
	return true
}

// flush writes what the words that are held say, and reports whether they could be
// decoded; else they are written as they are.
func (d *decoder) flush() bool {
	if d.source == nil {
		return true
	}
	text, ok := toUTF8(d.charset, d.octets)
	if !ok {
		text = d.source
	}
	d.out = append(d.out, text...)
	d.octets, d.source = d.octets[:0], nil
	return ok
}

// word reads the encoded word that begins p; size is 0 if it is none.
func word(p []byte) (charset string, octets []byte, size int) {
	p = p[:min(len(p), maxWord)]
	parts := bytes.SplitN(p, []byte("?"), 4)
	if len(parts) < 4 || len(parts[1]) == 0 || len(parts[2]) != 1 || bytes.IndexByte(parts[1], ' ') >= 0 {
		return "", nil, 0
	}
	end := bytes.Index(parts[3], []byte("?="))
	if end < 0 {
		return "", nil, 0
	}
	charset, _, _ = strings.Cut(strings.ToLower(string(parts[1])), "*") // RFC 2231 5: a language
	switch text := parts[3][:end]; parts[2][0] | 0x20 {
	case 'q':
		octets = fromQ(text)
	case 'b':
		var ok bool
		if octets, ok = fromB(text); !ok {
			return "", nil, 0
		}
	default:
		return "", nil, 0
	}
	return charset, octets, len(p) - len(parts[3]) + end + len("?=")
}

func fromQ(text []byte) []byte {
	octets := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '_' {
			c = ' '
		} else if c == '=' && i+2 < len(text) {
			if high, low := HexDigit(text[i+1]), HexDigit(text[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		octets = append(octets, c)
	}
	return octets
}

// HexDigit returns the value of a hexadecimal digit, or -1.
func HexDigit(c byte) int {
	switch letter := c | 0x20; {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case letter >= 'a' && letter <= 'f':
		return int(letter-'a') + 10
	}
	return -1
}

func fromB(text []byte) ([]byte, bool) {
	octets, err := base64.RawStdEncoding.DecodeString(string(bytes.TrimRight(text, "= ")))
	return octets, err == nil
}

func toUTF8(name string, octets []byte) ([]byte, bool) {
	switch name {
	case "utf-8", "utf8", "us-ascii":
		return octets, true
	}
	r, err := charset.Reader(name, bytes.NewReader(octets))
	if err != nil {
		return nil, false
	}
	text, err := io.ReadAll(r)
	return text, err == nil
}
