package files

import (
	"bytes"
	"context"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// readAhead bounds what of a pipe is kept in a temporary file, in octets.
var readAhead int64 = 256 << 20

// keep puts a pipe that may bring several streams, as cat joins them, into a temporary
// file without a name, so that it can be read twice: what is in a stream depends on
// those behind it. A pipe from a command of ours, which may wait for us, goes on its
// way and carries one stream. So does one that brings more than is kept, or more
// than there is room for.
func (in *Input) keep() error {
	head := make([]byte, frame.GreetingSize)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	if in.ahead = bytes.NewReader(head); !frame.MayBeJoined(head) {
		return nil
	}
	file, err := tempfile.New("what comes from a pipe")
	if err != nil {
		return nil // then it is read once
	}
	kept, rest, err := in.copyTo(file)
	if cause := context.Cause(in.ctx); cause != nil {
		file.Close()
		return cause
	}
	if _, seek := file.Seek(0, io.SeekStart); seek != nil {
		file.Close()
		return seek
	}
	in.kept = file
	if in.whole = err == io.EOF; !in.whole {
		in.ahead = io.MultiReader(io.LimitReader(file, kept), bytes.NewReader(rest))
	}
	return nil
}

// copyTo copies what comes to a file, up to the bound. It returns how much is
// there, what was read and is not, and io.EOF if that is all.
func (in *Input) copyTo(file io.Writer) (kept int64, rest []byte, err error) {
	buffer := make([]byte, 256<<10)
	for kept < readAhead {
		n, err := in.Read(buffer)
		written, failed := file.Write(buffer[:n])
		kept += int64(written)
		if failed != nil {
			return kept, buffer[written:n], nil
		}
		if err != nil {
			return kept, nil, err // one that lasts comes again
		}
	}
	return kept, nil, nil
}
