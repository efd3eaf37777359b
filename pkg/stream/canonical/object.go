package canonical

import (
	"bytes"
	"iter"
)

// AppendObject appends a JSON object of texts for people, such as a message's header field.
func AppendObject[V string | []byte](dst []byte, pairs iter.Seq2[string, V]) []byte {
	dst = append(dst, '{')
	for name, value := range pairs {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = AppendString(append(AppendString(dst, name), ':'), value)
	}
	return append(dst, '}')
}

// is reads a string, and reports whether it is name.
func (s *Scanner) is(name string) bool {
	t := s.Token()
	if bytes.IndexByte(t, '\\') < 0 {
		return string(t) == name
	}
	out, err := Unescape(nil, t)
	if err != nil {
		s.Fail("%w", err)
	}
	return string(out) == name
}

// StringMember returns the string of a name in an object, such as a field of a message's
// header, "" if it is not there.
func StringMember(object []byte, name string) string {
	s := Scanner{JSON: object}
	if !s.Expect('{') {
		return ""
	}
	for first := true; s.Next('}', &first); {
		found := s.is(name)
		s.Expect(':')
		if s.Peek() != '"' {
			s.Any(nil, 1)
		} else if value := s.Text(); found {
			return value
		}
	}
	return ""
}
