package search

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxBoundary is the longest boundary, in octets: RFC 2046 5.1.1 allows 70.
const maxBoundary = 1 << 10

// lines reads a message line by line, up to the end of the part that it is in.
type lines struct {
	r          *bufio.Reader
	middle     bool     // of a line, whose beginning was given
	boundaries [][]byte // of the open multiparts, "--" included, outermost first
	hit        int      // which of them was met, -1 if none
	last       bool     // it was the closing one
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

func newLines(r io.Reader) *lines {
	b := buffers.Get().(*bufio.Reader)
	b.Reset(r)
	return &lines{r: b, hit: -1}
}

// free gives the buffer back.
func (l *lines) free() {
	l.r.Reset(nil)
	buffers.Put(l.r)
	l.r = nil
}

// next returns the next line with its end, or as much of a long one as fits the
// buffer, until the next call. io.EOF is the end of the part, whatever ends it.
func (l *lines) next() ([]byte, error) {
	if l.hit >= 0 {
		return nil, io.EOF
	}
	line, err := l.r.ReadSlice('\n')
	if len(line) == 0 {
		return nil, err
	}
	if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
		return nil, err
	}
	if !l.middle && l.isBoundary(line) {
		return nil, io.EOF
	}
	l.middle = line[len(line)-1] != '\n'
	return line, nil
}

// isBoundary reports whether a line ends a part, and notes which.
func (l *lines) isBoundary(line []byte) bool {
	if len(l.boundaries) == 0 || len(line) > maxBoundary || !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for i := len(l.boundaries) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, l.boundaries[i])
		if ok && (len(rest) == 0 || string(rest) == "--") {
			l.hit, l.last = i, len(rest) > 0
			return true
		}
	}
	return false
}

// skip goes to the end of the part.
func (l *lines) skip() error {
	for {
		if _, err := l.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// push opens a multipart; the level is what enter and pop want.
func (l *lines) push(boundary string) (level int) {
	l.boundaries = append(l.boundaries, []byte("--"+strings.TrimRight(boundary, " ")))
	return len(l.boundaries) - 1
}

// enter goes into the part behind the boundary that was met; false if there is
// none at this level.
func (l *lines) enter(level int) bool {
	if l.hit != level || l.last {
		return false
	}
	l.hit = -1
	return true
}

// pop closes a multipart, whose epilogue belongs to the part around it.
func (l *lines) pop(level int) {
	l.boundaries = l.boundaries[:level]
	if l.hit == level {
		l.hit = -1
	}
}

// textReader reads the body of a part, its transfer encoding undone.
type textReader struct {
	lines   *lines
	decoder decoder
	text    []byte
}

func (t *textReader) Read(p []byte) (int, error) {
	for len(t.text) == 0 {
		line, err := t.lines.next()
		if err != nil {
			return 0, err
		}
		t.text = t.decoder.decode(line)
	}
	n := copy(p, t.text)
	t.text = t.text[n:]
	return n, nil
}
