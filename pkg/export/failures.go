package export

import (
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Failures counts what could not be had, and knows how much of that is too much.
type Failures struct {
	classes *failure.Classes
	count   int64
	bound   int64 // 0: none
}

func NewFailures(opt *Options) *Failures {
	return &Failures{classes: opt.Failures, bound: opt.Limits.Errors}
}

// Write writes a failed record of ours, and stops the run after too many.
func (f *Failures) Write(w *stream.Writer, r *stream.Failed) error {
	f.classes.Add(string(r.Reason), r.Folder, r.UID, r.Text)
	return f.Pass(w, r)
}

// Pass writes a failed record that the user was told of already.
func (f *Failures) Pass(w *stream.Writer, r *stream.Failed) error {
	if err := w.Write(r); err != nil {
		return err
	}
	if f.count++; f.count == f.bound {
		return limit.ErrorsReached(f.bound)
	}
	return nil
}

// Partial returns the error of a run in which so many messages or folders
// failed, nil for none.
func Partial(failed int64) error {
	if failed > 0 {
		return fault.Errorf(fault.Partial, "%s failed; the stream's failed records name %s",
			text.Count(failed, "message or folder"), text.Either(failed, "it", "them"))
	}
	return nil
}
