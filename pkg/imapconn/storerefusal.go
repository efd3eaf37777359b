package imapconn

import (
	"context"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// storeRefusal says what the refusal of an APPEND or COPY to a mailbox means beyond the
// message: an error ends it, again means that the server was busy and time has
// passed. deed is what was refused, as in "append to".
func (r *retrier) storeRefusal(ctx context.Context, deed, wire string, no *imap.Error) (again bool, err error) {
	if again, err := r.retryStore(ctx, deed, wire, no); again || err != nil {
		return again, err
	}
	mailbox := quote(mailboxName(wire))
	switch {
	case hasCode(no, imap.ResponseCodeTryCreate), hasCode(no, imap.ResponseCodeNonExistent):
		return false, fault.Errorf(fault.CantCreate, "%s folder %s: %w: %w", deed, mailbox, ErrNoMailbox, &refusal{no})
	case isOverQuota(no):
		return false, refused(no, fault.CantCreate, "%s folder %s", deed, mailbox)
	}
	return false, nil
}

// retryStore waits where a refusal is one that passes. again means that the command
// may be given again.
func (r *retrier) retryStore(ctx context.Context, deed, wire string, no *imap.Error) (again bool, err error) {
	t := transientOf(no)
	if t == nil {
		return false, nil
	}
	if again, err := r.backOff(ctx, t, no); again || err != nil {
		return again, err
	}
	if t.kind == defective {
		return false, nil
	}
	return false, refused(no, fault.Temporary, "%s folder %s", deed, quote(mailboxName(wire)))
}
