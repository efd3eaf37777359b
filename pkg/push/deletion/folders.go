package deletion

import (
	"context"
	"fmt"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// remove removes folder after folder, in the order of the plan.
func (r *Remover) remove() error {
	if len(r.folders) == 0 {
		return nil
	}
	if err := r.session.Connect(); err != nil {
		return err
	}
	if err := r.session.List(0); err != nil { // the plan has made some
		return err
	}
	if why, err := r.excess(0); err != nil || why != "" {
		if err != nil {
			return err
		}
		return r.keepFolders("max-delete", why)
	}
	for len(r.folders) > 0 {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		f := r.folders[0]
		r.folders = r.folders[1:]
		x, err := r.removeOne(f)
		if err != nil {
			return err
		}
		if err := r.receipts.Folder(x); err != nil {
			return err
		}
	}
	return nil
}

// removeOne removes one folder if it is as the plan says.
func (r *Remover) removeOne(f *stream.DeleteFolder) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Removed, Target: f.Target,
		TargetUIDValidity: jsonnum.Uint64(f.TargetUIDValidity)}
	box, there := r.session.Boxes[f.Target]
	if !there {
		x.Result, x.Reason = receipt.Skipped, "missing"
		return x, nil
	}
	why, err := keepReason(r.session, box, f)
	if err != nil {
		return x, err
	}
	if why != "" {
		x.Result, x.Reason, x.Text = receipt.Rejected, "remove", why
		return x, nil
	}
	if r.opt.DryRun {
		x.Result, x.Reason = receipt.Skipped, "dry-run"
		r.session.Forget(box)
		return x, nil
	}
	if err := r.receipts.Deleting(f.Target, f.TargetUIDValidity, nil); err != nil {
		return x, err
	}
	switch err := r.session.IMAP.Delete(r.session.Ctx, box.Wire); {
	case destination.Refused(err):
		x.Result, x.Reason, x.Text = receipt.Rejected, "remove", err.Error()
	case err != nil:
		return x, err
	default:
		r.session.Forget(box)
	}
	return x, nil
}

// keepReason says why a folder is not to be removed, "" if it is: it must be as the
// plan saw it, for nobody has seen what came to it since.
func keepReason(s *destination.Session, box imapconn.Mailbox, r *stream.DeleteFolder) (why string, err error) {
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
		return fmt.Sprintf("its UIDVALIDITY was %d when the plan was made and is %d now", r.TargetUIDValidity,
			s.UIDValidity), nil
	case s.UIDNext == 0 && s.Messages == 0 && r.Messages == 0: // a server that does not tell its UIDNEXT
	case s.UIDNext != r.TargetUIDNext || s.Messages != r.Messages:
		return fmt.Sprintf("it held %s when the plan was made, with UIDNEXT %d; now it is %d, with %d",
			text.Count(r.Messages, "message"), r.TargetUIDNext, s.Messages, s.UIDNext), nil
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
		return fmt.Sprintf("its STATUS says that it holds %s, and it shows %d", text.Count(r.Messages, "message"),
			shown), nil
	}
	return "", nil
}
