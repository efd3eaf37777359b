package push

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Where source and destination are folders of one account, the server copies
// messages itself: their content is neither read nor changed.

// copier has the server copy messages, over one connection.
type copier struct {
	session  *destination.Session
	answers  *answers
	resolver *resolver
}

// copyTries is how often a server may say that it has copied a message which is
// not there.
const copyTries = 2

// copy is send for messages that the server copies.
func (c *copier) copy(b *attempt, ms []*batch.Message) (rest []*batch.Message, err error) {
	c.session.Leave() // another folder will be
	if ms, err = c.atSource(ms); err != nil || len(ms) == 0 {
		return ms, err
	}
	source, err := c.session.Source(ms[0].Folder)
	if err != nil {
		return ms, err
	}
	started := time.Now()
	looked := false
	said, err := source.Box.Copy(c.session.Ctx, batch.UIDs(ms), b.target.Wire, func() (bool, error) {
		before := len(ms)
		var err error
		ms, err = c.resolver.resolve(b, ms, refusal)
		looked = len(ms) < before || b.target.Refused != nil
		return !looked, err
	})
	var no *imap.Error
	if errors.As(err, &no) && !errors.Is(err, imapconn.ErrNoMailbox) {
		if !looked {
			before := len(ms)
			var failed error
			if ms, failed = c.resolver.resolve(b, ms, refusal); failed != nil {
				return ms, failed
			}
			looked = len(ms) < before
		}
		if looked || b.target.Refused != nil { // some were copied: the others are tried anew
			return c.undecided(b, ms)
		}
	}
	switch {
	case err == nil:
		c.answers.server.took(time.Since(started))
		return c.copied(b, ms, said)
	case fault.KindOf(err) == fault.Partial && !errors.As(err, &no): // the source folder is another one
		c.session.ForgetSource()
		return c.again(ms)
	case errors.Is(err, imapconn.ErrNoMailbox), fault.KindOf(err) == fault.Temporary, !errors.As(err, &no):
		return ms, err
	case len(ms) > 1:
		return c.divide(b, ms)
	case fault.KindOf(err) == fault.CantCreate:
		return ms, err
	case !ms[0].Retried: // a refusal may pass
		ms[0].Retried = true
		return c.copy(b, ms)
	}
	return nil, c.answers.answer(b, ms[0], imapconn.AppendResult{Err: no})
}

// undecided returns messages to be tried again, or answers for them if the folder
// cannot be looked at.
func (c *copier) undecided(b *attempt, ms []*batch.Message) ([]*batch.Message, error) {
	if b.target.Refused != nil {
		return nil, c.answers.inDoubt(ms, b.target.Refused.Error())
	}
	return ms, nil
}

// divide finds those for which the server refuses a whole batch.
func (c *copier) divide(b *attempt, ms []*batch.Message) ([]*batch.Message, error) {
	middle := (len(ms) + 1) / 2
	rest, err := c.copy(b, ms[:middle])
	if err != nil || len(rest) > 0 || c.answers.limiter.halt != nil || middle == len(ms) {
		return slices.Concat(rest, ms[middle:]), err
	}
	return c.copy(b, ms[middle:])
}

// copied answers for messages that the server says it has copied, and returns
// those of which it does not.
func (c *copier) copied(b *attempt, ms []*batch.Message, said *imapconn.Copied) (rest []*batch.Message, err error) {
	rest, unasked := ms[:said.Asked], ms[said.Asked:]
	why := unanswered
	if said.UIDs != nil { // which may name too few
		why = refusal
		rest, err = c.acknowledged(b, rest, said)
	}
	if err == nil && len(rest) > 0 {
		rest, err = c.resolver.resolve(b, rest, why)
	}
	if err != nil {
		return slices.Concat(rest, unasked), err
	}
	if b.target.Refused != nil {
		return unasked, c.answers.inDoubt(rest, b.target.Refused.Error())
	}
	if said.UIDs == nil {
		b.target.Arrivals.Spare(ms[:said.Asked])
	}
	if rest, err = c.again(rest); err != nil {
		return nil, err
	}
	return slices.Concat(rest, unasked), c.answers.receipts.Flush()
}

// again returns the messages that are worth another try: one that was expunged has
// its receipt at the next look at the source.
func (c *copier) again(ms []*batch.Message) (rest []*batch.Message, err error) {
	for _, m := range ms {
		if m.Unseen++; m.Unseen < copyTries {
			rest = append(rest, m)
		} else if err := c.answers.refuseOne(m, receipt.Failed, "not-copied",
			"the server says that it has copied the message, and it is not there"); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// acknowledged answers for messages whose copies the server names, and returns
// the others.
func (c *copier) acknowledged(b *attempt, ms []*batch.Message, said *imapconn.Copied) (
	rest []*batch.Message, err error) {
	sent := setflags.Sent{}
	for _, m := range ms {
		uid := said.UIDs[m.UID]
		if uid == 0 {
			rest = append(rest, m)
			continue
		}
		want, dropped := b.target.Allowed(m.SourceFlags)
		r := imapconn.AppendResult{UIDValidity: said.UIDValidity, UID: uid, DroppedFlags: dropped}
		if c.answers.checkPlace(b.target, &r); r.UID != 0 && c.answers.keeper.Watch(want) {
			sent[r.UID] = &setflags.Flagged{Message: m, Want: want}
		}
		if err := c.answers.answer(b, m, r); err != nil {
			return rest, err
		}
	}
	return rest, c.answers.keeper.Restore(c.session, b.target, sent)
}

// atSource looks at messages that are to be copied from one folder, and returns
// those that are what their records say, by UID. The others get receipts.
func (c *copier) atSource(ms []*batch.Message) (there []*batch.Message, err error) {
	s, err := c.session.Source(ms[0].Folder)
	if err != nil {
		return ms, err
	}
	if s.Box == nil {
		return nil, c.answers.refuse(ms, receipt.Failed, string(s.Reason), s.Text)
	}
	for _, m := range ms {
		if m.UIDValidity == s.Box.UIDValidity {
			there = append(there, m)
		} else if err := c.replaced(m, s.Box.UIDValidity); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(there, func(a, b *batch.Message) int { return cmp.Compare(a.UID, b.UID) })
	seen, err := c.session.LookAtSource(s, there)
	if err != nil {
		return there, err
	}
	return c.asRecorded(there, seen)
}

// replaced answers for a message of a folder that is another one now.
func (c *copier) replaced(m *batch.Message, now uint64) error {
	return c.answers.refuseOne(m, receipt.Failed, string(stream.ReasonUIDValidity),
		fmt.Sprintf("the source folder's UIDVALIDITY was %d when it was listed and is %d now", m.UIDValidity, now))
}

// asRecorded returns the messages that are what their records say. The others
// get receipts.
func (c *copier) asRecorded(ms []*batch.Message, seen map[uint64]*destination.SeenAtSource) (
	there []*batch.Message, err error) {
	for _, m := range ms {
		switch x := seen[m.UID]; {
		case x == nil, x.State == imapconn.Expunged:
			m.Answered = true
			err = c.answers.single(receipts.Of(&m.Message, m.Target, receipt.Expunged))
		case x.State != imapconn.Have:
			err = c.answers.refuseOne(m, receipt.Failed, x.Reason, x.Text)
		case x.Key != m.Key:
			err = c.answers.refuseOne(m, receipt.Failed, string(stream.ReasonKey), "another message has this UID")
		default:
			m.SourceFlags = x.Flags
			there = append(there, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}
