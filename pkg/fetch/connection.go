package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// connection is a session of the account, and the folder that is open on it.
type connection struct {
	session *imapconn.Session // or nil, before it is needed
	warn    func(format string, args ...any)

	folder   *stream.Folder // that is open, or nil
	box      *imapconn.Selected
	unstable bool // its UIDVALIDITY is another at each look
}

// keep tells the server that we are still here. A connection that died
// meanwhile is made anew when it is needed.
func (c *connection) keep(ctx context.Context) {
	if c.session != nil {
		_ = c.session.Noop(ctx)
	}
}

// open makes f, which was listed, the open folder. The error is a *replacedError if
// its UIDVALIDITY is not the given one.
func (c *connection) open(ctx context.Context, f *stream.Folder, validity uint64) error {
	if c.folder != f {
		c.folder = nil
		wire, err := folder.ToWire(f.Name)
		if err != nil {
			return err
		}
		if c.box, err = c.session.Examine(ctx, wire); err != nil {
			return err
		}
		if err := c.recognize(ctx, f); err != nil {
			return err
		}
		c.folder = f
	}
	if c.box.UIDValidity != validity && !(c.unstable && validity == f.UIDValidity) {
		return &replacedError{text: fmt.Sprintf("it was %d and is %d now", validity, c.box.UIDValidity)}
	}
	return nil
}

// recognize finds out whether the UIDVALIDITY of the folder that was just opened
// tells anything. Where it does not, messages are recognized by their keys.
func (c *connection) recognize(ctx context.Context, f *stream.Folder) (err error) {
	c.unstable = f.Unstable
	if c.box.UIDValidity == f.UIDValidity || c.unstable {
		return nil
	}
	if c.unstable, err = c.box.Unstable(ctx); c.unstable {
		c.warn("%s", list.UnstableNote(f.Name))
	}
	return err
}

// keysOf calls fn with the hashes of the keys of messages, in no order.
func (c *connection) keysOf(ctx context.Context, recipe headerkey.Recipe, uids []uint64,
	fn func(uid uint64, key uint32)) error {
	return keys.Of(ctx, c.box, uids, recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		if id != nil {
			fn(m.UID, base.KeyHash(id.Key))
		}
		return nil
	})
}

// Why a folder is not the one that was listed, where users can change it.
var (
	ErrBaseReplaced  = errors.New("the base has other messages under the same UIDs")
	ErrBegunReplaced = errors.New("the output was begun with other messages under the same UIDs")
)

// replacedError says that a folder is not the one that was listed.
type replacedError struct {
	text  string
	cause error // something that users can change, or nil
}

func (e *replacedError) Error() string { return e.text }
func (e *replacedError) Unwrap() error { return e.cause }

// folderReason says why a folder cannot be read, or "" where err is about more
// than this folder.
func folderReason(err error) stream.Reason {
	var replaced *replacedError
	switch {
	case imapconn.IsRefused(err):
		return stream.ReasonRefused
	case imapconn.IsFolder(err):
		return stream.ReasonUnreadable
	case imapconn.IsReplaced(err), errors.As(err, &replaced):
		return stream.ReasonUIDValidity
	}
	return ""
}
