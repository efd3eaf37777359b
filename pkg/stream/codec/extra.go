package codec

import "github.com/imap-pipe/imap-pipe/pkg/stream/canonical"

// SetExtra gives a field that this version does not know a value, in place of
// the one it may have: extra is what Others keeps of a record, value canonical JSON.
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
