package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Messages are deleted when all of the plan has been read and nothing in it
// failed: first every one of them is looked at and nothing is done, then they
// go, batch by batch, each looked at again. One that is not what the plan says
// saves all that are left.

// delete deletes what the plan says is to be deleted, or answers why it stays.
func (p *pusher) delete() error {
	if p.deletions.spool == nil {
		return nil
	}
	if stranger := p.stranger(); stranger != "" {
		return p.keepAll("other-account", stranger)
	}
	if err := p.session.Connect(); err != nil {
		return err
	}
	if err := p.session.List(0); err != nil { // the plan has made some
		return err
	}
	if !p.session.IMAP.CanExpungeByUID() && !p.opt.FullExpunge {
		return p.keepAll("no-uidplus", "the server cannot remove single messages (UIDPLUS); --allow full-expunge removes all that are marked \\Deleted, where only these are")
	}
	there, agree, err := p.inspect()
	if err != nil {
		return err
	}
	if !agree {
		return p.keepAll("blocked", "another message to delete is not as the plan says, so none is deleted")
	}
	if why, err := p.excess(there); err != nil || why != "" {
		if err != nil {
			return err
		}
		return p.keepAll("max-delete", why)
	}
	if p.opt.DryRun {
		return p.keepAll("dry-run", "")
	}
	agree, err = p.execute()
	switch {
	case err != nil || agree:
		return err
	case p.overreached:
		return p.keepAll("blocked", "other messages have gone with those that were deleted before it")
	}
	return p.keepAll("blocked", "a message or folder before it was not as the plan says any more")
}

// stranger says for whom the plan was made if it was not for this account.
func (p *pusher) stranger() (why string) {
	conn := &p.session.Conn
	for place := range p.deletions.spool.Len() {
		record, err := p.deletions.spool.At(place)
		b, ok := record.(*stream.Begin)
		if err != nil || !ok {
			continue
		}
		switch {
		case !b.Plan:
			return "the stream that says so is no plan"
		case b.TargetAccount() != conn.Account():
			return fmt.Sprintf("the plan was made for %s, and this is %s", b.TargetAccount().Words(), conn.Account().Words())
		}
	}
	return ""
}

// inspect looks at all of them, counts those that are there, and writes the
// receipts of those that are not as the plan says. agree is false if any is.
func (p *pusher) inspect() (there int64, agree bool, err error) {
	agree, p.marked = true, map[string]marks{}
	err = p.deletions.groups(func(g *group) error {
		box, err := p.visit(g, p.session.IMAP.Examine)
		if err == nil && box != nil {
			err = p.compareOctets(box, g)
		}
		if err != nil {
			return err
		}
		for _, c := range g.members {
			switch {
			case c.reason != "":
				agree = false
				if err := p.answerDeletion(c, receipt.Skipped); err != nil {
					return err
				}
			case !c.gone:
				there++
			}
		}
		return p.receipts.Flush()
	})
	return there, agree, err
}

// execute deletes them until one is not as the plan says.
func (p *pusher) execute() (agree bool, err error) {
	p.marked = map[string]marks{}
	errDisagree := errors.New("not as the plan says")
	err = p.deletions.groups(func(g *group) error {
		box, err := p.visit(g, p.session.IMAP.Select)
		if err == nil && box != nil && !g.blocked() {
			if err = p.expunge(box, g); err != nil {
				return cmp.Or(p.doubt(g, err), err)
			}
		}
		if err != nil {
			return err
		}
		for _, c := range g.members {
			result := receipt.Deleted
			switch {
			case c.reason != "":
				result = receipt.Skipped
			case g.blocked():
				continue
			case c.gone:
				result = receipt.Expunged
			}
			if err := p.answerDeletion(c, result); err != nil {
				return err
			}
		}
		if err := p.receipts.Flush(); err != nil || !g.blocked() && !p.overreached {
			return err
		}
		return errDisagree
	})
	if errors.Is(err, errDisagree) {
		return false, nil
	}
	return true, err
}

