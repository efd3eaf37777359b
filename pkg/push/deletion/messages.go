package deletion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// delete deletes what the plan says is to be deleted, or answers why it stays.
func (r *Remover) delete() error {
	if r.plan.spool == nil {
		return nil
	}
	if why := r.otherAccount(); why != "" {
		return r.keepMessages("other-account", why)
	}
	if err := r.session.Connect(); err != nil {
		return err
	}
	if err := r.session.List(0); err != nil { // the plan has made some
		return err
	}
	if !r.session.IMAP.CanExpungeByUID() && !r.opt.FullExpunge {
		return r.keepMessages("no-uidplus",
			r.warn(ErrNoUIDPlus, "the server cannot remove single messages (UIDPLUS)"))
	}
	there, agree, err := r.inspect()
	if err != nil {
		return err
	}
	if !agree {
		return r.keepMessages("blocked", "another message to delete is not as the plan says, so none is deleted")
	}
	if why, err := r.excess(there); err != nil || why != "" {
		if err != nil {
			return err
		}
		return r.keepMessages("max-delete", why)
	}
	if r.opt.DryRun {
		return r.keepMessages("dry-run", "")
	}
	agree, err = r.execute()
	switch {
	case err != nil || agree:
		return err
	case r.removedOthers:
		return r.keepMessages("blocked", "other messages have gone with those that were deleted before it")
	}
	return r.keepMessages("blocked", "a message or folder before it was not as the plan says any more")
}

// otherAccount says for whom the plan was made if it was not for this account.
func (r *Remover) otherAccount() (why string) {
	this := r.session.Conn.Account()
	for place := range r.plan.spool.Len() {
		record, err := r.plan.spool.At(place)
		b, ok := record.(*stream.Begin)
		if err != nil || !ok {
			continue
		}
		if !b.Plan {
			return "the stream that says so is no plan"
		}
		if why := b.NotFor(this); why != "" {
			return why
		}
	}
	return ""
}

// inspect looks at all of them, counts those that are there, and writes the
// receipts of those that are gone, whatever becomes of the others, and of those that
// are not as the plan says. agree is false if any is.
func (r *Remover) inspect() (there int64, agree bool, err error) {
	agree, r.marked = true, map[string]marked{}
	err = r.plan.groups(func(g *group) error {
		box, err := r.look(g, r.session.IMAP.Examine)
		if err == nil && box != nil {
			err = r.compareOctets(box, g)
		}
		if err != nil {
			return err
		}
		for _, c := range g.members {
			switch {
			case c.reason != "":
				agree = false
				if err := r.answer(c, receipt.Skipped); err != nil {
					return err
				}
			case c.expunged:
				if err := r.answer(c, receipt.Expunged); err != nil {
					return err
				}
			default:
				there++
			}
		}
		return r.receipts.Flush()
	})
	return there, agree, err
}

// execute deletes them until one is not as the plan says.
func (r *Remover) execute() (agree bool, err error) {
	r.marked = map[string]marked{}
	errDisagree := errors.New("not as the plan says")
	err = r.plan.groups(func(g *group) error {
		box, err := r.look(g, r.session.IMAP.Select)
		if err == nil && box != nil && !g.blocked() {
			if err = r.expunge(box, g); err != nil {
				return cmp.Or(r.doubt(g, err), err)
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
			case c.expunged:
				result = receipt.Expunged
			}
			if err := r.answer(c, result); err != nil {
				return err
			}
		}
		if err := r.receipts.Flush(); err != nil || !g.blocked() && !r.removedOthers {
			return err
		}
		return errDisagree
	})
	if errors.Is(err, errDisagree) {
		return false, nil
	}
	return true, err
}

// doubt answers for messages of which nobody knows whether they are expunged.
func (r *Remover) doubt(g *group, why error) error {
	for _, c := range g.members {
		c.stays("in-doubt", "whether it is gone is not known, and where it is not, it may be marked \\Deleted, so "+
			"that an EXPUNGE of any client removes it; the same plan can be carried out again: "+why.Error())
		if err := r.answer(c, receipt.Failed); err != nil {
			return err
		}
	}
	return r.receipts.Flush()
}

// blocked reports whether one of them stays.
func (g *group) blocked() bool {
	return slices.ContainsFunc(g.members, func(c *deletion) bool { return c.reason != "" })
}

