package transform

import (
	"bytes"
	"io"
	"slices"
)

// longLine is what a line may have, in octets without its end (RFC 5322 2.1.1).
const longLine = 998

// survey is what all of a message shows.
type survey struct {
	nul, bareLF bool
	longest     int64 // octets of the longest line, its end not counted
	column      int64
	cr          bool
	last        [2]byte
}

func (s *survey) Write(p []byte) (int, error) {
	s.nul = s.nul || bytes.IndexByte(p, 0) >= 0
	for line := range bytes.Lines(p) {
		last := len(line) - 1
		ended := line[last] == '\n'
		if !ended {
			s.column += int64(len(line))
			s.longest = max(s.longest, s.column-boolToInt(line[last] == '\r'))
			s.cr = line[last] == '\r'
			continue
		}
		paired := last > 0 && line[last-1] == '\r' || last == 0 && s.cr
		s.bareLF = s.bareLF || !paired
		s.longest = max(s.longest, s.column+int64(last)-boolToInt(paired))
		s.column, s.cr = 0, false
	}
	if n := len(p); n >= 2 {
		s.last = [2]byte(p[n-2:])
	} else if n == 1 {
		s.last = [2]byte{s.last[1], p[0]}
	}
	return len(p), nil
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// look surveys a message.
func look(m *Message) (*survey, error) {
	s := &survey{}
	_, err := io.CopyBuffer(onlyWriter{s}, io.NewSectionReader(m.Octets, 0, m.Size),
		make([]byte, min(m.Size+1, copySize)))
	return s, ioError(err)
}

// Anomalies names what in a message servers are known to refuse, in the words of the
// fixes that mend it (ParseRules), or "no-header", and how long its longest line
// is in octets.
func Anomalies(m *Message) (names []string, longest int64, err error) {
	s, err := look(m)
	if err != nil {
		return nil, 0, err
	}
	head, end, err := readBlock(m)
	if err != nil {
		return nil, 0, err
	}
	add := func(odd bool, name string) {
		if odd {
			names = append(names, name)
		}
	}
	b := parseBlock(head, end)
	add(isFromLine(head), "mbox-from")
	add(s.nul, "nul")
	add(s.bareLF, "bare-lf")
	add(m.Size > 0 && b.top() == len(b.fields), "no-header")
	add(b.hasStray(), "header-fold")
	add(slices.ContainsFunc(b.fields, func(f field) bool { return f.hasGap() }), "header-colon")
	add(has8Bit(head), "header-8bit")
	add(s.longest > longLine, "long-lines")
	add(m.Size > 0 && s.last != [2]byte{'\r', '\n'}, "final-crlf")
	return names, s.longest, nil
}

// hasStray reports whether a line behind the first field is none.
func (b *block) hasStray() bool {
	for i := b.top(); i < len(b.fields); i++ {
		if b.fields[i].name == "" {
			return true
		}
	}
	return false
}
