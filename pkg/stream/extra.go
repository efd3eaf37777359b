package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/canonical"

// HeaderField returns a field of a message record's header, "" if it is not
// there.
func HeaderField(header []byte, name string) string {
	s := canonical.Scanner{JSON: header}
	if !s.Expect('{') {
		return ""
	}
	for first := true; s.Next('}', &first); {
		found := s.Text() == name
		s.Expect(':')
		if s.Peek() != '"' {
			s.Any(nil, 1)
		} else if value := s.Text(); found {
			return value
		}
	}
	return ""
}

// SetExtra gives a field that this version does not know a value, in place of
// the one it may have: extra is a record's Extra, value canonical JSON.
func SetExtra(extra []byte, name string, value []byte) []byte {
	var out []byte
	if len(extra) > 0 {
		s := canonical.Scanner{JSON: append(append([]byte{'{'}, extra[1:]...), '}')}
		s.Expect('{')
		for first := true; s.Next('}', &first); {
			key := s.Text()
			s.Expect(':')
			start := s.Pos
			if s.Any(nil, 1); key != name && s.Err == nil {
				out = append(canonical.AppendString(append(out, ','), key), ':')
				out = append(out, s.JSON[start:s.Pos]...)
			}
		}
	}
	return append(append(canonical.AppendString(append(out, ','), name), ':'), value...)
}
