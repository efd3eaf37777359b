// Package deletion removes the messages and folders that a plan says are to be
// removed. It does so last, when all of the plan has been read: first every message
// is looked at and nothing is done, then they are deleted, batch by batch, each
// looked at again. One that is not what the plan says saves all that are left.
package deletion

import (
	"context"
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Why nothing is removed, where users can change it.
var (
	ErrNotAllowed = errors.New("nothing may be deleted")
	ErrNoUIDPlus  = errors.New("the server cannot remove single messages")
	ErrTooMany    = errors.New("more is to be removed than may be at once")
)

// Options say what may be removed.
type Options struct {
	Allow       bool        // anything
	FullExpunge bool        // where the server can only remove all that is marked, if nobody else has marked any
	Max         limit.Share // of the messages in the account
	DryRun      bool        // nothing, but look
	WarnOnce    func(format string, args ...any)
}

// Remover removes messages and folders.
type Remover struct {
	ctx      context.Context // between two batches
	session  *destination.Session
	receipts *receipts.Writer
	opt      Options

	plan       plan
	folders    []*stream.DeleteFolder
	kept       int64 // messages and folders that should have been removed
	maxChecked bool  // it is known whether it is too much

	others         others
	removedOthers  bool              // more messages were expunged than were to be deleted
	marked         map[string]marked // by folder, where single messages cannot be expunged
	contradictions map[string]string // what the server contradicts itself in, by folder; "": in nothing
}

// New makes a Remover. ctx ends its work between two batches.
func New(ctx context.Context, session *destination.Session, writer *receipts.Writer, opt Options) *Remover {
	return &Remover{ctx: ctx, session: session, receipts: writer, opt: opt, contradictions: map[string]string{}}
}

// Add takes a message to be deleted.
func (r *Remover) Add(begin *stream.Begin, record *stream.Delete) error {
	return r.plan.add(begin, record)
}

// AddFolder takes a folder to be removed.
func (r *Remover) AddFolder(record *stream.DeleteFolder) { r.folders = append(r.folders, record) }

// Empty reports whether there is nothing left to be removed.
func (r *Remover) Empty() bool { return len(r.folders) == 0 && r.plan.left == 0 }

// Kept returns how many messages and folders should have been removed and were not.
func (r *Remover) Kept() int64 { return r.kept }

// Execute removes what may be removed, and answers why the rest stays. Messages stay
// where the rest of the plan was not carried out.
func (r *Remover) Execute(complete bool) error {
	switch {
	case r.Empty():
		return nil
	case !r.opt.Allow:
		return r.Keep("not-allowed", r.warn(ErrNotAllowed, "nothing may be deleted"))
	}
	var err error
	if complete {
		err = r.delete()
	} else {
		err = r.keepMessages("incomplete", "not all that the plan says was carried over")
	}
	switch {
	case err != nil:
		return err
	case r.kept > 0 && !r.opt.DryRun:
		return r.keepFolders("blocked", "messages that were to be deleted stay")
	}
	return r.remove()
}

// Keep answers for all that has no receipt yet: it stays.
func (r *Remover) Keep(reason, text string) error {
	err := r.keepMessages(reason, text)
	if keepErr := r.keepFolders(reason, text); err == nil {
		err = keepErr
	}
	return err
}

// excess says why so many messages, and those in folders that go, are more than
// may be removed at once; "" if they are not.
func (r *Remover) excess(messages int64) (why string, err error) {
	if r.maxChecked {
		return "", nil
	}
	r.maxChecked = true
	for _, f := range r.folders {
		messages += int64(f.Messages)
	}
	if messages == 0 {
		return "", nil
	}
	whole, err := r.messages()
	allowed := r.opt.Max.Of(whole)
	if err != nil || messages <= allowed {
		return "", err
	}
	return r.warn(ErrTooMany, "%s of %s %s to be removed, and the bound of %s allows %s", text.Thousands(messages),
		text.Count(whole, "message"), text.Either(messages, "is", "are"), r.opt.Max, text.Thousands(allowed)), nil
}

// warn tells the user why nothing is removed, and returns it.
func (r *Remover) warn(cause error, format string, args ...any) (why string) {
	err := fault.Errorf(fault.None, format, args...).Because(cause)
	r.opt.WarnOnce("%v", err)
	return err.Error()
}

// messages returns how many messages the account holds.
func (r *Remover) messages() (messages int64, err error) {
	var open []imapconn.Mailbox
	for _, box := range r.session.Listed {
		if box.Selectable() {
			open = append(open, box)
		}
	}
	all, err := r.session.IMAP.Status(r.session.Ctx, open, false)
	for _, s := range all {
		if s.Err == nil {
			messages += int64(s.Messages)
		}
	}
	return messages, err
}

// keepFolders answers for folders that are left as they are.
func (r *Remover) keepFolders(reason, text string) error {
	folders := r.folders
	r.folders = nil
	for _, f := range folders {
		r.kept++
		x := receipt.Receipt{Result: receipt.Skipped, Target: f.Target, Reason: reason, Text: text}
		if err := r.receipts.Folder(x); err != nil {
			return err
		}
	}
	return nil
}
