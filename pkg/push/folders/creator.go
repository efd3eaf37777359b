package folders

import (
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Creator creates folders.
type Creator struct {
	session  *destination.Session
	receipts *receipts.Writer
	dryRun   bool
	pending  []*stream.Create
}

// NewCreator makes a Creator.
func NewCreator(session *destination.Session, writer *receipts.Writer, dryRun bool) *Creator {
	return &Creator{session: session, receipts: writer, dryRun: dryRun}
}

// Add takes a folder to be created.
func (c *Creator) Add(r *stream.Create) { c.pending = append(c.pending, r) }

// Pending reports whether there are folders to be created.
func (c *Creator) Pending() bool { return len(c.pending) > 0 }

// Skip answers for folders that were not created.
func (c *Creator) Skip(reason, text string) (err error) {
	list := c.pending
	c.pending = nil
	for _, r := range list {
		x := receipt.Receipt{Result: receipt.Skipped, Folder: r.Folder, Target: r.Target, Reason: reason, Text: text}
		if failed := c.receipts.Folder(x); err == nil {
			err = failed
		}
	}
	return err
}

// Run creates the folders. They have their receipts when the server lists what it has
// made.
func (c *Creator) Run() error {
	if len(c.pending) == 0 {
		return nil
	}
	before := c.session.Boxes
	if err := c.seek(); err != nil {
		return err
	}
	var answers []receipt.Receipt
	var err error
	for len(c.pending) > 0 {
		var x receipt.Receipt
		if x, err = c.create(c.pending[0]); err != nil {
			break
		}
		answers, c.pending = append(answers, x), c.pending[1:]
	}
	if err == nil {
		err = c.confirm(answers, before)
	}
	for _, x := range answers {
		if failed := c.receipts.Folder(x); err == nil {
			err = failed
		}
	}
	return err
}

// seek asks for the folders that are to be created: LIST may leave them out.
func (c *Creator) seek() error {
	var targets []*destination.Folder
	for _, r := range c.pending {
		targets = append(targets, c.session.Folder(r.Target))
	}
	return c.session.Seek(targets)
}

func (c *Creator) create(r *stream.Create) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Created, Folder: r.Folder, Target: r.Target}
	t := c.session.Folder(r.Target)
	switch {
	case t.Exists:
		x.Result = receipt.Present
		return x, nil
	case c.dryRun:
		x.Result, x.Reason = receipt.Skipped, "dry-run"
		if _, err := folder.WireToCreate(x.Target); err != nil {
			x.Result, x.Reason, x.Text = receipt.Rejected, "create", err.Error()
		}
		return x, nil
	}
	err := c.session.Create(t)
	switch {
	case errors.Is(err, imapconn.ErrExists) && t.Refused != nil:
		x.Result, x.Reason, x.Text = receipt.Rejected, "collides", t.Refused.Error()
	case errors.Is(err, imapconn.ErrExists):
		x.Result = receipt.Present
	case destination.Refused(err):
		t.Refused = err
		x.Result, x.Reason, x.Text = receipt.Rejected, "create", err.Error()
	default:
		return x, err
	}
	return x, nil
}

// confirm looks whether the folders that the server says it has created are
// there. One that is not has a receipt that says so, and takes no messages.
func (c *Creator) confirm(answers []receipt.Receipt, before map[string]imapconn.Mailbox) error {
	if !slices.ContainsFunc(answers, func(x receipt.Receipt) bool { return x.Result == receipt.Created }) {
		return nil
	}
	err := c.session.List(folder.AllSpaces)
	for i := range answers {
		x := &answers[i]
		if x.Result != receipt.Created {
			continue
		}
		t := c.session.Folder(x.Target)
		if err == nil {
			t.Refused, err = c.session.Unmade(t, before)
		}
		switch {
		case err != nil: // nobody knows
			x.Result, x.Reason, x.Text = receipt.Failed, "in-doubt", err.Error()
		case t.Refused != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "create", t.Refused.Error()
		}
	}
	return err
}
