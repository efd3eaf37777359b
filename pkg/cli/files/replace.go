package files

import (
	"bufio"
	"errors"
	"os"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Replaceable says which FILE an output may take the place of. A stream that OpenStream
// writes replaces only a stream of the same account that holds no more of each message.
type Replaceable int

const (
	Anything Replaceable = iota // whatever it holds
	Reports                     // a report, or an empty file
	Nothing                     // an empty file
)

// checkReplaces refuses to replace a FILE that is there and is not replaceable.
func (o *Output) checkReplaces(what Replaceable) error {
	if what == Anything {
		return nil
	}
	held, err := o.held()
	if held == nil {
		return err
	}
	defer held.Close()
	switch {
	case what == Nothing:
		return held.kept("may have been edited")
	case !held.isReport():
		return held.kept("is no report")
	}
	return nil
}

// heldFile is a FILE that is there and holds something, open at its beginning.
type heldFile struct {
	*os.File
	name string // for messages
}

// held opens the FILE that o is to replace. It returns nil for a FILE that is empty,
// new, or written straight through.
func (o *Output) held() (*heldFile, error) {
	if !o.whole {
		return nil, nil
	}
	f, err := os.Open(o.target)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, o.cannotCreate(err)
	}
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		f.Close()
		return nil, nil
	}
	return &heldFile{f, o.name}, nil
}

// kept is the error for a FILE that is not replaced.
func (f *heldFile) kept(why string) error { return kept(f.name, why) }

func kept(name, why string) error {
	return exit.Errorf(exit.CantCreate, "%s is there and %s", text.Safe(name), why).
		WithHint("write to another file, or replace this one with --overwrite")
}

var reportLine = lazyregexp.New(`^(source +\S|\{"type":"(comparison|place|difference)"|\S.* -> \S|  copy )`)

func (f *heldFile) isReport() bool {
	head, _ := bufio.NewReader(f).Peek(200)
	return reportLine.Match(head)
}

// begin reads how the stream in the file begins. It returns nil for a stream that
// ended before it held anything.
func (f *heldFile) begin() (*stream.Begin, error) {
	r := stream.NewReader(f, true)
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
	return nil, f.kept("is no imap-stream")
}

// guardStream refuses to replace a FILE that the stream of begin may not take the
// place of, as far as begin says. What it returns does so with the begin record
// that is written, or is nil.
func guardStream(o *Output, begin *stream.Begin) (first func(*stream.Begin) error, err error) {
	held, err := o.held()
	if held == nil {
		return nil, err
	}
	defer held.Close()
	old, err := held.begin()
	if err != nil {
		return nil, err
	}
	first = func(b *stream.Begin) error {
		if why := whyKept(old, b); why != "" {
			return kept(o.name, why)
		}
		return nil
	}
	return first, first(begin)
}

// whyKept says why a stream must not take the place of another, or "". What is empty
// in begin is not known yet.
func whyKept(old, begin *stream.Begin) string {
	none := account.Account{}
	switch {
	case old == nil || old.Account() == none && old.TargetAccount() == none:
		return "" // it holds nothing
	case old.Plan != begin.Plan:
		return "holds " + kindOf(old) + ", and this is " + kindOf(begin)
	case begin.Account() != none && old.Account() != begin.Account():
		return "is of " + old.Account().Words() + ", and this is of " + begin.Account().Words()
	case begin.TargetAccount() != none && old.TargetAccount() != begin.TargetAccount():
		return "is a plan for " + old.TargetAccount().Words() + ", and this is one for " + begin.TargetAccount().Words()
	case old.Plan && isRejects(old) != isRejects(begin):
		return "holds " + kindOf(old) + ", and this is " + kindOf(begin)
	case old.Plan:
		return ""
	case begin.Content == stream.Headers && old.Content != stream.Headers, old.Content == stream.Full &&
		begin.Content != stream.Full:
		return "holds " + kindOf(old) + ", and this is " + kindOf(begin)
	case old.Base == "" && begin.Base != "":
		return "is no delta, and this is one"
	}
	return ""
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
