package imapconn

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
)

// Bounds on what a server may make us keep.
const (
	maxLine    = 1 << 20  // one line, without literals
	maxSearch  = 16 << 20 // the line that answers a SEARCH
	maxLiteral = 1 << 20  // a literal that is no message body
	maxDepth   = 1000     // of parentheses
)

// maxNoise bounds the responses in a row that are no part of an answer.
var maxNoise = 4 << 20

// errMalformed marks a response that makes no sense. The reader is still at a
// place from which it can go on.
var errMalformed = fmt.Errorf("malformed response")

// reader takes responses apart. A response is a line, or several joined by
// literals; text is the current line and pos the place in it. Slices that the
// methods return are valid until the next call.
type reader struct {
	br      *bufio.Reader
	trace   *tracer
	quiet   bool // the next lines hold secrets
	secrets *secrets
	wide    bool // the next lines may be as long as maxSearch

	arriving func() // is called as a long literal that may be of use comes in

	text []byte
	pos  int
	lit  int64  // octets of the literal that follows text, -1 if there is none
	lits int    // literals that were kept since the place was certain, see certain
	over bool   // text is only the beginning of a line that was too long to be kept
	long []byte // a line that did not fit into br's buffer
	val  []byte // the last string that had to be copied
	name []byte
}

func newReader(r io.Reader, trace *tracer, secrets *secrets) *reader {
	return &reader{br: bufio.NewReaderSize(r, 64<<10), trace: trace, secrets: secrets, lit: -1, arriving: func() {}}
}

// line reads one line into text.
func (r *reader) line() error {
	r.pos, r.lit, r.over = 0, -1, false
	b, err := r.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		b, err = r.longLine(b)
	}
	if err != nil {
		r.text = nil
		return eof(err)
	}
	b = bytes.TrimSuffix(b[:len(b)-1], []byte("\r"))
	r.text = b
	if n := len(b); n > 2 && b[n-1] == '}' {
		if r.lit, err = literalSize(b); err != nil {
			return err
		}
	}
	if r.trace != nil && !r.quiet {
		r.trace.server(b)
	}
	return nil
}

func (r *reader) longLine(b []byte) ([]byte, error) {
	limit := maxLine
	if r.wide {
		limit = maxSearch
	}
	r.long = append(r.long[:0], b...)
	for {
		b, err := r.br.ReadSlice('\n')
		r.long = append(r.long, b...)
		switch {
		case err == nil:
			return r.long, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(r.long) > limit:
			return r.overlong(limit)
		}
	}
}

// maxDrained is how much of a line is passed over in search of its end, in octets.
const maxDrained = 64 << 20

// overlong passes over the rest of a line that is too long, and returns its
// beginning: enough to tell whether it may be missed.
func (r *reader) overlong(limit int) ([]byte, error) {
	for n := len(r.long); n < maxDrained; {
		b, err := r.br.ReadSlice('\n')
		n += len(b)
		switch {
		case err == nil:
			r.over = true
			return append(r.long[:shownOctets], '\n'), nil
		case err != bufio.ErrBufferFull:
			return nil, cmp.Or(r.tooLong(limit), err)
		}
	}
	return nil, r.tooLong(limit)
}

func (r *reader) tooLong(limit int) error {
	return &limitError{fmt.Sprintf("a line of more than %d octets", limit)}
}

// shownOctets is how much of a line is kept that cannot be understood.
const shownOctets = 200

// inSync says that the place in what the server sends is known: all literals
// so far were as long as they were said to be.
func (r *reader) inSync() { r.lits = 0 }

// literalSize returns n of a line that ends in {n} or {n+}, else -1.
func literalSize(b []byte) (int64, error) {
	digits := bytes.TrimSuffix(b[:len(b)-1], []byte("+"))
	i := len(digits)
	for i > 0 && digits[i-1] >= '0' && digits[i-1] <= '9' {
		i--
	}
	if i == 0 || i == len(digits) || digits[i-1] != '{' {
		return -1, nil
	}
	var n int64
	for _, d := range digits[i:] {
		if n > 1<<52 {
			return -1, &limitError{fmt.Sprintf("a literal of %s octets", cutText(digits[i:]))}
		}
		n = n*10 + int64(d-'0')
	}
	return n, nil
}

