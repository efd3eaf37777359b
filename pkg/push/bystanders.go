package push

import (
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Some servers make EXPUNGE of UID EXPUNGE: what others have marked goes too. So the
// messages of a folder are counted before and after messages of it are deleted.
// Where more have gone than were to go, nothing more is deleted.

// bystanders are the messages of the folder whose messages are deleted.
type bystanders struct {
	target string
	uids   []uint64
	count  uint32 // by EXISTS, before the messages of a group go
	gone   int    // by EXPUNGE, until then
}

// countBystanders notes what a folder holds before messages of it are deleted.
func (p *pusher) countBystanders(box *imapconn.Selected, g *group) (err error) {
	b := &p.bystanders
	if b.target != g.target {
		b.target = g.target
		if b.uids, err = box.UIDs(p.session.Ctx, 1, 0); err != nil && !destination.Refused(err) {
			return err
		}
	}
	b.count, b.gone, _ = box.Count()
	return nil
}

// removedToo returns the messages of a folder that have gone beside those that were
// to go, of which so many have gone.
func (p *pusher) removedToo(box *imapconn.Selected, uids []uint64, removed int) (more []uint64, err error) {
	b := &p.bystanders
	b.uids = slices.DeleteFunc(b.uids, func(uid uint64) bool {
		_, asked := slices.BinarySearch(uids, uid)
		return asked
	})
	told, err := box.StatusNow(p.session.Ctx)
	if err != nil && !destination.Refused(err) {
		return nil, err
	}
	_, gone, counted := box.Count()
	fewer := err == nil && int64(told.Messages)+int64(removed) < int64(b.count)
	if !fewer && (!counted || gone-b.gone <= removed) {
		return nil, nil
	}
	left, err := box.Remaining(p.session.Ctx, b.uids)
	if err != nil {
		return nil, err
	}
	more = slices.DeleteFunc(slices.Clone(b.uids), func(uid uint64) bool {
		_, there := slices.BinarySearch(left, uid)
		return there
	})
	b.uids = left
	return more, nil
}

// tellRemovedToo writes the receipts of messages that have gone too.
func (p *pusher) tellRemovedToo(g *group, more []uint64) error {
	if len(more) == 0 {
		return nil
	}
	p.overreached = true
	p.warnOnce(fmt.Sprintf("%s: %s %s gone beside what was to be deleted, the first is UID %d: the server removes more than it was asked to, or somebody else has deleted %s", folder.Quote(g.target), text.Count(len(more), "message"), text.Either(len(more), "has", "have"), more[0], text.Either(len(more), "it", "them")))
	for _, uid := range more {
		p.kept++
		x := receipt.Receipt{Result: receipt.Failed, Target: g.target, TargetUIDValidity: jsonnum.Uint64(g.validity), TargetUID: jsonnum.Uint64(uid), Reason: "removed-too", Text: "it has gone with the messages that were deleted: the server removes more than it was asked to, or somebody else has deleted it"}
		if err := p.receipts.Put(x); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}
