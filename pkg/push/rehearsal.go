package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A dry run checks what can be known without writing: names, flags, the
// server's limits, quota.

// rehearsal is a dry run.
type rehearsal struct {
	session *destination.Session
	answers *answers
	copier  *copier                 // nil: messages would be appended, not copied
	would   map[string]*wouldAppend // by folder
}

func newRehearsal(session *destination.Session, answers *answers, copier *copier) *rehearsal {
	return &rehearsal{session: session, answers: answers, copier: copier, would: map[string]*wouldAppend{}}
}

// messages says what would become of messages of one target.
func (r *rehearsal) messages(ms []*batch.Message) error {
	t := r.session.Folder(ms[0].Target)
	if t.Exists && !t.Opened {
		box, err := r.session.IMAP.Examine(r.session.Ctx, t.Wire)
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
	limit := r.session.IMAP.Limit("APPENDLIMIT")
	if t.Exists {
		var err error
		if limit, err = r.session.IMAP.AppendLimit(r.session.Ctx, t.Wire); err != nil {
			return err
		}
	}
	if r.copier != nil {
		var err error
		if ms, err = r.copier.atSource(ms); err != nil {
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
			x.Result, x.Reason, x.Text = receipt.Rejected, "too-large", fmt.Sprintf("%s, and the server takes %d",
				text.Count(m.Size, "octet"), limit)
		case m.Size == 0 && !m.Copied:
			x.Result, x.Reason = receipt.Rejected, "empty"
		case len(t.Flags) > 0:
			_, x.DroppedFlags = r.answers.keeper.Wanted(t, m)
		}
		if x.Result == receipt.Skipped {
			r.answers.quota.Spend(t.Name, m.Size)
			r.add(t.Name, m.Size)
		}
		r.answers.progress.count(0)
		m.Answered = true
		if err := r.answers.receipts.Message(x, 0); err != nil {
			return err
		}
	}
	return r.answers.receipts.Flush()
}

// wouldAppend counts what a dry run would append to a folder.
type wouldAppend struct {
	messages, size int64
}

func (r *rehearsal) add(name string, size int64) {
	if r.would[name] == nil {
		r.would[name] = &wouldAppend{}
	}
	r.would[name].messages++
	r.would[name].size += size
}

// quotaShort says, after a dry run, what would be appended to each folder, and returns
// which quota root has no room for it, or nil.
func (r *rehearsal) quotaShort(p *plan, opt *Options) error {
	guard := r.answers.quota
	if !opt.DryRun || !guard.Surveyed() {
		return nil
	}
	for _, f := range p.toc {
		name := p.targetOf(f)
		if w := r.would[name]; w != nil {
			opt.say("%s -> %s: %s, %s to append%s", f.Name, name, text.Count(w.messages, "message"),
				text.Octets(w.size), guard.Under(name))
			delete(r.would, name) // two source folders may share it
		}
	}
	return guard.Short()
}
