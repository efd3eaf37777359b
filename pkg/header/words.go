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
func Text(value []byte) []byte { return AppendText(make([]byte, 0, len(value)), value) }

// AppendText appends the Text of a value to dst.
func AppendText(dst, value []byte) []byte {
	start := len(dst)
	dst = AppendCollapsed(dst, value)
	if !bytes.Contains(dst[start:], []byte("=?")) {
		return dst
	}
	d := newDecoder(dst[start:])
	for d.next() {
	}
	return AppendCollapsed(dst[:start], d.out)
}

// AppendCollapsed appends a value to dst, its runs of white space made one blank, and
// trimmed.
func AppendCollapsed(dst, value []byte) []byte {
	start, gap := len(dst), false
	for _, c := range value {
		switch c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			gap = true
			continue
		}
		if gap && len(dst) > start {
			dst = append(dst, ' ')
		}
		gap = false
		dst = append(dst, c)
	}
	return dst
}

// decoder decodes the words of a text. Neighbours in one charset are decoded as
// one: many programs cut a character in two.
type decoder struct {
	rest []byte // not looked at yet
	out  []byte

	charset string // of the words that are held
	octets  []byte // what they encode
	source  []byte // they themselves, a stretch of the text
	word    []byte // what the last word encodes
}

func newDecoder(text []byte) *decoder {
	n := len(text)
	room := make([]byte, 3*n)
	return &decoder{rest: text, out: room[:0:n], octets: room[n : n : 2*n], word: room[2*n : 2*n]}
}

// next passes the next word, and reports whether there was one.
func (d *decoder) next() bool {
	at := bytes.Index(d.rest, []byte("=?"))
	if at < 0 {
		d.flush()
		d.out = append(d.out, d.rest...)
		return false
	}
	charset, size := d.decode(d.rest[at:])
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
	}
	if d.source == nil {
		d.source = d.rest[at : at+size]
	} else {
		d.source = d.source[:len(d.source)+len(gap)+size]
	}
	d.charset = charset
	d.octets = append(d.octets, d.word...)
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

// decode reads the encoded word that begins p into d.word; size is 0 if it is none.
func (d *decoder) decode(p []byte) (charset string, size int) {
	p = p[:min(len(p), maxWord)]
	name, rest, _ := bytes.Cut(p[len("=?"):], []byte("?"))
	encoding, rest, found := bytes.Cut(rest, []byte("?"))
	end := bytes.Index(rest, []byte("?="))
	if !found || len(name) == 0 || len(encoding) != 1 || bytes.IndexByte(name, ' ') >= 0 || end < 0 {
		return "", 0
	}
	switch text := rest[:end]; encoding[0] | 0x20 {
	case 'q':
		d.word = appendQ(d.word[:0], text)
	case 'b':
		var err error
		d.word, err = base64.RawStdEncoding.AppendDecode(d.word[:0], bytes.TrimRight(text, "= "))
		if err != nil {
			return "", 0
		}
	default:
		return "", 0
	}
	return charsetOf(name), len(p) - len(rest) + end + len("?=")
}

// charsetOf returns the charset that an encoded word names, in lower case.
func charsetOf(name []byte) string {
	if bytes.EqualFold(name, []byte("utf-8")) {
		return "utf-8" // as most do
	}
	charset, _, _ := strings.Cut(strings.ToLower(string(name)), "*") // RFC 2231 5: a language
	return charset
}

// appendQ appends what a text in the encoding "Q" stands for (RFC 2047 4.2).
func appendQ(octets, text []byte) []byte {
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
