package diff

import (
	"cmp"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// Whoever believes a server that opens a full folder as "0 EXISTS" appends all
// of it again. So what a folder shows is held against what STATUS says of it. Where it shows less, both are asked once more, for a message may
// have been expunged in between; a folder that contradicts itself then is not
// compared.

// examine opens a folder that shows as many messages as STATUS told.
func (a *Account) examine(t *Target) (*imapconn.Selected, error) {
	box, err := a.session.Examine(a.ctx, t.Wire)
	if err == nil && box.Messages < t.Messages {
		var now imapconn.Status
		box, now, err = box.Reopen(a.ctx)
		t.Messages = now.Messages
	}
	switch {
	case err != nil:
		return nil, a.unreadable(err)
	case box.Messages < t.Messages:
		return nil, contradiction(t.Messages, box.Messages)
	case box.UIDValidity != t.UIDValidity:
		return box, a.unsettled(t, box)
	}
	return box, nil
}

// unsettled makes sure that a folder whose UIDVALIDITY is not the one that was
// listed has another at each look. Its messages are compared by their keys, as
// all are. What a plan says of its UIDs is for imap-push to doubt.
func (a *Account) unsettled(t *Target, box *imapconn.Selected) error {
	unstable, err := box.Unstable(a.ctx)
	t.unstable = unstable
	switch {
	case err != nil:
		return a.unreadable(err)
	case !unstable:
		return replaced()
	}
	return nil
}

// confirm makes sure that the messages that were read, those below t.UIDNext,
// are all of them.
func (a *Account) confirm(t *Target, box *imapconn.Selected, read uint32) error {
	if read >= t.Messages {
		return nil
	}
	again, now, err := box.Reopen(a.ctx)
	if err != nil {
		return err
	}
	if again.UIDValidity != t.UIDValidity && !t.unstable {
		return replaced()
	}
	arrived := max(now.UIDNext, again.UIDNext, t.UIDNext) - t.UIDNext
	if now.Messages > read && uint64(now.Messages-read) > arrived {
		return contradiction(now.Messages, read)
	}
	return nil
}

// sameAgain makes sure that messages that have come twice are the same.
func (a *Account) sameAgain(box *imapconn.Selected, uids []uint64) error {
	for _, uid := range uids {
		if _, text, err := box.SameEachTime(a.ctx, uid); err != nil || text != "" {
			return cmp.Or(err, error(&Unreadable{text}))
		}
	}
	return nil
}

func replaced() error { return &Unreadable{"its UIDVALIDITY has changed since it was listed"} }

func contradiction(told, shown uint32) error {
	return &Unreadable{fmt.Sprintf("the server says that it holds %d messages, and shows %d", told, shown)}
}
