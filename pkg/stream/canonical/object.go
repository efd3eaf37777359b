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

// Name reads the name of a member; an escape in it hides nothing.
func (s *Scanner) Name() []byte {
	t := s.Token()
	if bytes.IndexByte(t, '\\') < 0 {
		return t
	}
	out, err := Unescape(nil, t)
	if err != nil {
		s.Fail("%w", err)
	}
	return out
}

// StringMember returns the string of a name in an object, such as a field of a message's
// header, "" if it is not there.
func StringMember(object []byte, name string) string {
	s := Scanner{JSON: object}
	if !s.Expect('{') {
		return ""
	}
	for first := true; s.Next('}', &first); {
		found := string(s.Name()) == name
		s.Expect(':')
		if s.Peek() != '"' {
			s.Any(nil, 1)
		} else if value := s.Text(); found {
			return value
		}
	}
	return ""
}
