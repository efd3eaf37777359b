package canonical

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
)

// Scanner reads one JSON text. Its first error sticks and ends every loop.
type Scanner struct {
	JSON []byte
	Pos  int // where it is read
	Err  error
}

// maxDepth bounds how deep JSON values are nested.
const maxDepth = 64

var (
	errSyntax = errors.New("invalid JSON")
	// ErrDepth is the error of values that are nested too deep.
	ErrDepth = errors.New("JSON nested deeper than")
)

// Fail keeps the first error and ends the reading.
func (s *Scanner) Fail(format string, args ...any) {
	if s.Err == nil {
		s.Err = fmt.Errorf(format, args...)
	}
	s.Pos = len(s.JSON)
}

// Syntax fails because the text is no JSON at this place.
func (s *Scanner) Syntax() {
	if s.Err == nil {
		s.Err = fmt.Errorf("%w at octet %d", errSyntax, s.Pos)
	}
	s.Pos = len(s.JSON)
}

// Space passes over white space.
func (s *Scanner) Space() {
	for s.Pos < len(s.JSON) {
		switch s.JSON[s.Pos] {
		case ' ', '\t', '\r', '\n':
			s.Pos++
		default:
			return
		}
	}
}

// Peek returns the next octet that is not white space, or 0.
func (s *Scanner) Peek() byte {
	s.Space()
	if s.Pos < len(s.JSON) {
		return s.JSON[s.Pos]
	}
	return 0
}

// Expect reads one octet, c, and fails if another is there.
func (s *Scanner) Expect(c byte) bool {
	if s.Peek() != c {
		s.Syntax()
		return false
	}
	s.Pos++
	return true
}

// Next steps to the next member of an object or element of a list that ends
// with the octet end. first is true until it was called once.
func (s *Scanner) Next(end byte, first *bool) bool {
	if s.Err != nil {
		return false
	}
	c := s.Peek()
	if c == end {
		s.Pos++
		return false
	}
	if !*first {
		if c != ',' {
			s.Syntax()
			return false
		}
		s.Pos++
		if s.Peek() == end {
			s.Syntax()
			return false
		}
	}
	*first = false
	return s.Err == nil
}

// Token returns the inside of a string, still escaped.
func (s *Scanner) Token() []byte {
	if !s.Expect('"') {
		return nil
	}
	start := s.Pos
	for {
		s.Pos += PlainRun(s.JSON[s.Pos:], false)
		if s.Pos >= len(s.JSON) {
			s.Syntax()
			return nil
		}
		switch s.JSON[s.Pos] {
		case '"':
			t := s.JSON[start:s.Pos]
			s.Pos++
			return t
		case '\\':
			if s.Pos+1 >= len(s.JSON) {
				s.Syntax()
				return nil
			}
			c := s.JSON[s.Pos+1]
			if !escapable[c] {
				s.Syntax()
				return nil
			}
			s.Pos += 2
			if c == 'u' {
				if _, ok := hex4(s.JSON[s.Pos:]); !ok {
					s.Syntax()
					return nil
				}
			}
		default:
			s.Syntax()
			return nil
		}
	}
}

// Text reads a string.
func (s *Scanner) Text() string {
	t := s.Token()
	if PlainRun(t, false) == len(t) {
		return string(t)
	}
	out, err := Unescape(make([]byte, 0, len(t)), t)
	if err != nil {
		s.Fail("%w", err)
	}
	return string(out)
}

// Number reads an integer from 0 to 2^53-1.
func (s *Scanner) Number() int64 {
	s.Space()
	start := s.Pos
	for s.Pos < len(s.JSON) && s.JSON[s.Pos] >= '0' && s.JSON[s.Pos] <= '9' {
		s.Pos++
	}
	digits := s.JSON[start:s.Pos]
	if s.Pos < len(s.JSON) && (s.JSON[s.Pos] == '.' || s.JSON[s.Pos] == 'e' || s.JSON[s.Pos] == 'E') {
		s.Syntax()
		return 0
	}
	v, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || v > jsonnum.Max || len(digits) > 1 && digits[0] == '0' {
		s.Pos = start
		s.Syntax()
		return 0
	}
	return v
}

// Uint64 reads an unsigned number of 64 bits, such as a UID: one from 2^53 on is a
// string of digits.
func (s *Scanner) Uint64() uint64 {
	if s.Peek() != '"' {
		return uint64(s.Number())
	}
	start := s.Pos
	n, ok := jsonnum.Parse(s.Token(), true)
	if !ok && s.Err == nil {
		s.Pos = start
		s.Syntax()
	}
	return n
}

