package imapconn

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// A mailbox that another client renames, deletes or makes anew while it is open is
// shown as an empty one by some servers: they say EXPUNGE of all its messages.
// So before messages are called expunged, the name is looked up.

// confirm makes sure that the name of x still is that of the mailbox that was
// opened: STATUS must give its UIDVALIDITY, or else EXAMINE. It resumes. Errors
// are those of Examine, and one for which IsReplaced reports true.
func (x *Selected) confirm(ctx context.Context) error {
	told, err := x.StatusNow(ctx)
	if err != nil && !saysNo(err) {
		return err
	}
	return x.confirmWith(ctx, told, err)
}

// confirmWith is confirm for who has asked for the STATUS, which was told or err.
func (x *Selected) confirmWith(ctx context.Context, told Status, err error) error {
	if err == nil && told.UIDValidity == x.UIDValidity && told.UIDValidity != 0 {
		return nil
	}
	again, err := x.s.open(ctx, x.command, x.Wire)
	if err != nil {
		return err
	}
	if again.UIDValidity != x.UIDValidity {
		unstable, err := again.Unstable(ctx)
		if err != nil || !unstable {
			return validityError(!unstable, err)
		}
	}
	x.s.c.selected = x
	return nil
}

// confirm fails all messages that are not done if the mailbox is not the one that
// was opened any more.
func (f *fetcher) confirm() error { return f.failFolder(f.x.confirm(f.ctx)) }

// failFolder fails all messages that are not done if err says that the mailbox
// is not there any more, or is another. Any other error is returned.
func (f *fetcher) failFolder(err error) error {
	var no *imap.Error
	switch {
	case IsReplaced(err):
		return f.failAll(UIDValidityChanged, "")
	case errors.As(err, &no) && fault.KindOf(err) == fault.Partial:
		return f.failAll(FolderLost, no.Text)
	}
	return err
}