// doubt answers for messages of which nobody knows whether they are gone.
func (p *pusher) doubt(g *group, why error) error {
	for _, c := range g.members {
		c.stays("in-doubt", "whether it is gone is not known, and where it is not, it may be marked \\Deleted, so that an EXPUNGE of any client removes it; the same plan can be carried out again: "+why.Error())
		if err := p.answerDeletion(c, receipt.Failed); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

// blocked tells whether one of them stays.
func (g *group) blocked() bool {
	return slices.ContainsFunc(g.members, func(c *deletion) bool { return c.reason != "" })
}

// expunge deletes those of them that are there. Those that are there after that
// stay.
func (p *pusher) expunge(box *imapconn.Selected, g *group) error {
	ctx, uids := p.session.Ctx, g.present()
	if len(uids) == 0 {
		return nil
	}
	if box.ReadOnly {
		g.stay("read-only", "the folder can only be read")
		return nil
	}
	err := p.countBystanders(box, g)
	if err != nil {
		return err
	}
	err = box.MarkDeleted(ctx, uids, true)
	switch {
	case err != nil:
	case p.session.IMAP.CanExpungeByUID():
		err = box.Expunge(ctx, uids)
	default:
		err = p.expungeMarked(box, g, uids)
	}
	if err != nil && !destination.Refused(err) && exit.CodeOf(err) != exit.Temporary {
		return err
	}
	left, leftErr := box.Remaining(ctx, uids)
	if leftErr == nil {
		var more []uint64
		if more, leftErr = p.removedToo(box, uids, len(uids)-len(left)); leftErr == nil {
			leftErr = p.tellRemovedToo(g, more)
		}
	}
	switch {
	case leftErr != nil:
		return cmp.Or(err, leftErr)
	case len(left) == 0:
		return nil
	case err != nil && !destination.Refused(err):
		return err
	}
	why := "the server says that it has removed it, and still has it"
	if err != nil {
		why = err.Error()
	}
	for _, c := range g.members {
		if _, there := slices.BinarySearch(left, c.TargetUID); there && c.reason == "" {
			c.stays("refused", why)
		}
	}
	if err := box.MarkDeleted(ctx, left, false); err != nil && !destination.Refused(err) { // or the next client's EXPUNGE takes them
		return err
	}
	return nil
}

// present returns the UIDs of those that are there, sorted.
func (g *group) present() (uids []uint64) {
	for _, c := range g.members {
		if !c.gone {
			uids = append(uids, c.TargetUID)
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// stay gives all of them one reason to stay.
func (g *group) stay(reason, text string) {
	for _, c := range g.members {
		c.stays(reason, text)
	}
}

// visit looks at messages and notes which are gone and which are not what the
// plan says.
func (p *pusher) visit(g *group, open func(context.Context, string) (*imapconn.Selected, error)) (*imapconn.Selected, error) {
	if p.ctx.Err() != nil {
		return nil, context.Cause(p.ctx)
	}
	p.session.Leave() // another folder will be
	mailbox, there := p.session.Boxes[g.target]
	if !there || !mailbox.Selectable() {
		g.stay("no-folder", "the folder is not there")
		return nil, nil
	}
	box, err := open(p.session.Ctx, mailbox.Wire)
	switch {
	case destination.Refused(err):
		g.stay("no-folder", err.Error())
		return nil, nil
	case err != nil:
		return nil, err
	case box.UIDValidity != g.validity:
		g.stay("uidvalidity-changed", fmt.Sprintf("the folder's UIDVALIDITY was %d when the plan was made and is %d now", g.validity, box.UIDValidity))
		return nil, nil
	}
	if why, err := p.contradiction(g.target, box); err != nil || why != "" {
		g.stay(string(imapconn.Contradiction), why)
		return nil, err
	}
	recipe, err := headerkey.ParseRecipe(g.begin.Key)
	if err != nil {
		return nil, exit.Errorf(exit.Data, "the plan's key recipe: %g", err)
	}
	seen := map[uint64]*sighting{}
	err = keys.Of(p.session.Ctx, box, g.uids(true), recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case m.State == imapconn.Expunged:
		case id == nil:
			seen[m.UID] = &sighting{trouble: string(m.Reason) + " " + m.Text}
		default:
			seen[m.UID] = &sighting{key: id.Key}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, uid := range box.RepeatedUIDs() {
		seen[uid] = &sighting{trouble: "several messages have this UID"}
	}
	g.judge(seen)
	return box, p.guardMarked(box, g)
}

// contradiction says in what the server contradicts itself about a folder, ""
// if it does not. It is asked once a folder.
func (p *pusher) contradiction(target string, box *imapconn.Selected) (string, error) {
	why, known := p.contradictions[target]
	if known {
		return why, nil
	}
	_, why, err := box.Holds(p.session.Ctx)
	if err != nil {
		return "", err
	}
	if p.contradictions == nil {
		p.contradictions = map[string]string{}
	}
	p.contradictions[target] = why
	return why, nil
}

// sighting is what is seen of one message.
type sighting struct{ key, trouble string }

// uids returns those of the messages, with those whose copies they are.
func (g *group) uids(copies bool) (uids []uint64) {
	for _, c := range g.members {
		uids = append(uids, c.TargetUID)
		if copies && c.CopyOf != 0 {
			uids = append(uids, c.CopyOf)
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// judge holds each against its record.
func (g *group) judge(seen map[uint64]*sighting) {
	listed := map[uint64]bool{}
	for _, c := range g.members {
		listed[c.TargetUID] = true
	}
	for _, c := range g.members {
		s, other := seen[c.TargetUID], seen[c.CopyOf]
		switch {
		case s == nil:
			c.gone = true
		case s.trouble != "":
			c.stays("unreadable", "it cannot be looked at: "+s.trouble)
		case s.key != c.Key:
			c.stays("key-changed", "another message has this UID")
		case c.CopyOf != 0 && (other == nil || other.key != c.Key || listed[c.CopyOf]):
			c.stays("last-copy", fmt.Sprintf("UID %d, of which it is a copy, is not there", c.CopyOf))
		}
	}
}

// marks are the messages of a folder that are marked \Deleted.
type marks struct {
	uids []uint64 // sorted
	sure bool     // the server tells the flags of all messages
}

// guardMarked keeps a folder as it is where EXPUNGE would take messages with
// it that somebody else has marked. The flags of a folder are read once in
// inspect and once in execute, before its first batch: see expungeMarked.
func (p *pusher) guardMarked(box *imapconn.Selected, g *group) error {
	if p.session.IMAP.CanExpungeByUID() {
		return nil
	}
	m, known := p.marked[g.target]
	if !known {
		var err error
		if m.uids, m.sure, err = box.MarkedDeleted(p.session.Ctx, nil); err != nil {
			return err
		}
		p.marked[g.target] = m
	}
	m.guard(g)
	return nil
}

// guard keeps the messages of a group where EXPUNGE would remove others.
func (m *marks) guard(g *group) {
	if !m.sure {
		g.stay("flags-unknown", "the server does not tell which messages are marked \\Deleted, and EXPUNGE would remove them all")
		return
	}
	ours := g.uids(false)
	for _, uid := range m.uids {
		if _, mine := slices.BinarySearch(ours, uid); !mine {
			g.stay("foreign-deleted-flag", fmt.Sprintf("UID %d is marked \\Deleted by somebody else, and EXPUNGE would remove it too", uid))
			return
		}
	}
}

// expungeMarked removes the messages of a group, which are marked, unless somebody
// else has marked others meanwhile.
func (p *pusher) expungeMarked(box *imapconn.Selected, g *group, uids []uint64) error {
	var m marks
	var err error
	if m.uids, m.sure, err = box.MarkedDeleted(p.session.Ctx, uids); err != nil {
		return err
	}
	if m.guard(g); g.blocked() {
		return nil
	}
	p.marked[g.target] = marks{sure: true}
	return box.ExpungeAll(p.session.Ctx)
}
