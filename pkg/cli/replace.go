package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	ucli "github.com/urfave/cli/v2"
)

// A FILE that is there is replaced only by another of its kind: a stream by one
// of the same account that holds no less of each message, a report by a report.
// Anything else takes --overwrite.

// OverwriteFlag is the option with which any file is replaced.
func OverwriteFlag() ucli.Flag {
	return &ucli.BoolFlag{Name: "overwrite", Category: producing,
		Usage: "replace FILE whatever it holds (without: only a stream of the same account, or a report by a report)"}
}

// mayReplace says why a FILE must not be replaced, or nil. check is given what
// it holds, from its beginning. It is not called for a FILE that is empty, new,
// or written straight through.
func (o *Output) mayReplace(check func(held io.Reader) error) error {
	if !o.whole {
		return nil
	}
	f, err := os.Open(o.target)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return o.cannotCreate(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		return nil
	}
	return check(f)
}

// kept is the error for a FILE that is not replaced.
func (o *Output) kept(what string) error {
	return exit.Errorf(exit.CantCreate, "%s is there and %s", Safe(o.name), what).
		WithHint("write to another file, or replace this one with --overwrite")
}

// guardStream refuses to replace a FILE that the stream of begin may not take the
// place of, as far as begin says. What it returns does so with the begin record
// that is written, or is nil.
func (o *Output) guardStream(begin *stream.Begin) (first func(*stream.Begin) error, err error) {
	err = o.mayReplace(func(held io.Reader) error {
		old, err := o.streamIn(held)
		if err != nil {
			return err
		}
		first = func(b *stream.Begin) error { return o.replaces(old, b) }
		return first(begin)
	})
	return first, err
}

// streamIn reads how the stream in a file begins: a nil Begin is a stream that
// ended before it held anything.
func (o *Output) streamIn(held io.Reader) (*stream.Begin, error) {
	r := stream.NewReader(held, true)
	defer r.Close()
	rec, err := r.Next()
	switch b := rec.(type) {
	case *stream.Begin:
		return b, nil
	case *stream.Abort:
		return nil, nil
	}
	if exit.CodeOf(err) == exit.IO {
		return nil, err
	}
	return nil, o.kept("is no imap-stream")
}

// replaces says why a stream must not take the place of another, or nil. What is
// empty in begin is not known yet.
func (o *Output) replaces(old, begin *stream.Begin) error {
	none := account.Account{}
	switch {
	case old == nil || old.Account() == none && old.TargetAccount() == none:
		return nil // it holds nothing
	case old.Plan != begin.Plan:
		return o.kept("holds " + kindOf(old) + ", and this is " + kindOf(begin))
	case begin.Account() != none && old.Account() != begin.Account():
		return o.kept("is of " + old.Account().Words() + ", and this is of " + begin.Account().Words())
	case begin.TargetAccount() != none && old.TargetAccount() != begin.TargetAccount():
		return o.kept("is a plan for " + old.TargetAccount().Words() + ", and this is one for " + begin.TargetAccount().
			Words())
	case old.Plan && isRejects(old) != isRejects(begin):
		return o.kept("holds " + kindOf(old) + ", and this is " + kindOf(begin))
	case old.Plan:
		return nil
	case begin.Content == stream.Headers && old.Content != stream.Headers, old.Content == stream.Full &&
		begin.Content != stream.Full:
		return o.kept("holds " + kindOf(old) + ", and this is " + kindOf(begin))
	case old.Base == "" && begin.Base != "":
		return o.kept("is no delta, and this is one")
	}
	return nil
}

// isRejects reports whether a plan is what imap-push --rejects wrote.
func isRejects(b *stream.Begin) bool { return slices.Contains(b.Filters, "rejects") }

func kindOf(b *stream.Begin) string {
	switch {
	case b.Plan && isRejects(b):
		return "the rejects of a plan"
	case b.Plan:
		return "a plan"
	}
	return map[stream.Content]string{stream.Headers: "headers", stream.Hashes: "hashes",
		stream.Full: "messages with bodies"}[b.Content]
}

// OpenAppend opens a file that the option of that name appends lines to. A new
// one is readable by its owner alone. What holds a stream is refused: it would be
// damaged. Errors: exit.CantCreate.
func OpenAppend(option, path string) (*os.File, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, exit.Errorf(exit.CantCreate, "cannot write to --%s %s: %w", option, Safe(path), bare(err))
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return f, nil
	}
	head := make([]byte, 4096)
	n, _ := f.ReadAt(head, 0)
	if bytes.HasPrefix(head, []byte(`{"type":"begin","format":"imap-receipts"`)) {
		return f, nil
	}
	in := stream.NewReader(bytes.NewReader(head[:n]), true)
	defer in.Close()
	_, err = in.Next()
	var damage *stream.Error
	if errors.As(err, &damage) && damage.Kind == stream.NotStream {
		return f, nil
	}
	f.Close()
	return nil, exit.Errorf(exit.CantCreate, "--%s %s holds a stream, and lines appended to it would damage it", option,
		Safe(path)).WithHint("name another file")
}

func openAppend(path string) (*os.File, error) {
	target, err := followOutput(path)
	if err != nil {
		return nil, err
	}
	flag := os.O_CREATE | os.O_APPEND
	if _, ok := descriptor.Number(target); !ok {
		flag |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(target, flag|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrPermission) {
		f, err = os.OpenFile(target, flag|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = foreign(target, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var reportLine = lazyregexp.New(`^(source +\S|\{"type":"(comparison|place|difference)"|\S.* -> \S|  copy )`)

// ReplaceReport refuses to replace a FILE that is no report.
func (o *Output) ReplaceReport(c *ucli.Context) error {
	if c.Bool("overwrite") {
		return nil
	}
	return o.mayReplace(func(held io.Reader) error {
		head, _ := bufio.NewReader(held).Peek(200)
		if !reportLine.Match(head) {
			return o.kept("is no report")
		}
		return nil
	})
}

// ReplaceNothing refuses to replace a FILE that holds anything.
func (o *Output) ReplaceNothing(c *ucli.Context) error {
	if c.Bool("overwrite") {
		return nil
	}
	return o.mayReplace(func(io.Reader) error { return o.kept("may have been edited") })
}
