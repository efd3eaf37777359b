package imapconn

import (
	"bufio"
	"bytes"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// tokenizer takes the lines of a response apart: words, numbers, strings, lists.
// Slices that the methods return are valid until the next call.
type tokenizer struct {
	lineReader
	val []byte // the last string that had to be copied
}

func newTokenizer(r io.Reader, trace *tracer, secrets *secrets) *tokenizer {
	return &tokenizer{lineReader: lineReader{br: bufio.NewReaderSize(r, 64<<10), trace: trace, secrets: secrets,
		lit: -1, arriving: func() {}}}
}

// peek returns the octet at pos, 0 at the end of the line.
func (r *tokenizer) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *tokenizer) blanks() {
	for r.pos < len(r.text) && (r.text[r.pos] == ' ' || r.text[r.pos] == '\t') {
		r.pos++
	}
}

func (r *tokenizer) accept(c byte) bool {
	if r.peek() == c && r.pos < len(r.text) {
		r.pos++
		return true
	}
	return false
}

// word returns the octets up to a blank or parenthesis.
func (r *tokenizer) word() []byte {
	start := r.pos
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '(', ')':
			return r.text[start:r.pos]
		}
		r.pos++
	}
	return r.text[start:]
}

// number reads digits. ok is false if there are none, or too many for 64 bits;
// nothing but the digits is consumed.
func (r *tokenizer) number() (n uint64, ok bool) {
	start := r.pos
	ok = true
	for r.pos < len(r.text) && r.text[r.pos]-'0' <= 9 {
		digit := uint64(r.text[r.pos] - '0')
		if n > (1<<64-1-digit)/10 {
			ok = false
		}
		n = n*10 + digit
		r.pos++
	}
	return n, ok && r.pos > start
}

// uid reads a UID.
func (r *tokenizer) uid() (uint64, bool) {
	n, ok := r.number()
	return n, ok && n < uidset.Last
}

// number32 reads a number that must fit 32 bits.
func (r *tokenizer) number32() (uint32, bool) {
	n, ok := r.number()
	return uint32(n), ok && n <= 1<<32-1
}

// isLiteral reports whether the value at pos is the literal that ends the line.
func (r *tokenizer) isLiteral() bool {
	if r.lit < 0 {
		return false
	}
	rest := r.text[r.pos:]
	rest = bytes.TrimPrefix(rest, []byte("~"))
	return len(rest) > 0 && rest[0] == '{' && bytes.IndexByte(rest, '}') == len(rest)-1
}

// quoted reads a quoted string; a quote that never closes ends with the line.
func (r *tokenizer) quoted() []byte {
	r.pos++
	start := r.pos
	if i := bytes.IndexAny(r.text[start:], `"\`); i >= 0 && r.text[start+i] == '"' {
		r.pos = start + i + 1
		return r.text[start : start+i]
	}
	r.val = r.val[:0]
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		r.pos++
		if c == '"' {
			break
		}
		if c == '\\' && r.pos < len(r.text) {
			c = r.text[r.pos]
			r.pos++
		}
		r.val = append(r.val, c)
	}
	return r.val
}

// str reads an atom, a quoted string or a literal of at most limit octets.
// isNil reports whether it was the atom NIL.
func (r *tokenizer) str(limit int64) (s []byte, isNil bool, err error) {
	r.blanks()
	switch {
	case r.peek() == '"':
		return r.quoted(), false, nil
	case r.isLiteral():
		r.val, err = r.literal(r.val[:0], limit)
		return r.val, false, err
	}
	w := r.word()
	return w, isNIL(w), nil
}

// words reads the strings that are left of the response, limit of them at most.
func (r *tokenizer) words(limit int) (list []string, err error) {
	octets := 0
	for r.blanks(); r.pos < len(r.text) || r.lit >= 0; r.blanks() {
		before := r.pos
		s, _, err := r.str(maxName)
		if err != nil {
			return list, err
		}
		if octets += len(s); octets > maxLiteral {
			return list, &limitError{"a response of many literals"}
		}
		if len(s) == 0 && r.pos == before || len(list) == limit {
			return list, errMalformed
		}
		list = append(list, string(s))
	}
	return list, nil
}

func isNIL(w []byte) bool { return len(w) == 3 && bytes.EqualFold(w, []byte("NIL")) }

// skipValue passes over one value of any kind.
func (r *tokenizer) skipValue() error {
	depth := 0
	for {
		r.blanks()
		switch c := r.peek(); {
		case r.pos >= len(r.text):
			return errMalformed
		case c == '(':
			r.pos++
			if depth++; depth > maxDepth {
				return &limitError{"parentheses too deep"}
			}
		case c == ')':
			if depth == 0 {
				return errMalformed
			}
			r.pos++
			depth--
		case c == '"':
			r.quoted()
		case r.isLiteral():
			if err := r.discardLiteral(); err != nil {
				return err
			}
		default:
			r.word()
		}
		if depth == 0 {
			return nil
		}
	}
}

// atEnd reports whether a value ends here.
func (r *tokenizer) atEnd() bool {
	ch := r.peek()
	return ch == ' ' || ch == ')' || ch == 0
}
