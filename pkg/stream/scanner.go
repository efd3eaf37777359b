package stream

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
)

// scanner reads one JSON text. Its first error sticks and ends every loop.
type scanner struct {
	b   []byte
	i   int
	err error
}

var (
	errSyntax = errors.New("invalid JSON")
	errDepth  = errors.New("JSON nested deeper than")
)

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
	s.i = len(s.b)
}

func (s *scanner) syntax() {
	if s.err == nil {
		s.err = fmt.Errorf("%w at octet %d", errSyntax, s.i)
	}
	s.i = len(s.b)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next octet that is not white space, or 0.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) expect(c byte) bool {
	if s.peek() != c {
		s.syntax()
		return false
	}
	s.i++
	return true
}

// next steps to the next member of an object or element of a list that ends
// with the octet end. first is true until it was called once.
func (s *scanner) next(end byte, first *bool) bool {
	if s.err != nil {
		return false
	}
	c := s.peek()
	if c == end {
		s.i++
		return false
	}
	if !*first {
		if c != ',' {
			s.syntax()
			return false
		}
		s.i++
		if s.peek() == end {
			s.syntax()
			return false
		}
	}
	*first = false
	return s.err == nil
}

// token returns the inside of a string, still escaped.
func (s *scanner) token() []byte {
	if !s.expect('"') {
		return nil
	}
	start := s.i
	for {
		s.i += plainRun(s.b[s.i:], false)
		if s.i >= len(s.b) {
			s.syntax()
			return nil
		}
		switch s.b[s.i] {
		case '"':
			t := s.b[start:s.i]
			s.i++
			return t
		case '\\':
			if s.i+1 >= len(s.b) {
				s.syntax()
				return nil
			}
			c := s.b[s.i+1]
			if !escapable[c] {
				s.syntax()
				return nil
			}
			s.i += 2
			if c == 'u' {
				if _, ok := hex4(s.b[s.i:]); !ok {
					s.syntax()
					return nil
				}
			}
		default:
			s.syntax()
			return nil
		}
	}
}

// str reads a string.
func (s *scanner) str() string {
	t := s.token()
	if plainRun(t, false) == len(t) {
		return string(t)
	}
	out, err := unescape(make([]byte, 0, len(t)), t)
	if err != nil {
		s.fail("%w", err)
	}
	return string(out)
}

// num reads an integer from 0 to 2^53-1.
func (s *scanner) num() int64 {
	s.space()
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	digits := s.b[start:s.i]
	if s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.syntax()
		return 0
	}
	v, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || v > maxNumber || len(digits) > 1 && digits[0] == '0' {
		s.i = start
		s.syntax()
		return 0
	}
	return v
}

// num64 reads an unsigned number of 64 bits, such as a UID: one from 2^53 on is a
// string of digits.
func (s *scanner) num64() uint64 {
	if s.peek() != '"' {
		return uint64(s.num())
	}
	start := s.i
	n, ok := jsonnum.Parse(s.token(), true)
	if !ok && s.err == nil {
		s.i = start
		s.syntax()
	}
	return n
}

// num32 reads an unsigned number of 32 bits, such as a count.
func (s *scanner) num32() uint32 {
	v := s.num()
	if v > 1<<32-1 {
		s.fail("number %d exceeds 32 bits", v)
		return 0
	}
	return uint32(v)
}

// port reads a port; a standard one is 0, as account.Of has it.
func (s *scanner) port() int {
	v := s.num()
	if v < 1 || v > 1<<16-1 {
		s.fail("%d is no port", v)
		return 0
	}
	return account.Port(int(v))
}

func (s *scanner) boolean() bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	}
	s.syntax()
	return false
}

func (s *scanner) literal(word string) {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		s.syntax()
		return
	}
	s.i += len(word)
}

// list reads a list of strings.
func (s *scanner) list() []string {
	var out []string
	if !s.expect('[') {
		return nil
	}
	for first := true; s.next(']', &first); {
		out = append(out, s.str())
	}
	return out
}

// object returns the next value, which must be an object, in canonical form: a
// view of the text where it stands so already, else a copy.
func (s *scanner) object() []byte {
	if s.peek() != '{' {
		s.syntax()
		return nil
	}
	start, probe := s.i, *s
	if probe.plainObject() {
		s.i = probe.i
		return s.b[start:s.i]
	}
	return s.value(nil, 1)
}

// plainObject passes over an object of strings without blanks between them
// and without escapes that canonical JSON would write otherwise.
func (s *scanner) plainObject() bool {
	at := func(c byte) bool {
		if s.i < len(s.b) && s.b[s.i] == c {
			s.i++
			return true
		}
		return false
	}
	plain := func() bool {
		if s.i >= len(s.b) || s.b[s.i] != '"' {
			return false
		}
		t := s.token()
		if bytes.IndexByte(t, 0x7f) >= 0 {
			return false
		}
		for {
			i := bytes.IndexByte(t, '\\')
			if i < 0 {
				return s.err == nil
			}
			if t[i+1] == 'u' || t[i+1] == '/' {
				return false
			}
			t = t[i+2:]
		}
	}
	if !at('{') {
		return false
	}
	for !at('}') {
		if !plain() || !at(':') || !plain() || !at(',') && (s.i >= len(s.b) || s.b[s.i] != '}') {
			return false
		}
	}
	return s.b[s.i-2] != ','
}

// value appends the next value to dst in canonical form (numbers as they
// stand).
func (s *scanner) value(dst []byte, depth int) []byte {
	if depth > maxDepth {
		s.fail("%w %d", errDepth, maxDepth)
		return dst
	}
	switch c := s.peek(); {
	case c == '"':
		return appendString(dst, s.str())
	case c == '{':
		return s.members(dst, depth)
	case c == '[':
		s.i++
		dst = append(dst, '[')
		n := len(dst)
		for first := true; s.next(']', &first); {
			if len(dst) > n {
				dst = append(dst, ',')
			}
			dst = s.value(dst, depth+1)
		}
		return append(dst, ']')
	case c == 't':
		s.literal("true")
		return append(dst, "true"...)
	case c == 'f':
		s.literal("false")
		return append(dst, "false"...)
	case c == 'n':
		s.literal("null")
		return append(dst, "null"...)
	case c == '-' || c >= '0' && c <= '9':
		return append(dst, s.number()...)
	}
	s.syntax()
	return dst
}

func (s *scanner) members(dst []byte, depth int) []byte {
	s.i++
	dst = append(dst, '{')
	n := len(dst)
	for first := true; s.next('}', &first); {
		if len(dst) > n {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s.str())
		s.expect(':')
		dst = s.value(append(dst, ':'), depth+1)
	}
	return append(dst, '}')
}

// number returns a number of any kind as it stands.
func (s *scanner) number() []byte {
	start := s.i
	digits := func() bool {
		from := s.i
		for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
			s.i++
		}
		return s.i > from
	}
	is := func(set string) bool {
		for k := 0; s.i < len(s.b) && k < len(set); k++ {
			if s.b[s.i] == set[k] {
				s.i++
				return true
			}
		}
		return false
	}
	is("-")
	zero := s.i < len(s.b) && s.b[s.i] == '0'
	from := s.i
	ok := digits() && !(zero && s.i-from > 1)
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok {
		s.i = start
		s.syntax()
		return nil
	}
	return s.b[start:s.i]
}

// Canonical returns a JSON value in canonical form; what is no JSON becomes
// null.
func Canonical(value []byte) []byte {
	s := scanner{b: value}
	out := s.value(nil, 0)
	if s.space(); s.err != nil || s.i != len(s.b) {
		return []byte("null")
	}
	return out
}
