package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// grace is how long a write may still take once the context is cancelled:
// enough to end a stream in band, if anybody reads it. Tests shorten it.
var grace = 5 * time.Second

// OutputOptions tells NewOutput what will be written.
type OutputOptions struct {
	// Binary output (a compressed stream) is refused on a terminal.
	Binary bool
	// Replaces is what a FILE that is there may hold.
	Replaces Replaceable
}

// Output is where a command's records go: stdout, or the FILE of -o.
//
// A FILE that is new or regular is written as FILE.partial with mode 0600,
// and takes its name when Commit has synced it; a symlink is followed first
// and stays, unless it is foreign. Anything else (a device, a FIFO, /dev/fd/N)
// and stdout are written straight through. No file is made before the first
// Write.
//
// On a terminal, characters that act on it are written as \\uXXXX.
//
// Every error has an exit code: exit.BrokenPipe when the reader went away,
// exit.IO for other failures, exit.CantCreate for a FILE that cannot be
// made. An Output is for one goroutine.
type Output struct {
	ctx    context.Context
	name   string // for messages
	target string // the path to open: of the FILE itself, symlinks followed
	whole  bool   // written as target.partial and renamed
	shown  terminalText
	stdout bool     // Commit and Abort close os.Stdout too
	file   *os.File // nil until opened
	began  bool     // a Write or TruncateTo took place
	err    error    // the first failure, or that it is closed
	unhook func() bool
}

// NewOutput prepares the output to file; "" and "-" are stdout. It checks
// all that can be checked without changing anything, and refuses what the run
// reads or writes already (exit.Usage) and what it may not replace
// (exit.CantCreate): call it before any connection. Once ctx is cancelled, a write
// to a pipe whose reader does not read fails after 5 seconds with the code of the
// cause.
func NewOutput(ctx context.Context, file string, opt OutputOptions) (*Output, error) {
	o := &Output{ctx: ctx, name: file, target: file}
	if err := o.prepare(); err != nil {
		return nil, err
	}
	if opt.Binary && o.IsTerminal() {
		o.Abort()
		return nil, exit.Errorf(exit.Usage, "%s is a terminal, and the stream is compressed", o.name).
			WithHint("write it to a FILE with -o FILE, or into a pipe, or plain with --level none")
	}
	err := filesOf(ctx).addOutput(o)
	if err == nil {
		err = o.checkReplaces(opt.Replaces)
	}
	if err != nil {
		o.Abort()
		return nil, err
	}
	return o, nil
}

// prepare decides how o is written.
func (o *Output) prepare() error {
	if o.target == "" || o.target == "-" {
		o.name, o.target = "stdout", "/dev/stdout"
	}
	target, err := followOutput(o.target)
	if err != nil {
		return o.cannotCreate(err)
	}
	o.target = target
	if n, ok := descriptor.Number(target); ok {
		return o.useDescriptor(n)
	}
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.whole = true
		return o.cannotCreate(canCreate(target))
	case err != nil:
		return o.cannotCreate(err)
	case info.IsDir():
		return o.cannotCreate(syscall.EISDIR)
	case info.Mode().IsRegular():
		o.whole = true
		return o.cannotCreate(canReplace(target))
	case info.Mode()&fs.ModeNamedPipe != 0:
		return nil // opened at the first Write: it waits for a reader
	}
	return o.open()
}

func (o *Output) useDescriptor(n int) error {
	f, err := descriptor.Open(n, os.O_WRONLY, o.name)
	if err != nil {
		return o.cannotCreate(err)
	}
	o.stdout = n == 1
	o.use(f)
	return nil
}

