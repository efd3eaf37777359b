package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A dry run checks what can be known without writing: names, flags, the
// server's limits, quota.

// rehearse says what would become of messages of one target.
func (p *pusher) rehearse(ms []*batch.Message) error {
	t := p.session.Folder(ms[0].Target)
	if t.Exists && !t.Opened {
		box, err := p.session.IMAP.Examine(p.session.Ctx, t.Wire)
		if err != nil && !destination.Refused(err) {
			return err
		}
		t.Opened, t.AnyFlag = true, true
		if t.Refused = err; err == nil {
			t.Refused = t.CheckValidity(box)
		}
		if err == nil && len(box.PermanentFlags) > 0 { // a mailbox that is only looked at need not tell them
			t.Flags, t.AnyFlag = box.PermanentFlags, box.AnyKeyword
		}
	}
	limit := p.session.IMAP.Limit("APPENDLIMIT")
	if t.Exists {
		var err error
		if limit, err = p.session.IMAP.AppendLimit(p.session.Ctx, t.Wire); err != nil {
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
		x := receipts.Of(&m.Message, t.Name, receipt.Skipped)
		x.Reason = "dry-run"
		switch {
		case t.Refused != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "no-folder", t.Refused.Error()
		case limit >= 0 && m.Size > limit:
			x.Result, x.Reason, x.Text = receipt.Rejected, "too-large", fmt.Sprintf("%s, and the server takes %d", text.Count(m.Size, "octet"), limit)
		case m.Size == 0 && !m.Copied:
			x.Result, x.Reason = receipt.Rejected, "empty"
		case len(t.Flags) > 0:
			_, x.DroppedFlags = p.keeper.Wanted(t, m)
		}
		if x.Result == receipt.Skipped {
			p.quota.Spend(t.Name, m.Size)
			p.would.add(t.Name, m.Size)
		}
		p.count(0)
		m.Answered = true
		if err := p.receipts.Message(x, 0); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

// wouldAppend counts what a dry run would append to a folder.
type wouldAppend struct {
	messages, size int64
}

// wouldAppends counts by folder.
type wouldAppends map[string]*wouldAppend

func (w wouldAppends) add(name string, size int64) {
	if w[name] == nil {
		w[name] = &wouldAppend{}
	}
	w[name].messages++
	w[name].size += size
}

// rehearseQuota says, after a dry run, what would be appended to each folder,
// and whether the quota has room for it.
func (p *pusher) rehearseQuota() error {
	if !p.opt.DryRun || !p.quota.Surveyed() {
		return nil
	}
	for _, f := range p.toc {
		name := p.targetOf(f)
		if w := p.would[name]; w != nil {
			p.say("%s -> %s: %s, %s to append%s", f.Name, name, text.Count(w.messages, "message"), text.Octets(w.size), p.quota.Under(name))
			delete(p.would, name) // two source folders may share it
		}
	}
	return p.quota.Short()
}

// survey asks for the quota roots of the folders that the plan appends to.
func (p *pusher) survey() error {
	if p.quota.Surveyed() {
		return nil
	}
	var boxes []imapconn.Mailbox
	sizes := map[string]int64{}
	for _, f := range p.toc {
		t := p.goal(f)
		if t == nil {
			continue
		}
		if t.Exists && f.Messages > 0 {
			boxes = append(boxes, imapconn.Mailbox{Name: t.Name, Wire: t.Wire})
		}
		if f.Octets > 0 {
			sizes[t.Name] += f.Octets
		}
	}
	if err := p.quota.Survey(p.session.Ctx, p.session.IMAP, boxes); err != nil {
		return err
	}
	p.quota.Foresee(sizes)
	return nil
}

func (p *pusher) say(format string, args ...any) {
	if p.opt.Say != nil {
		p.opt.Say(format, args...)
	}
}
