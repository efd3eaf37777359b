package stream

import (
	"bufio"
	"bytes"
	"io"
)

// Joined tells whether r holds more than one stream, as far as it can be read:
// what is wrong with it is for a Reader to find. It decodes no records, and
// goes no further than the second stream.
func Joined(r io.Reader) bool {
	src := source{r: r}
	plain, release, err := decompressor(bufio.NewReaderSize(&src, 128<<10))
	if err != nil {
		return false
	}
	defer release()
	defer src.close()        // first: the decompressor reads ahead
	begins, fresh := 0, true // fresh: a line begins here
	for lines := bufio.NewReaderSize(plain, 128<<10); begins < 2; {
		piece, err := lines.ReadSlice('\n')
		if fresh && bytes.HasPrefix(piece, beginning) {
			begins++
		}
		if fresh = err == nil; err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	return begins > 1
}

// beginning is how a stream begins in canonical JSON.
var beginning = []byte(`{"type":"begin",`)
