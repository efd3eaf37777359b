package stream

import (
	"bufio"
	"bytes"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// Joints tell what an input is joined of.
type Joints struct {
	Several bool // it holds more than one stream
	Deltas  bool // one behind another may be a delta
}

// FindJoints looks for the streams in an input, by how writers spell a begin
// record and by nothing else, as far as it can be read: what is wrong with it is
// for a Reader to find. It goes no further than a delta. An error is one of
// reading.
func FindJoints(in io.Reader) (j Joints, err error) {
	src := source{r: in}
	plain, release, err := frame.Open(bufio.NewReaderSize(&src, 128<<10))
	if err != nil {
		return j, src.failure()
	}
	defer release()
	defer src.close() // first: the decompressor reads ahead
	lines := frame.NewLines(plain)
	for first, begun := true, false; !j.Deltas; first = false {
		line, err := lines.Next()
		if err != nil {
			return j, src.failure()
		}
		if bytes.HasPrefix(line, beginning) {
			j.Several, begun = begun, true
			j.Deltas = !first && bytes.Contains(line, []byte(`,"base":"`))
		}
	}
	return j, nil
}

// beginning is how a stream begins in canonical JSON.
var beginning = []byte(`{"type":"begin",`)
