package stream

// HeaderField returns a field of a message record's header, "" if it is not
// there.
func HeaderField(header []byte, name string) string {
	s := scanner{b: header}
	if !s.expect('{') {
		return ""
	}
	for first := true; s.next('}', &first); {
		found := s.str() == name
		s.expect(':')
		if s.peek() != '"' {
			s.value(nil, 1)
		} else if value := s.str(); found {
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
		s := scanner{b: append(append([]byte{'{'}, extra[1:]...), '}')}
		s.expect('{')
		for first := true; s.next('}', &first); {
			key := s.str()
			s.expect(':')
			start := s.i
			if s.value(nil, 1); key != name && s.err == nil {
				out = append(appendString(append(out, ','), key), ':')
				out = append(out, s.b[start:s.i]...)
			}
		}
	}
	return append(append(appendString(append(out, ','), name), ':'), value...)
}
