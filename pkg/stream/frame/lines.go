package frame

import (
	"bufio"
	"bytes"
	"io"
)

// MaxLine is the longest line, in octets with its line feed.
const MaxLine = 2 << 20

// Lines reads lines of at most MaxLine octets. Its buffer grows with them: most
// streams have no line that is nearly as long.
type Lines struct{ in *bufio.Reader }

// NewLines makes Lines of plain records.
func NewLines(r io.Reader) *Lines { return &Lines{bufio.NewReaderSize(r, 128<<10)} }

// Next returns the next line with its line feed, valid until the following call. The
// error of a line that is too long is bufio.ErrBufferFull.
func (l *Lines) Next() ([]byte, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if err != bufio.ErrBufferFull || len(line) >= MaxLine {
			return line, err
		}
		again := io.MultiReader(bytes.NewReader(line), l.in)
		l.in = bufio.NewReaderSize(again, min(MaxLine, 4*len(line)))
	}
}
