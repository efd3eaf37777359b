package push

import (
	"errors"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Where source and destination are folders of one account, the server copies
// messages itself: their octets come nowhere near, and stay as they are.

// copyTries is how often a server may say that it has copied a message which is
// not there.
const copyTries = 2

// checkCopy refuses options that a COPY cannot follow.
func (o *Options) checkCopy() error {
	switch {
	case !o.ServerCopy:
	case o.Unconditional:
		return exit.Errorf(exit.Usage, "--server-copy wants a plan: --unconditional has no place beside it")
	case o.Transform.Any():
		return exit.Errorf(exit.Usage, "--server-copy changes nothing in messages, and another option asks for that").WithHint("leave one of them out")
	case !o.Flags.KeepsAll():
		return exit.Errorf(exit.Usage, "--server-copy leaves flags as they are, and another option changes them").WithHint("leave one of them out")
	}
	return nil
}

// mayCopy refuses a plan whose messages are not in this account.
func (p *pusher) mayCopy(b *stream.Begin) error {
	conn := &p.session.Conn
	if !p.opt.ServerCopy || b.Account() == conn.Account() && b.TargetAccount() == conn.Account() {
		return nil
	}
	return exit.Errorf(exit.Usage, "--server-copy copies within one account: the plan is from %s to %s, and this is %s", b.Account().Words(), b.TargetAccount().Words(), conn.Account().Words()).
		WithHint("leave --server-copy out, and put `imap-fetch --select -` before imap-push")
}

// mayCopyFolders refuses a plan that copies messages to a folder whose own it is
// about, too: the next would take the copies for mail that is to be copied.
func (p *pusher) mayCopyFolders() error {
	if !p.opt.ServerCopy {
		return nil
	}
	listed := map[string]bool{}
	for _, f := range p.toc {
		listed[f.Name] = f.Messages > 0
	}
	for _, f := range p.toc {
		if f.Messages > 0 && f.Target != f.Name && listed[f.Target] {
			return exit.Errorf(exit.Usage, "the plan copies %s to %s, and lists the messages of both: each run would copy again", folder.Quote(f.Name), folder.Quote(f.Target)).
				WithHint("list only what is to be copied, with `imap-fetch --folder`")
		}
	}
	return nil
}

// copy is send for messages that the server copies.
func (p *pusher) copy(t *destination.Folder, ms []*batch.Message) (rest []*batch.Message, err error) {
	p.session.Leave() // another folder will be
	if ms, err = p.atSource(ms); err != nil || len(ms) == 0 {
		return ms, err
	}
	source, err := p.session.Source(ms[0].Folder)
	if err != nil {
		return ms, err
	}
	started := time.Now()
	looked := false
	said, err := source.Box.Copy(p.session.Ctx, batch.UIDs(ms), t.Wire, func() (bool, error) {
		before := len(ms)
		var err error
		ms, err = p.resolve(t, ms, refusal)
		looked = len(ms) < before || t.Refused != nil
		return !looked, err
	})
	var no *imap.Error
	if errors.As(err, &no) && !errors.Is(err, imapconn.ErrNoMailbox) {
		if !looked {
			before := len(ms)
			var failed error
			if ms, failed = p.resolve(t, ms, refusal); failed != nil {
				return ms, failed
			}
			looked = len(ms) < before
		}
		if looked || t.Refused != nil { // some were copied: the others are tried anew
			return p.undecided(t, ms)
		}
	}
	switch {
	case err == nil:
		p.slowest = max(p.slowest, time.Since(started))
		return p.copied(t, ms, said)
	case exit.CodeOf(err) == exit.Partial && !errors.As(err, &no): // the source folder is another one
		p.session.ForgetSource()
		return p.again(ms)
	case errors.Is(err, imapconn.ErrNoMailbox), exit.CodeOf(err) == exit.Temporary, !errors.As(err, &no):
		return ms, err
	case len(ms) > 1:
		return p.divide(t, ms)
	case exit.CodeOf(err) == exit.CantCreate:
		return ms, err
	case !ms[0].Retried: // a refusal may pass
		ms[0].Retried = true
		return p.copy(t, ms)
	}
	return nil, p.answer(t, ms[0], imapconn.AppendResult{Err: no})
}

// undecided returns messages to be tried again, or answers for them if the folder
// cannot be looked at.
func (p *pusher) undecided(t *destination.Folder, ms []*batch.Message) ([]*batch.Message, error) {
	if t.Refused != nil {
		return nil, p.refuseAll(ms, receipt.Failed, "in-doubt", t.Refused.Error())
	}
	return ms, nil
}

// divide finds those for which the server refuses a whole batch.
func (p *pusher) divide(t *destination.Folder, ms []*batch.Message) ([]*batch.Message, error) {
	middle := (len(ms) + 1) / 2
	rest, err := p.copy(t, ms[:middle])
	if err != nil || len(rest) > 0 || p.halt != nil || middle == len(ms) {
		return slices.Concat(rest, ms[middle:]), err
	}
	return p.copy(t, ms[middle:])
}

// copied answers for messages that the server says it has copied, and returns
// those of which it does not.
func (p *pusher) copied(t *destination.Folder, ms []*batch.Message, said *imapconn.Copied) (rest []*batch.Message, err error) {
	ms, unasked := ms[:said.Asked], ms[said.Asked:]
	if said.UIDs == nil {
		if rest, err = p.resolve(t, ms, unanswered); err != nil {
			return slices.Concat(rest, unasked), err
		}
		if t.Refused != nil {
			return unasked, p.refuseAll(rest, receipt.Failed, "in-doubt", t.Refused.Error())
		}
		t.Arrivals.Spare(ms)
	} else if rest, err = p.acknowledged(t, ms, said); err != nil {
		return slices.Concat(rest, unasked), err
	} else if len(rest) > 0 { // COPYUID may name too few
		if rest, err = p.resolve(t, rest, refusal); err != nil {
			return slices.Concat(rest, unasked), err
		}
		if t.Refused != nil {
			return unasked, p.refuseAll(rest, receipt.Failed, "in-doubt", t.Refused.Error())
		}
	}
	if rest, err = p.again(rest); err != nil {
		return nil, err
	}
	return slices.Concat(rest, unasked), p.receipts.Flush()
}

// again returns the messages that are worth another try: one that is gone meets
// its end at the next look at the source.
func (p *pusher) again(ms []*batch.Message) (rest []*batch.Message, err error) {
	for _, m := range ms {
		if m.Unseen++; m.Unseen < copyTries {
			rest = append(rest, m)
		} else if err := p.refuseAll([]*batch.Message{m}, receipt.Failed, "not-copied", "the server says that it has copied the message, and it is not there"); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// acknowledged answers for messages whose copies the server names, and returns
// the others.
func (p *pusher) acknowledged(t *destination.Folder, ms []*batch.Message, said *imapconn.Copied) (rest []*batch.Message, err error) {
	sent := setflags.Sent{}
	for _, m := range ms {
		uid := said.UIDs[m.UID]
		if uid == 0 {
			rest = append(rest, m)
			continue
		}
		want, dropped := t.Allowed(m.SourceFlags)
		r := imapconn.AppendResult{UIDValidity: said.UIDValidity, UID: uid, DroppedFlags: dropped}
		if p.checkPlace(t, &r); r.UID != 0 && p.keeper.Watch(want) {
			sent[r.UID] = &setflags.Flagged{Message: m, Want: want}
		}
		if err := p.answer(t, m, r); err != nil {
			return rest, err
		}
	}
	return rest, p.keeper.Restore(p.session, t, sent)
}
