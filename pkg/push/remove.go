package push

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// What takes away is done last, when all of the plan has been read: flags go,
// then messages, then folders.

// conclude is the outcome of a plan that was read to its end.
func (p *pusher) conclude() error {
	verdict := p.verdict()
	if p.aborted != nil || verdict != nil && exit.CodeOf(verdict) != exit.Partial {
		return verdict
	}
	if err := p.concludeFlags(); err != nil {
		return err
	}
	if err := p.destroy(); err != nil {
		return err
	}
	if verdict := p.verdict(); verdict != nil {
		return verdict
	}
	return p.undone()
}

// undone is the outcome of a plan whose messages are all carried over, and not
// all of the rest.
func (p *pusher) undone() error {
	switch {
	case p.kept > 0:
		return exit.Errorf(exit.Partial, "%s %s not removed; the receipts say why", text.Count(p.kept, "message or folder"), text.Either(p.kept, "was", "were")).WithHint("%s", p.hint)
	case p.reflags.undid > 0:
		return exit.Errorf(exit.Partial, "the flags of %s were not changed; the receipts name %s", text.Count(p.reflags.undid, "message"), text.Either(p.reflags.undid, "it", "them"))
	}
	return nil
}

// concludeFlags takes away the flags that are to be taken away.
func (p *pusher) concludeFlags() error {
	if p.filtered || p.opt.Edited {
		return p.reflagHeld("filtered", filteredText)
	}
	return p.reflagHeld("", "")
}

const filteredText = "the plan has been filtered since it was made"

// destroy carries out what is to be removed, or answers why it stays.
func (p *pusher) destroy() error {
	switch {
	case len(p.removals) == 0 && p.deletions.left == 0:
		return nil
	case p.filtered || p.opt.Edited:
		return p.hold("filtered", filteredText)
	case !p.opt.AllowDelete:
		return p.hold("not-allowed", "give --allow delete")
	}
	var err error
	if p.verdict() != nil && !p.allUntold() || p.reflags.undid > 0 {
		err = p.keepAll("incomplete", "not all that the plan says was carried over")
	} else {
		err = p.delete()
	}
	switch {
	case err != nil:
		return err
	case p.kept > 0 && !p.opt.DryRun:
		return p.skipRemovals("blocked", "messages that were to be deleted stay")
	}
	return p.remove()
}

// allUntold reports whether nothing is wrong but that messages have failed of which
// imap-diff could not tell which they are. These stay where they are.
func (p *pusher) allUntold() bool {
	s := &p.receipts.Sums
	return p.untold > 0 && p.doubled == 0 && exit.CodeOf(p.verdict()) == exit.Partial && s.Failed == p.untold && s.Rejected+s.Skipped+s.Folders+s.Rekeyed == 0
}

// hold answers for all that is to be removed: it stays.
func (p *pusher) hold(reason, text string) error {
	err := p.keepAll(reason, text)
	if skipErr := p.skipRemovals(reason, text); err == nil {
		err = skipErr
	}
	return err
}

// excess says why so many messages, and those in folders that go, are more than
// may be removed at once; "" if they are not.
func (p *pusher) excess(messages int64) (why string, err error) {
	if p.weighed {
		return "", nil
	}
	p.weighed = true
	for _, r := range p.removals {
		messages += int64(r.Messages)
	}
	if messages == 0 {
		return "", nil
	}
	whole, err := holds(p.session)
	if err != nil || messages <= p.opt.MaxDelete.Of(whole) {
		return "", err
	}
	p.hint = "look at what is to go; --max-delete allows more"
	return fmt.Sprintf("%s of %s %s to be removed, and --max-delete %s allows %s", thousands(messages), text.Count(whole, "message"), text.Either(messages, "is", "are"), p.opt.MaxDelete, thousands(p.opt.MaxDelete.Of(whole))), nil
}

// holds returns how many messages the account holds.
func holds(s *destination.Session) (messages int64, err error) {
	open := slices.DeleteFunc(slices.Clone(s.Listed), func(box imapconn.Mailbox) bool { return !box.Selectable() })
	all, err := s.IMAP.Status(s.Ctx, open, false)
	for _, s := range all {
		if s.Err == nil {
			messages += int64(s.Messages)
		}
	}
	return messages, err
}