// expunge deletes those of them that are there. Those that are there after that
// stay.
func (r *Remover) expunge(box *imapconn.Selected, g *group) error {
	ctx, uids := r.session.Ctx, g.present()
	if len(uids) == 0 {
		return nil
	}
	if box.ReadOnly {
		g.stay("read-only", "the folder can only be read")
		return nil
	}
	err := r.others.count(r.session, box, g)
	if err != nil {
		return err
	}
	if err := r.receipts.Deleting(g.target, g.validity, uids); err != nil {
		return err
	}
	err = box.MarkDeleted(ctx, uids, true)
	switch {
	case err != nil:
	case r.session.IMAP.CanExpungeByUID():
		err = box.Expunge(ctx, uids)
	default:
		err = r.expungeMarked(box, g, uids)
	}
	if err != nil && !destination.Refused(err) && fault.KindOf(err) != fault.Temporary {
		return err
	}
	left, leftErr := box.Remaining(ctx, uids)
	if leftErr == nil {
		var more []uint64
		if more, leftErr = r.others.removedToo(r.session, box, uids, len(uids)-len(left)); leftErr == nil {
			leftErr = r.answerRemovedToo(g, more)
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
	err = box.MarkDeleted(ctx, left, false) // or the next client's EXPUNGE takes them
	if destination.Refused(err) {
		return nil
	}
	return err
}

// present returns the UIDs of those that are there, sorted.
func (g *group) present() (uids []uint64) {
	for _, c := range g.members {
		if !c.expunged {
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

// look opens the folder of messages and notes which are expunged and which are not what the
// plan says.
func (r *Remover) look(g *group, open func(context.Context, string) (*imapconn.Selected, error)) (
	*imapconn.Selected, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	r.session.Leave() // another folder will be
	mailbox, there := r.session.Boxes[g.target]
	if !there || !mailbox.Selectable() {
		g.stay("no-folder", "the folder is not there")
		return nil, nil
	}
	box, err := open(r.session.Ctx, mailbox.Wire)
	switch {
	case destination.Refused(err):
		g.stay("no-folder", err.Error())
		return nil, nil
	case err != nil:
		return nil, err
	case box.UIDValidity != g.validity:
		g.stay("uidvalidity-changed", fmt.Sprintf("the folder's UIDVALIDITY was %d when the plan was made "+
			"and is %d now", g.validity, box.UIDValidity))
		return nil, nil
	}
	if why, err := r.contradiction(g.target, box); err != nil || why != "" {
		g.stay(string(imapconn.Contradiction), why)
		return nil, err
	}
	recipe, err := headerkey.ParseRecipe(g.begin.Key)
	if err != nil {
		return nil, fault.Errorf(fault.Data, "the plan's key recipe: %g", err)
	}
	seen := map[uint64]*sighting{}
	err = keys.Of(r.session.Ctx, box, g.uids(true), recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case m.State == imapconn.Expunged:
		case id == nil:
			seen[m.UID] = &sighting{trouble: string(m.Reason) + " " + m.Text}
		default:
			deleted := m.Unknown.Has(imapconn.UnknownFlags) || flags.Has(m.Flags, `\Deleted`)
			seen[m.UID] = &sighting{key: id.Key, deleted: deleted}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, uid := range box.RepeatedUIDs() {
		seen[uid] = &sighting{trouble: "several messages have this UID"}
	}
	g.check(seen)
	return box, r.guardMarked(box, g)
}

// contradiction says in what the server contradicts itself about a folder, ""
// if it does not. It is asked once a folder.
func (r *Remover) contradiction(target string, box *imapconn.Selected) (string, error) {
	why, known := r.contradictions[target]
	if known {
		return why, nil
	}
	_, why, err := box.Holds(r.session.Ctx)
	if err != nil {
		return "", err
	}
	r.contradictions[target] = why
	return why, nil
}

// seen is what is seen of one message.
type sighting struct {
	key, trouble string
	deleted      bool // it is marked \Deleted, or its flags are not known
}

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

// check compares each with its record.
func (g *group) check(seen map[uint64]*sighting) {
	listed := map[uint64]bool{}
	for _, c := range g.members {
		listed[c.TargetUID] = true
	}
	for _, c := range g.members {
		s, other := seen[c.TargetUID], seen[c.CopyOf]
		switch {
		case s == nil:
			c.expunged = true
		case s.trouble != "":
			c.stays("unreadable", "it cannot be looked at: "+s.trouble)
		case s.key != c.Key:
			c.stays("key-changed", "another message has this UID")
		case c.CopyOf != 0 && (other == nil || other.key != c.Key || listed[c.CopyOf]):
			c.stays("last-copy", fmt.Sprintf("UID %d, of which it is a copy, is not there", c.CopyOf))
		case c.CopyOf != 0 && other.deleted:
			c.stays("last-copy", fmt.Sprintf("UID %d, of which it is a copy, is marked \\Deleted, or may be", c.CopyOf))
		}
	}
}

// answer writes the receipt of one message.
func (r *Remover) answer(c *deletion, result receipt.Result) error {
	r.plan.answered(c.place)
	x := about(c.Target, c.TargetUIDValidity, c.TargetUID)
	x.Result, x.Key, x.Reason, x.Text = result, c.Key, c.reason, c.text
	switch result {
	case receipt.Deleted:
		r.receipts.Sums.Deleted++
	case receipt.Expunged:
	default:
		if c.reason != "dry-run" {
			r.kept++
		}
	}
	return r.receipts.Put(x)
}

// keepMessages answers for all messages that have no receipt yet: they stay.
func (r *Remover) keepMessages(reason, text string) error {
	if r.plan.spool == nil {
		return nil
	}
	err := r.plan.groups(func(g *group) error {
		for _, c := range g.members {
			c.stays(reason, text)
			if err := r.answer(c, receipt.Skipped); err != nil {
				return err
			}
		}
		return r.receipts.Flush()
	})
	r.plan.close()
	return err
}

// about begins the receipt of a message at the destination.
func about(target string, validity, uid uint64) receipt.Receipt {
	return receipt.Receipt{Target: target, TargetUIDValidity: jsonnum.Uint64(validity), TargetUID: jsonnum.Uint64(uid)}
}
