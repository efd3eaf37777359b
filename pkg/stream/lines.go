package stream

import (
	"bufio"
	"bytes"
	"io"
)

// lineReader reads lines of at most MaxLine octets. Its buffer grows with them: most
// streams have no line that is nearly as long.
type lineReader struct{ in *bufio.Reader }

func newLineReader(r io.Reader) *lineReader { return &lineReader{bufio.NewReaderSize(r, 128<<10)} }

// next returns the next line with its line feed, valid until the following call. The
// error of a line that is too long is bufio.ErrBufferFull.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if err != bufio.ErrBufferFull || len(line) >= MaxLine {
			return line, err
		}
		again := io.MultiReader(bytes.NewReader(line), l.in)
		l.in = bufio.NewReaderSize(again, min(MaxLine, 4*len(line)))
	}
}