// Uint32 reads an unsigned number of 32 bits, such as a count.
func (s *Scanner) Uint32() uint32 {
	v := s.Number()
	if v > 1<<32-1 {
		s.Fail("number %d exceeds 32 bits", v)
		return 0
	}
	return uint32(v)
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	switch s.Peek() {
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	}
	s.Syntax()
	return false
}

func (s *Scanner) literal(word string) {
	if len(s.JSON)-s.Pos < len(word) || string(s.JSON[s.Pos:s.Pos+len(word)]) != word {
		s.Syntax()
		return
	}
	s.Pos += len(word)
}

// Object returns the next value, which must be an object, in canonical form: a
// view of the text where it stands so already, else a copy.
func (s *Scanner) Object() []byte {
	if s.Peek() != '{' {
		s.Syntax()
		return nil
	}
	start, probe := s.Pos, *s
	if probe.plainObject() {
		s.Pos = probe.Pos
		return s.JSON[start:s.Pos]
	}
	return s.Any(nil, 1)
}

// plainObject passes over an object of strings without blanks between them
// and without escapes that canonical JSON would write otherwise.
func (s *Scanner) plainObject() bool {
	at := func(c byte) bool {
		if s.Pos < len(s.JSON) && s.JSON[s.Pos] == c {
			s.Pos++
			return true
		}
		return false
	}
	plain := func() bool {
		if s.Pos >= len(s.JSON) || s.JSON[s.Pos] != '"' {
			return false
		}
		t := s.Token()
		if bytes.IndexByte(t, 0x7f) >= 0 {
			return false
		}
		for {
			i := bytes.IndexByte(t, '\\')
			if i < 0 {
				return s.Err == nil
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
		if !plain() || !at(':') || !plain() || !at(',') && (s.Pos >= len(s.JSON) || s.JSON[s.Pos] != '}') {
			return false
		}
	}
	return s.JSON[s.Pos-2] != ','
}

// Any appends the next value to dst in canonical form (numbers as they
// stand).
func (s *Scanner) Any(dst []byte, depth int) []byte {
	if depth > maxDepth {
		s.Fail("%w %d", ErrDepth, maxDepth)
		return dst
	}
	switch c := s.Peek(); {
	case c == '"':
		return AppendString(dst, s.Text())
	case c == '{':
		return s.members(dst, depth)
	case c == '[':
		s.Pos++
		dst = append(dst, '[')
		n := len(dst)
		for first := true; s.Next(']', &first); {
			if len(dst) > n {
				dst = append(dst, ',')
			}
			dst = s.Any(dst, depth+1)
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
	s.Syntax()
	return dst
}

func (s *Scanner) members(dst []byte, depth int) []byte {
	s.Pos++
	dst = append(dst, '{')
	n := len(dst)
	for first := true; s.Next('}', &first); {
		if len(dst) > n {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, s.Text())
		s.Expect(':')
		dst = s.Any(append(dst, ':'), depth+1)
	}
	return append(dst, '}')
}

// number returns a number of any kind as it stands.
func (s *Scanner) number() []byte {
	start := s.Pos
	digits := func() bool {
		from := s.Pos
		for s.Pos < len(s.JSON) && s.JSON[s.Pos] >= '0' && s.JSON[s.Pos] <= '9' {
			s.Pos++
		}
		return s.Pos > from
	}
	is := func(set string) bool {
		for k := 0; s.Pos < len(s.JSON) && k < len(set); k++ {
			if s.JSON[s.Pos] == set[k] {
				s.Pos++
				return true
			}
		}
		return false
	}
	is("-")
	zero := s.Pos < len(s.JSON) && s.JSON[s.Pos] == '0'
	from := s.Pos
	ok := digits() && !(zero && s.Pos-from > 1)
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok {
		s.Pos = start
		s.Syntax()
		return nil
	}
	return s.JSON[start:s.Pos]
}

// Value returns a JSON value in canonical form; what is no JSON becomes
// null.
func Value(value []byte) []byte {
	s := Scanner{JSON: value}
	out := s.Any(nil, 0)
	if s.Space(); s.Err != nil || s.Pos != len(s.JSON) {
		return []byte("null")
	}
	return out
}
