package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// A dry run checks what can be known without writing: names, flags, the
// server's limits, quota.

// rehearse says what would become of messages of one target.
func (p *pusher) rehearse(ms []*message) error {
	if err := p.desk.connect(); err != nil {
		return err
	}
	t := p.desk.target(ms[0].Target)
	if t.exists && !t.opened {
		box, err := p.desk.session.Examine(p.desk.ctx, t.wire)
		if err != nil && !refused(err) {
			return err
		}
		t.opened, t.anyFlag = true, true
		if err != nil {
			t.refused = err
		} else if t.validity != 0 && box.UIDValidity != t.validity {
			t.refused = fmt.Errorf("its UIDVALIDITY was %d when the plan was made and is %d now: make a new plan", t.validity, box.UIDValidity)
		} else if len(box.PermanentFlags) > 0 {
			// A mailbox that is only looked at need not tell them.
			t.flags, t.anyFlag = box.PermanentFlags, box.AnyKeyword
		}
	}
	limit := p.desk.session.AppendLimit()
	for _, m := range ms {
		x := of(&m.Message, t.name, Skipped)
		x.Reason = "dry-run"
		switch {
		case t.refused != nil:
			x.Result, x.Reason, x.Text = Rejected, "no-folder", t.refused.Error()
		case limit > 0 && m.Size > limit:
			x.Result, x.Reason, x.Text = Rejected, "too-large", fmt.Sprintf("%d octets, and the server takes %d", m.Size, limit)
		case m.Size == 0:
			x.Result, x.Reason = Rejected, "empty"
		case len(t.flags) > 0:
			_, x.DroppedFlags = t.allowed(m.Flags)
		}
		p.wouldAppend += m.Size
		p.count(0)
		if err := p.receipts.message(x, 0); err != nil {
			return err
		}
	}
	return p.receipts.flush()
}

// rehearseName checks the name of a folder that would be created.
func (p *pusher) rehearseName(x Receipt) (Receipt, error) {
	x.Result, x.Reason = Skipped, "dry-run"
	if _, err := folder.EncodeUTF7(folder.Plain(x.Target)); err != nil {
		x.Result, x.Reason, x.Text = Rejected, "create", err.Error()
	}
	return x, nil
}

// rehearseQuota compares what would be appended with the room that is left.
func (p *pusher) rehearseQuota() error {
	if !p.opt.DryRun || p.desk.session == nil || p.wouldAppend == 0 {
		return nil
	}
	used, limit, err := p.desk.session.Quota(p.desk.ctx, folder.Inbox)
	if err != nil || limit <= 0 || used+p.wouldAppend <= limit {
		return nil // a server without quota has no say
	}
	return exit.Errorf(exit.CantCreate, "the plan needs %s octets, and the quota leaves %s", thousands(p.wouldAppend), thousands(max(0, limit-used)))
}