// skipRemovals answers for folders that are left as they are.
func (p *pusher) skipRemovals(reason, text string) error {
	removals := p.removals
	p.removals = nil
	for _, r := range removals {
		p.kept++
		if err := p.receipts.Folder(receipt.Receipt{Result: receipt.Skipped, Target: r.Target, Reason: reason, Text: text}); err != nil {
			return err
		}
	}
	return nil
}

// remove removes folder after folder, in the order of the plan.
func (p *pusher) remove() error {
	if len(p.removals) == 0 {
		return nil
	}
	if err := p.session.Connect(); err != nil {
		return err
	}
	if err := p.session.List(0); err != nil { // the plan has made some
		return err
	}
	if why, err := p.excess(0); err != nil || why != "" {
		if err != nil {
			return err
		}
		return p.skipRemovals("max-delete", why)
	}
	for len(p.removals) > 0 {
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		r := p.removals[0]
		p.removals = p.removals[1:]
		x, err := p.removeOne(r)
		if err != nil {
			return err
		}
		if err := p.receipts.Folder(x); err != nil {
			return err
		}
	}
	return nil
}

// removeOne removes one folder if it is as the plan says.
func (p *pusher) removeOne(r *stream.DeleteFolder) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Removed, Target: r.Target, TargetUIDValidity: jsonnum.Uint64(r.TargetUIDValidity)}
	box, there := p.session.Boxes[r.Target]
	if !there {
		x.Result, x.Reason = receipt.Skipped, "missing"
		return x, nil
	}
	why, err := keeps(p.session, box, r)
	if err != nil {
		return x, err
	}
	if why != "" {
		x.Result, x.Reason, x.Text = receipt.Rejected, "remove", why
		return x, nil
	}
	if p.opt.DryRun {
		x.Result, x.Reason = receipt.Skipped, "dry-run"
		p.session.Forget(box)
		return x, nil
	}
	switch err := p.session.IMAP.Delete(p.session.Ctx, box.Wire); {
	case destination.Refused(err):
		x.Result, x.Reason, x.Text = receipt.Rejected, "remove", err.Error()
	case err != nil:
		return x, err
	default:
		p.session.Forget(box)
	}
	return x, nil
}

// keeps says why a folder is not to be removed, "" if it is: it must be as the
// plan saw it, for nobody has seen what came to it since.
func keeps(s *destination.Session, box imapconn.Mailbox, r *stream.DeleteFolder) (why string, err error) {
	if folder.IsInbox(box.Name) {
		return "INBOX is never removed", nil
	}
	if s.Hidden != "" {
		return "there may be folders below it: " + s.Hidden, nil
	}
	for _, other := range s.Boxes {
		if box.Delimiter != "" && strings.HasPrefix(other.Name, box.Name+box.Delimiter) && other.Selectable() {
			return "there are folders below it", nil
		}
	}
	status, err := s.IMAP.Status(s.Ctx, []imapconn.Mailbox{box}, false)
	if err != nil {
		return "", err
	}
	switch s := status[0]; {
	case s.Err != nil:
		return s.Err.Error(), nil
	case s.UIDValidity != r.TargetUIDValidity:
		return fmt.Sprintf("its UIDVALIDITY was %d when the plan was made and is %d now", r.TargetUIDValidity, s.UIDValidity), nil
	case s.UIDNext == 0 && s.Messages == 0 && r.Messages == 0: // a server that does not tell its UIDNEXT
	case s.UIDNext != r.TargetUIDNext || s.Messages != r.Messages:
		return fmt.Sprintf("it held %s when the plan was made, with UIDNEXT %d; now it is %d, with %d", text.Count(r.Messages, "message"), r.TargetUIDNext, s.Messages, s.UIDNext), nil
	}
	return shows(s, box, r)
}

// shows says why a folder is not to be removed though its STATUS is as the plan
// saw it: it shows other messages than that.
func shows(s *destination.Session, box imapconn.Mailbox, r *stream.DeleteFolder) (why string, err error) {
	s.Leave() // another folder will be
	opened, err := s.IMAP.Examine(s.Ctx, box.Wire)
	if destination.Refused(err) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	shown, why, err := opened.Holds(s.Ctx)
	switch {
	case destination.OfFolder(err):
		return err.Error(), nil
	case err != nil || why != "":
		return why, err
	case shown != int(r.Messages):
		return fmt.Sprintf("its STATUS says that it holds %s, and it shows %d", text.Count(r.Messages, "message"), shown), nil
	}
	return "", nil
}
