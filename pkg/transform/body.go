package transform

import (
	"bytes"
	"io"
)

// copySize is how much of a message is looked at in one piece, in octets.
const copySize = 64 << 10

// stage is one step of what a body goes through. close ends the body; changed
// tells whether anything came out other than it went in.
type stage interface {
	io.Writer
	close() error
	changed() bool
}

// chain is the stages that a body goes through.
type chain struct {
	names  []string
	stages []stage
	in     io.Writer
}

// body makes the chain of a body whose header is h, nil where there is nothing
// to do.
func (m *mends) body(h *block, out io.Writer) *chain {
	c := &chain{in: out}
	if m.maxLine > 0 && !m.skipLongest {
		c.add("fix:long-lines", newWrapper(c.in, m.maxLine, h))
	}
	if m.bareLF {
		c.add("fix:bare-lf", &lineEnds{out: c.in})
	}
	if m.nul == "strip" {
		c.add("fix:nul", &nulStripper{out: c.in})
	}
	if c.stages == nil {
		return nil
	}
	return c
}

// add puts a stage before the others.
func (c *chain) add(name string, s stage) {
	c.names = append([]string{name}, c.names...)
	c.stages = append([]stage{s}, c.stages...)
	c.in = s
}

// run passes a body through, and names the stages that changed it.
func (c *chain) run(body io.Reader, size int64) (changes []string, err error) {
	if _, err := io.CopyBuffer(onlyWriter{c.in}, body, make([]byte, min(size+1, copySize))); err != nil {
		return nil, ioError(err)
	}
	for i, s := range c.stages {
		if err := s.close(); err != nil {
			return nil, ioError(err)
		}
		if s.changed() {
			changes = append(changes, c.names[i])
		}
	}
	return changes, nil
}

// onlyWriter hides what else a writer can do.
type onlyWriter struct{ io.Writer }

// nulStripper leaves NUL out.
type nulStripper struct {
	out      io.Writer
	stripped bool
}

func (s *nulStripper) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		at := bytes.IndexByte(p, 0)
		if at < 0 {
			at = len(p)
		}
		if _, err := s.out.Write(p[:at]); err != nil {
			return 0, err
		}
		if at == len(p) {
			break
		}
		s.stripped = true
		p = p[at+1:]
	}
	return n, nil
}

func (s *nulStripper) close() error  { return nil }
func (s *nulStripper) changed() bool { return s.stripped }

// lineEnds puts a CR before each LF that has none.
type lineEnds struct {
	out   io.Writer
	cr    bool // the last octet was a CR
	added bool
	buf   []byte
}

func (s *lineEnds) Write(p []byte) (int, error) {
	s.buf = s.buf[:0]
	for line := range bytes.Lines(p) {
		last := len(line) - 1
		if line[last] == '\n' && !(last > 0 && line[last-1] == '\r' || last == 0 && s.cr) {
			s.buf = append(append(s.buf, line[:last]...), '\r', '\n')
			s.added = true
		} else {
			s.buf = append(s.buf, line...)
		}
		s.cr = line[last] == '\r'
	}
	if _, err := s.out.Write(s.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *lineEnds) close() error  { return nil }
func (s *lineEnds) changed() bool { return s.added }

// inMemory passes a header through the stages that are for all of a message.
func (m *mends) inMemory(p []byte) (out []byte, changes []string) {
	r := &room{}
	all := mends{bareLF: m.bareLF, nul: m.nul}
	c := all.body(nil, r)
	if c == nil || len(p) == 0 {
		return p, nil
	}
	changes, _ = c.run(bytes.NewReader(p), int64(len(p))) // a room keeps in memory what a header can be
	if len(changes) == 0 {
		return p, nil
	}
	return r.memory, changes
}

// finalEnd is what has to follow a message so that it ends in CRLF. Nothing
// follows an empty one.
func finalEnd(j joined) (replace int64, end string, err error) {
	size := j.size()
	if size == 0 {
		return 0, "", nil
	}
	var last [2]byte
	n := min(size, 2)
	if _, err := j.ReadAt(last[2-n:], size-n); err != nil && err != io.EOF {
		return 0, "", ioError(err)
	}
	switch {
	case last == [2]byte{'\r', '\n'}:
		return 0, "", nil
	case last[1] == '\n':
		return 1, "\r\n", nil
	case last[1] == '\r':
		return 0, "\n", nil
	}
	return 0, "\r\n", nil
}
