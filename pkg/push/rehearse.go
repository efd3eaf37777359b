package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A dry run checks what can be known without writing: names, flags, the
// server's limits, quota.

// rehearse says what would become of messages of one target.
func (p *pusher) rehearse(ms []*batch.Message) error {
	t := p.desk.target(ms[0].Target)
	if t.exists && !t.opened {
		box, err := p.desk.session.Examine(p.desk.ctx, t.wire)
		if err != nil && !refused(err) {
			return err
		}
		t.opened, t.anyFlag = true, true
		if err != nil {
			t.refused = err
		} else if t.replaced(box) {
			t.refused = fmt.Errorf("its UIDVALIDITY was %d when the plan was made and is %d now: make a new plan", t.validity, box.UIDValidity)
		} else if len(box.PermanentFlags) > 0 {
			// A mailbox that is only looked at need not tell them.
			t.flags, t.anyFlag = box.PermanentFlags, box.AnyKeyword
		}
	}
	limit := p.desk.session.Limit("APPENDLIMIT")
	if t.exists {
		var err error
		if limit, err = p.desk.session.AppendLimit(p.desk.ctx, t.wire); err != nil {
			return err
		}
	}
	if p.opt.ServerCopy {
		var err error
		if ms, err = p.atSource(ms); err != nil {
			return err
		}
		limit = -1
	}
	for _, m := range ms {
		x := receipts.Of(&m.Message, t.name, receipt.Skipped)
		x.Reason = "dry-run"
		switch {
		case t.refused != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "no-folder", t.refused.Error()
		case limit >= 0 && m.Size > limit:
			x.Result, x.Reason, x.Text = receipt.Rejected, "too-large", fmt.Sprintf("%s, and the server takes %d", text.Count(m.Size, "octet"), limit)
		case m.Size == 0 && !m.Copied:
			x.Result, x.Reason = receipt.Rejected, "empty"
		case len(t.flags) > 0:
			_, x.DroppedFlags = p.wanted(t, m)
		}
		if x.Result == receipt.Skipped {
			p.spent(t, m.Size)
			t.wouldMessages++
			t.wouldOctets += m.Size
		}
		p.count(0)
		m.Answered = true
		if err := p.receipts.Message(x, 0); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

// rehearseName checks the name of a folder that would be created.
func (p *pusher) rehearseName(x receipt.Receipt) (receipt.Receipt, error) {
	x.Result, x.Reason = receipt.Skipped, "dry-run"
	if _, err := folder.WireToCreate(x.Target); err != nil {
		x.Result, x.Reason, x.Text = receipt.Rejected, "create", err.Error()
	}
	return x, nil
}