func cutText(b []byte) string { return string(b[:min(len(b), 40)]) }

// cut is cutText for what may hold a secret, which is not cut in two.
func (r *reader) cut(b []byte) string {
	return cutText([]byte(r.secrets.hide(string(b[:min(len(b), maxText)]))))
}

// eof turns the end of the connection inside or between responses into an error
// that nobody takes for success.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skip drains what is left of the response, literals included.
func (r *reader) skip() error {
	for r.lit >= 0 {
		if err := r.discardLiteral(); err != nil {
			return err
		}
	}
	r.pos = len(r.text)
	return nil
}

// discardLiteral drains the literal at the end of text and reads the line after.
func (r *reader) discardLiteral() error { return r.drain(func() {}) }

// drainLiteral is discardLiteral for one that was asked for.
func (r *reader) drainLiteral() error { return r.drain(r.arriving) }

func (r *reader) drain(arriving func()) error {
	for n := r.lit; n > 0; arriving() {
		k, err := r.br.Discard(int(min(n, literalChunk)))
		n -= int64(k)
		if err != nil {
			return eof(err)
		}
	}
	return r.follow()
}

// copyLiteral writes the literal at the end of text and reads the line after it.
func (r *reader) copyLiteral(to io.Writer) error {
	r.lits++
	for n := r.lit; n > 0; r.arriving() {
		k, err := io.CopyN(to, r.br, min(n, literalChunk))
		n -= k
		if err != nil {
			return eof(err)
		}
	}
	return r.follow()
}

// literalChunk is how much of a literal is waited for at a time, in octets.
const literalChunk = 1 << 20

// literal appends the literal at the end of text to dst and reads the line
// after it. A literal above limit is an error of the connection.
func (r *reader) literal(dst []byte, limit int64) ([]byte, error) {
	if r.lit > limit {
		return dst, &limitError{fmt.Sprintf("a literal of %d octets where at most %d make sense", r.lit, limit)}
	}
	r.lits++
	at := len(dst)
	dst = grow(dst, int(r.lit))
	for rest := dst[at:]; len(rest) > 0; r.arriving() {
		n, err := io.ReadFull(r.br, rest[:min(len(rest), literalChunk)])
		if err != nil {
			return dst[:at], eof(err)
		}
		rest = rest[n:]
	}
	return dst, r.follow()
}

// follow reads the line after a literal, which must be kept whole.
func (r *reader) follow() error {
	err := r.line()
	if err == nil && r.over {
		err = r.tooLong(maxLine)
	}
	return err
}

// grow returns b with n more octets, without clearing what append would clear.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	g := make([]byte, len(b)+n, len(b)+n+n/4)
	copy(g, b)
	return g
}

// peek returns the octet at pos, 0 at the end of the line.
func (r *reader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *reader) blanks() {
	for r.pos < len(r.text) && (r.text[r.pos] == ' ' || r.text[r.pos] == '\t') {
		r.pos++
	}
}

func (r *reader) accept(c byte) bool {
	if r.peek() == c && r.pos < len(r.text) {
		r.pos++
		return true
	}
	return false
}

// word returns the octets up to a blank or parenthesis.
func (r *reader) word() []byte {
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
func (r *reader) number() (n uint64, ok bool) {
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
func (r *reader) uid() (uint64, bool) {
	n, ok := r.number()
	return n, ok && n < lastUID
}

// number32 reads a number that must fit 32 bits.
func (r *reader) number32() (uint32, bool) {
	n, ok := r.number()
	return uint32(n), ok && n <= 1<<32-1
}

// isLiteral reports whether the value at pos is the literal that ends the line.
func (r *reader) isLiteral() bool {
	if r.lit < 0 {
		return false
	}
	rest := r.text[r.pos:]
	rest = bytes.TrimPrefix(rest, []byte("~"))
	return len(rest) > 0 && rest[0] == '{' && bytes.IndexByte(rest, '}') == len(rest)-1
}

// quoted reads a quoted string; a quote that never closes ends with the line.
func (r *reader) quoted() []byte {
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
// isNil tells that it was the atom NIL.
func (r *reader) str(limit int64) (s []byte, isNil bool, err error) {
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
func (r *reader) words(limit int) (list []string, err error) {
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
func (r *reader) skipValue() error {
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
