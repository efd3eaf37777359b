// Package files is what the commands read and write: files, pipes and descriptors, and
// the streams in them. It knows no options.
package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// Input is a stream to read: stdin or a file. It is for one goroutine.
type Input struct {
	ctx    context.Context
	name   string // for messages
	stdin  bool   // Close closes os.Stdin too
	file   *os.File
	info   fs.FileInfo
	start  int64 // where a seekable input began
	unhook func() bool

	next *Input // what is read after this one, or nil: see OpenInputs
	read *Input // the one of them that is read, or nil for this one

	ahead io.Reader      // what was read of it and is to be read again, or nil
	kept  *tempfile.File // what a pipe brought, or nil
	whole bool           // that is all of it

	surveyed bool            // it is known what it is joined of
	several  bool            // more than one stream
	history  *stream.History // what they say, or nil
}

// OpenInput opens the input at path; "" and "-" are stdin. Errors:
// exit.Usage for a terminal, where somebody forgot the stream, and for what
// the run writes to, exit.NoInput for what is missing or unreadable.
//
// Once ctx is cancelled, Read returns context.Cause, also one that waits for
// a pipe.
func OpenInput(ctx context.Context, path string) (*Input, error) {
	in := &Input{ctx: ctx, name: path}
	if path == "" || path == "-" {
		in.name, path = "stdin", "/dev/stdin"
	}
	if err := in.open(path); err != nil {
		return nil, in.missing(err)
	}
	err := in.check()
	if err == nil {
		err = filesOf(ctx).addInput(in)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// OpenInputs opens several files as one input: they are read one after the
// other, as if cat had joined them. Errors: as OpenInput, and exit.Usage where
// one of several is no file, or some are compressed and others are not.
func OpenInputs(ctx context.Context, paths []string) (*Input, error) {
	if len(paths) == 0 {
		return OpenInput(ctx, "")
	}
	first, err := OpenInput(ctx, paths[0])
	if err != nil || len(paths) == 1 {
		return first, err
	}
	last, packed := first, 0
	for i := 0; err == nil; {
		var zstd bool
		if zstd, err = last.isPacked(); err != nil {
			break
		}
		if zstd {
			packed++
		}
		if i++; i == len(paths) {
			break
		}
		if last.next, err = OpenInput(ctx, paths[i]); err == nil {
			last = last.next
		}
	}
	if err == nil && packed != 0 && packed != len(paths) {
		err = exit.Errorf(exit.Usage, "of the streams %s, some are compressed and others are not", first.Name()).
			WithHint("compress the others with zstd, or decompress all")
	}
	if err != nil {
		first.Close()
		return nil, err
	}
	return first, nil
}

// isPacked reports whether a file, one of several, is compressed.
func (in *Input) isPacked() (bool, error) {
	if !in.info.Mode().IsRegular() {
		return false, exit.Errorf(exit.Usage, "%s is no file, and one of several inputs", in.name).
			WithHint("join them first: cat FILE... > ALL")
	}
	head := make([]byte, 1)
	switch n, err := in.file.ReadAt(head, in.start); {
	case n == 1:
		return head[0] != '{', nil
	case err == io.EOF: // a stream that is empty is cut, wherever it stands
		return false, exit.Errorf(exit.Data, "%s is empty: the stream is cut", in.name)
	default:
		return false, exit.Errorf(exit.IO, "read %s: %w", in.name, Bare(err))
	}
}

func (in *Input) open(path string) (err error) {
	// Like an output, an input that is a descriptor of ours goes on where the
	// descriptor stands.
	if path, err = follow(path); err != nil {
		return err
	}
	if n, ok := descriptor.Number(path); ok {
		in.stdin = n == 0
		in.file, err = descriptor.Open(n, os.O_RDONLY, in.name)
	} else {
		in.file, err = openWaiting(in.ctx, path, os.O_RDONLY)
	}
	if err != nil {
		return err
	}
	f := in.file
	in.unhook = context.AfterFunc(in.ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })
	in.info, err = f.Stat()
	if err != nil {
		in.Close()
	}
	return err
}

func (in *Input) check() error {
	switch {
	case in.info.IsDir():
		return in.missing(syscall.EISDIR)
	case descriptor.IsTerminal(in.file):
		return exit.Errorf(exit.Usage, "a stream is expected on %s, but it is a terminal", in.name).
			WithHint("name a FILE, or put the command behind the one that writes the stream")
	case in.Seekable():
		start, err := in.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return in.missing(err)
		}
		in.start = start
	}
	return nil
}

// missing gives an input that cannot be opened its code.
func (in *Input) missing(err error) error {
	if cause := context.Cause(in.ctx); cause != nil && errors.Is(err, cause) {
		return cause
	}
	return exit.Errorf(exit.NoInput, "cannot read %s: %w", in.name, Bare(err))
}

// Read reads from the input. Its errors, but for io.EOF and the context's
// cause, have the code exit.IO.
func (in *Input) Read(p []byte) (int, error) {
	if cause := context.Cause(in.ctx); cause != nil {
		return 0, cause
	}
	if in.next != nil {
		return in.readJoined(p)
	}
	return in.readOne(p)
}

// readJoined reads from the first of several files that has not come to its end.
func (in *Input) readJoined(p []byte) (int, error) {
	if in.read == nil {
		in.read = in
	}
	for {
		n, err := in.read.readOne(p)
		if err != io.EOF || n > 0 || in.read.next == nil {
			return n, err
		}
		in.read = in.read.next
	}
}

func (in *Input) readOne(p []byte) (int, error) {
	if in.ahead != nil {
		if n, err := in.ahead.Read(p); n > 0 || err != io.EOF {
			return n, exit.Wrap(exit.IO, err)
		}
		in.ahead = nil
	}
	var file io.ReadSeeker = in.file
	if in.whole {
		file = in.kept
	}
	n, err := file.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if cause := context.Cause(in.ctx); cause != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return n, cause
	}
	return n, exit.Errorf(exit.IO, "read %s: %w", in.name, Bare(err))
}

// Seekable reports whether the input can be read a second time.
func (in *Input) Seekable() bool {
	return in.whole || in.info.Mode().IsRegular()
}

// Rewind goes back to where a seekable input began: its first octet, or
// where the shell's redirection stood.
func (in *Input) Rewind() error {
	if in.read = nil; in.next != nil {
		if err := in.next.Rewind(); err != nil {
			return err
		}
	}
	var file io.ReadSeeker = in.file
	if in.whole {
		file = in.kept
	}
	if _, err := file.Seek(in.start, io.SeekStart); err != nil {
		return exit.Errorf(exit.IO, "read %s a second time: %w", in.name, Bare(err))
	}
	return nil
}

// Size is the number of octets of a file, -1 for any other input.
func (in *Input) Size() int64 {
	if !in.Seekable() {
		return -1
	}
	if in.whole {
		return -1
	}
	size := in.info.Size() - in.start
	if in.next != nil {
		size += in.next.Size()
	}
	return size
}

// Name is what messages call the input.
func (in *Input) Name() string {
	if in.next != nil {
		return in.name + ", " + in.next.Name()
	}
	return in.name
}

// Close closes the input. Stdin itself goes with it, so that a writer
// learns at once that nobody reads.
func (in *Input) Close() error {
	if in.next != nil {
		in.next.Close()
	}
	if in.unhook != nil {
		in.unhook()
	}
	if in.stdin {
		os.Stdin.Close()
	}
	if in.kept != nil {
		in.kept.Close()
	}
	return in.file.Close()
}
