package diff

import (
	"cmp"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
)

// Whoever believes a server that opens a full folder as "0 EXISTS" appends all of
// it again. So what was read of a folder is compared with what STATUS and EXISTS say.
// Where it is less, the server is asked in other ways: see imapconn.Reconcile. A
// folder that still contradicts itself is not compared.

// examine opens a folder.
func (a *Account) examine(t *Target) (*imapconn.Selected, error) {
	box, err := a.session.Examine(a.ctx, t.Wire)
	switch {
	case err != nil:
		return nil, a.unreadable(err)
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

// confirm makes sure that what was read of a folder is all that it held when its
// STATUS was asked, and reads what is missing.
func (a *Account) confirm(t *Target, box *imapconn.Selected, read *uidChunks,
	take func(*imapconn.Message, *headerkey.Identity) error) error {
	told := max(t.Messages, box.Messages)
	switch {
	case read.count > int(told) && !a.newest:
		return a.overshown(t, box, read.count)
	case read.count >= int(told):
		return nil
	}
	claims, err := box.Reconcile(a.ctx, told, read.sorted(), nil)
	if err != nil {
		return err
	}
	if claims.Text != "" {
		return &Unreadable{claims.Text}
	}
	more := claims.More
	if !a.newest { // imap-push looks at what is above
		n, _ := slices.BinarySearch(more, t.UIDNext)
		more = more[:n]
	}
	if len(more) == 0 {
		return nil
	}
	return keys.Of(a.ctx, box, more, a.recipe, take)
}

// overshown notes a folder that shows more messages than it counts, on a new
// connection too: it is compared, and no other account loses a message on its word.
func (a *Account) overshown(t *Target, box *imapconn.Selected, read int) error {
	again, now, err := box.Reopen(a.ctx)
	if err != nil {
		return err
	}
	t.ShowsMore = read > int(max(now.Messages, again.Messages))
	return nil
}

// uidChunks holds UIDs in any order, without a copy when it grows.
type uidChunks struct {
	chunks [][]uint64
	count  int
}

func (c *uidChunks) add(uid uint64) {
	const size = 1 << 13
	if c.count%size == 0 {
		c.chunks = append(c.chunks, make([]uint64, 0, size))
	}
	last := &c.chunks[len(c.chunks)-1]
	*last = append(*last, uid)
	c.count++
}

// sorted returns all of them in order.
func (c *uidChunks) sorted() []uint64 {
	all := slices.Concat(c.chunks...)
	slices.Sort(all)
	return all
}

// sameAgain makes sure that messages that have come twice are the same.
func (a *Account) sameAgain(box *imapconn.Selected, uids []uint64) error {
	for _, uid := range uids {
		if _, text, err := box.CheckStable(a.ctx, uid); err != nil || text != "" {
			return cmp.Or(err, error(&Unreadable{text}))
		}
	}
	return nil
}

func replaced() error { return &Unreadable{"its UIDVALIDITY has changed since it was listed"} }
