package deletion

import (
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Some servers make EXPUNGE of UID EXPUNGE: what others have marked goes too. So the
// messages of a folder are counted before and after messages of it are deleted.
// Where more were expunged than were to be, nothing more is deleted.

// others are the messages of a folder whose messages are deleted, beside these.
type others struct {
	target   string
	uids     []uint64
	before   uint32 // by EXISTS, before the messages of a group go
	expunged int    // by EXPUNGE, until then
}

// count notes what a folder holds before messages of it are deleted.
func (o *others) count(s *destination.Session, box *imapconn.Selected, g *group) (err error) {
	if o.target != g.target {
		o.target = g.target
		if o.uids, err = box.UIDs(s.Ctx, 1, 0); err != nil && !destination.Refused(err) {
			return err
		}
	}
	o.before, o.expunged, _ = box.Count()
	return nil
}

// removedToo returns the messages of a folder that were expunged beside those that were
// to be, of which so many were.
func (o *others) removedToo(s *destination.Session, box *imapconn.Selected, uids []uint64, removed int) (more []uint64,
	err error) {
	o.uids = slices.DeleteFunc(o.uids, func(uid uint64) bool {
		_, asked := slices.BinarySearch(uids, uid)
		return asked
	})
	told, err := box.StatusNow(s.Ctx)
	if err != nil && !destination.Refused(err) {
		return nil, err
	}
	_, expunged, counted := box.Count()
	fewer := err == nil && int64(told.Messages)+int64(removed) < int64(o.before)
	if !fewer && (!counted || expunged-o.expunged <= removed) {
		return nil, nil
	}
	left, err := box.Remaining(s.Ctx, o.uids)
	if err != nil {
		return nil, err
	}
	more = slices.DeleteFunc(slices.Clone(o.uids), func(uid uint64) bool {
		_, there := slices.BinarySearch(left, uid)
		return there
	})
	o.uids = left
	return more, nil
}

// answerRemovedToo writes the receipts of messages that were expunged too.
func (r *Remover) answerRemovedToo(g *group, more []uint64) error {
	if len(more) == 0 {
		return nil
	}
	r.removedOthers = true
	const why = "the server removes more than it was asked to, or somebody else has deleted"
	r.opt.WarnOnce("%s: %s %s gone beside what was to be deleted, the first is UID %d: %s %s",
		folder.Quote(g.target), text.Count(len(more), "message"), text.Either(len(more), "has", "have"), more[0],
		why, text.Either(len(more), "it", "them"))
	for _, uid := range more {
		r.kept++
		x := about(g.target, g.validity, uid)
		x.Result, x.Reason = receipt.Failed, "removed-too"
		x.Text = "it has gone with the messages that were deleted: " + why + " it"
		if err := r.receipts.Put(x); err != nil {
			return err
		}
	}
	return r.receipts.Flush()
}

// marked are the messages of a folder that are marked \Deleted.
type marked struct {
	uids []uint64 // sorted
	sure bool     // the server tells the flags of all messages
}

// guardMarked keeps a folder as it is where EXPUNGE would take messages with
// it that somebody else has marked. The flags of a folder are read once in
// inspect and once in execute, before its first batch: see expungeMarked.
func (r *Remover) guardMarked(box *imapconn.Selected, g *group) error {
	if r.session.IMAP.CanExpungeByUID() {
		return nil
	}
	m, known := r.marked[g.target]
	if !known {
		var err error
		if m.uids, m.sure, err = box.MarkedDeleted(r.session.Ctx, nil); err != nil {
			return err
		}
		r.marked[g.target] = m
	}
	m.guard(g)
	return nil
}

// guard keeps the messages of a group where EXPUNGE would remove others.
func (m *marked) guard(g *group) {
	if !m.sure {
		g.stay("flags-unknown", "the server does not tell which messages are marked \\Deleted, and EXPUNGE would "+
			"remove them all")
		return
	}
	ours := g.uids(false)
	for _, uid := range m.uids {
		if _, mine := slices.BinarySearch(ours, uid); !mine {
			g.stay("foreign-deleted-flag", fmt.Sprintf("UID %d is marked \\Deleted by somebody else, and EXPUNGE "+
				"would remove it too", uid))
			return
		}
	}
}

// expungeMarked removes the messages of a group, which are marked, unless somebody
// else has marked others meanwhile.
func (r *Remover) expungeMarked(box *imapconn.Selected, g *group, uids []uint64) error {
	var m marked
	var err error
	if m.uids, m.sure, err = box.MarkedDeleted(r.session.Ctx, uids); err != nil {
		return err
	}
	if m.guard(g); g.blocked() {
		return nil
	}
	r.marked[g.target] = marked{sure: true}
	return box.ExpungeAll(r.session.Ctx)
}
