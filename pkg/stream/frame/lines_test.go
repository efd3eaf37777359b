package frame

import (
	"bufio"
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

// Lines are read as they are where the buffer grows, up to the longest that may be.
func TestLinesOfAnyLength(t *testing.T) {
	var want [][]byte
	for _, size := range []int{1, 128 << 10, 3, 128<<10 + 1, 512 << 10, 2, 512<<10 - 1, 512<<10 + 1, MaxLine - 1, MaxLine, 5} {
		line := bytes.Repeat([]byte{byte('a' + len(want))}, size)
		line[size-1] = '\n'
		want = append(want, line)
	}
	data := append(bytes.Join(want, nil), bytes.Repeat([]byte("z"), MaxLine)...)
	for _, in := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data))} {
		lines := NewLines(in)
		for i, line := range want {
			if got, err := lines.Next(); err != nil || !bytes.Equal(got, line) {
				t.Fatalf("line %d of %d octets: %d octets, %v", i+1, len(line), len(got), err)
			}
		}
		if _, err := lines.Next(); err != bufio.ErrBufferFull {
			t.Errorf("a line that is too long: %v", err)
		}
	}
}