// follow resolves the symlinks that path itself is, also to what does not
// exist yet, unless they are foreign. It stops at a descriptor of ours: /proc shows these as
// symlinks, but what they point to must not be opened once more.
func follow(path string) (string, error) {
	for range 40 {
		if _, ok := descriptor.Number(path); ok {
			return path, nil
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err := foreign(path, info); err != nil {
			return "", err
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		path = beside(path, link)
	}
	return "", syscall.ELOOP
}

// IsTerminal reports whether somebody looks at the output.
func (o *Output) IsTerminal() bool {
	return o.file != nil && !o.whole && descriptor.IsTerminal(o.file)
}

// IsFile reports whether the output is a regular file, be it through stdout:
// it is kept, where what goes into a pipe passes.
func (o *Output) IsFile() bool {
	if o.whole {
		return true
	}
	info := o.info()
	return info != nil && info.Mode().IsRegular()
}

// Name is what messages call the output.
func (o *Output) Name() string { return o.name }

// Write writes p; the first Write makes the file.
func (o *Output) Write(p []byte) (int, error) {
	if err := o.begin(); err != nil {
		return 0, err
	}
	if o.ctx.Err() != nil {
		o.file.SetWriteDeadline(time.Now().Add(grace))
	}
	safe := p
	if o.IsTerminal() {
		safe = o.shown.harmless(p)
	}
	n, err := o.file.Write(safe)
	if err != nil {
		o.err = o.writeError(err)
		return min(n, len(p)), o.err
	}
	return len(p), nil
}

// begin opens the output where that has not happened, for writing from start.
func (o *Output) begin() error {
	if o.err != nil {
		return o.err
	}
	if o.file == nil {
		if err := o.open(); err != nil {
			o.err = err
			return err
		}
	}
	if o.whole && !o.began {
		return o.TruncateTo(0)
	}
	o.began = true
	return nil
}

func (o *Output) open() error {
	var f *os.File
	var err error
	switch {
	case o.whole:
		f, err = openPartial(o.partial(), true)
	case o.file == nil:
		f, err = openWaiting(o.ctx, o.target, os.O_WRONLY|syscall.O_NOFOLLOW)
	}
	if err != nil {
		if cause := context.Cause(o.ctx); cause != nil && errors.Is(err, cause) {
			return cause
		}
		return o.cannotCreate(err)
	}
	o.use(f)
	return nil
}

// use makes f what is written to. From the cancellation of the context on, a
// write may only take so long.
func (o *Output) use(f *os.File) {
	o.file = f
	o.unhook = context.AfterFunc(o.ctx, func() { f.SetWriteDeadline(time.Now().Add(grace)) })
}

// Commit says that the output is whole: a FILE is synced and takes its name.
// After it, or after a failed one, the Output is closed.
func (o *Output) Commit() error {
	if err := o.begin(); err != nil {
		o.close()
		return err
	}
	var err error
	if o.whole {
		err = o.publish()
	}
	if closing := o.close(); err == nil {
		err = closing
	}
	return err
}

// Abort closes the output and leaves what there is in FILE.partial. It does
// nothing after Commit, so that it can be deferred.
func (o *Output) Abort() {
	o.close()
}

// errClosed is what a closed Output answers; its user has a bug.
var errClosed = errors.New("the output is closed")

// close closes the output once. Stdout is closed with it: its reader waits
// for that, and a file server may report there what it could not store.
func (o *Output) close() error {
	if errors.Is(o.err, errClosed) {
		return nil
	}
	o.err = errClosed
	if o.file == nil {
		return nil
	}
	o.unhook()
	err := o.file.Close()
	if o.stdout {
		if closing := os.Stdout.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		return o.writeError(err)
	}
	return nil
}

// writeError gives a failed write its code.
func (o *Output) writeError(err error) error {
	if cause := context.Cause(o.ctx); cause != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return exit.Errorf(exit.CodeOf(cause), "write to %s: nobody reads: %w", o.name, cause)
	}
	failure := WriteError(o.name, err)
	if o.whole {
		failure = failure.WithHint("what was written is kept in %s", o.partial())
	}
	return failure
}

// cannotCreate gives an error its code; nil stays nil.
func (o *Output) cannotCreate(err error) error {
	if err == nil || exit.HasCode(err) {
		return err
	}
	return exit.Errorf(exit.CantCreate, "cannot write to %s: %w", o.name, Bare(err))
}

// info describes what o writes to, nil if that does not exist yet.
func (o *Output) info() fs.FileInfo {
	var info fs.FileInfo
	var err error
	switch {
	case o.file != nil && !o.whole:
		info, err = o.file.Stat()
	default:
		info, err = os.Stat(o.target)
	}
	if err != nil {
		return nil
	}
	return info
}

// openWaiting opens path, which may have to wait until the other end of a
// FIFO is opened, but not longer than for ctx.
func openWaiting(ctx context.Context, path string, flag int) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.OpenFile(path, flag|syscall.O_NOCTTY, 0)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.file, r.err
	case <-ctx.Done():
		go func() {
			if r := <-opened; r.err == nil {
				r.file.Close()
			}
		}()
		return nil, fmt.Errorf("open %s: %w", path, context.Cause(ctx))
	}
}
