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

// lineReader reads responses line by line. A response is a line, or several
// joined by literals; text is the current line and pos the place in it, where a
// tokenizer is. Slices that the methods return are valid until the next call.
type lineReader struct {
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
}

// line reads one line into text.
func (r *lineReader) line() error {
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

func (r *lineReader) longLine(b []byte) ([]byte, error) {
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
func (r *lineReader) overlong(limit int) ([]byte, error) {
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

func (r *lineReader) tooLong(limit int) error {
	return &limitError{fmt.Sprintf("a line of more than %d octets", limit)}
}

// shownOctets is how much of a line is kept that cannot be understood.
const shownOctets = 200

// inSync says that the place in what the server sends is known: all literals
// so far were as long as they were said to be.
func (r *lineReader) inSync() { r.lits = 0 }

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
func (r *lineReader) cut(b []byte) string {
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
func (r *lineReader) skip() error {
	for r.lit >= 0 {
		if err := r.discardLiteral(); err != nil {
			return err
		}
	}
	r.pos = len(r.text)
	return nil
}

// discardLiteral drains the literal at the end of text and reads the line after.
func (r *lineReader) discardLiteral() error { return r.drain(func() {}) }

// drainLiteral is discardLiteral for one that was asked for.
func (r *lineReader) drainLiteral() error { return r.drain(r.arriving) }

func (r *lineReader) drain(arriving func()) error {
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
func (r *lineReader) copyLiteral(to io.Writer) error {
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
func (r *lineReader) literal(dst []byte, limit int64) ([]byte, error) {
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
func (r *lineReader) follow() error {
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
