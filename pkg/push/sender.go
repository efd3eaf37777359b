package push

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

const (
	// aloneTries is how often a message may end the connection by itself, and
	// maxDeadly how many such messages there may be: more are an outage.
	aloneTries = 3
	maxDeadly  = 5
)

// sender sends the messages of an attempt until the outcome of each is known.
type sender struct {
	*appender
	attempt  *attempt
	messages []*batch.Message // whose outcome is unknown
	n        int              // how many of them are sent together
	alone    int              // how often the first, sent alone, has ended the connection
	missing  int              // how often the folder was not there
}

// append sends messages until the outcome of each is known. A message that ends the
// connection is looked for by sending fewer at a time.
func (a *appender) append(b *attempt, ms []*batch.Message) error {
	s := &sender{appender: a, attempt: b, messages: ms, n: len(ms)}
	for len(s.messages) > 0 {
		if a.limiter.halt != nil {
			_, err := a.answers.overLimit(s.messages)
			return err
		}
		if b.target.Refused != nil {
			return a.answers.noFolder(b.target, s.messages)
		}
		if err := s.next(); err != nil {
			return err
		}
	}
	return nil
}

// next sends the next messages.
func (s *sender) next() error {
	b, t := s.attempt, s.attempt.target
	s.n = min(s.n, len(s.messages))
	tail := s.messages[s.n:]
	rest, err := s.send(b, s.messages[:s.n])
	var doubt *imapconn.InDoubt
	var no *imap.Error
	if errors.As(err, &doubt) {
		var failed error
		setInDoubt(rest, true)
		s.session.Retreat() // the server may take no more connections
		if rest, failed = s.resolver.resolve(b, rest, unanswered); failed != nil {
			return failed
		}
		setInDoubt(rest, t.Refused != nil)
	}
	if err != nil && t.Refused != nil {
		s.messages = nil
		if err := s.answers.inDoubt(rest, t.Refused.Error()); err != nil {
			return err
		}
		return s.answers.noFolder(t, tail)
	}
	s.messages = slices.Concat(rest, tail)
	switch {
	case err == nil:
		s.n = len(s.messages)
		return nil
	case doubt != nil, imapconn.IsGarbled(err), fault.KindOf(err) == fault.Temporary && !errors.As(err, &no):
		return s.connectionLost(len(rest), err)
	case errors.Is(err, imapconn.ErrNoMailbox):
		return s.folderMissing(rest, tail, err)
	case fault.KindOf(err) == fault.CantCreate:
		s.answers.quota.Exceeded(t.Name, err)
		return s.giveUp(receipt.Skipped, "over-quota", err)
	}
	return err
}

// giveUp refuses all messages that are left.
func (s *sender) giveUp(result receipt.Result, reason string, why error) error {
	ms := s.messages
	s.messages = nil
	return s.answers.refuse(ms, result, reason, why.Error())
}

// connectionLost sends fewer messages the next time if none of those that were sent
// has arrived, and gives up one that has ended the connection alone. left of those
// that were sent are not there.
func (s *sender) connectionLost(left int, why error) error {
	switch {
	case left < s.n: // it goes on
		s.alone = 0
	case s.n > 1:
		s.n = (s.n + 1) / 2
	default:
		s.alone++
	}
	if s.alone < aloneTries {
		return nil
	}
	if s.deadly++; s.deadly > maxDeadly {
		return fault.Errorf(fault.Temporary, "append to %q: the connection is lost again and again: %w",
			s.attempt.target.Name, why).WithHint("run the same pipeline again")
	}
	const text = "the connection is lost whenever this message is sent"
	first := s.messages[0]
	s.messages, s.n, s.alone = s.messages[1:], len(s.messages), 0
	return s.answers.refuseOne(first, receipt.Failed, "connection-lost", text)
}

// folderMissing makes the folder, which the server says is not there, or gives up.
// rest are the messages that were sent.
func (s *sender) folderMissing(rest, tail []*batch.Message, why error) error {
	if s.missing >= 2 {
		rest, err := s.resolver.resolve(s.attempt, rest, refusal)
		if err != nil {
			return err
		}
		s.messages = slices.Concat(rest, tail)
		return s.giveUp(receipt.Rejected, "no-folder", why)
	}
	s.missing++
	done, err := s.recreate(s.attempt.target, s.messages)
	if errors.Is(err, imapconn.ErrExists) { // it was not missing: the refusal says nothing
		before := len(rest)
		if rest, err = s.resolver.resolve(s.attempt, rest, refusal); len(rest) < before {
			s.missing = 0
		}
		s.messages = slices.Concat(rest, tail)
	}
	if done {
		s.messages = nil
	}
	return err
}

// setInDoubt notes of messages whether it is unknown what became of them.
func setInDoubt(ms []*batch.Message, unknown bool) {
	for _, m := range ms {
		m.InDoubt = unknown
	}
}

// recreate makes a folder that is not there. done means that it cannot be made,
// or that this run has seen it and put messages into it, so that somebody has
// renamed or deleted it: the receipts say so.
func (a *appender) recreate(t *destination.Folder, ms []*batch.Message) (done bool, err error) {
	if t.Arrivals.Any() {
		if there, err := a.session.IMAP.Exists(a.session.Ctx, t.Wire); err != nil || there {
			return false, cmp.Or(err, imapconn.ErrExists)
		}
		t.Refused = fmt.Errorf("the folder was renamed or deleted while messages were appended: make a new plan")
		return true, a.answers.noFolder(t, ms)
	}
	t.Exists = false
	err = a.session.Create(t)
	switch {
	case t.Refused != nil:
		return true, a.answers.noFolder(t, ms)
	case err == nil:
		t.Recreated(a.session)
		return false, nil
	case errors.Is(err, imapconn.ErrExists):
		return false, err
	case destination.Refused(err):
		return true, a.answers.refuse(ms, receipt.Rejected, "no-folder", err.Error())
	}
	return true, err
}

// send makes one attempt and returns the messages whose fate is not known.
func (a *appender) send(b *attempt, ms []*batch.Message) (rest []*batch.Message, err error) {
	t := b.target
	if a.copier != nil {
		return a.copier.copy(b, ms)
	}
	out, dropped := a.outgoing(t, ms)
	rest = slices.Clone(ms)
	var failed error
	sent := setflags.Sent{}
	lookUp := func(refused []int) (missing []int, err error) {
		missing, err = a.resolveRefused(b, ms, refused)
		for _, i := range refused {
			if !slices.Contains(missing, i) {
				rest[i] = nil
			}
		}
		return missing, err
	}
	end := a.ahead.begin(t, ms)
	started := time.Now()
	err = a.session.IMAP.Append(a.session.Ctx, t.Wire, out, func(i int, r imapconn.AppendResult) {
		rest[i] = nil
		a.answers.checkPlace(t, &r)
		if want := flags.Without(out[i].Flags, r.DroppedFlags); r.Err == nil && r.UID != 0 &&
			a.answers.keeper.Watch(want) {
			sent[r.UID] = &setflags.Flagged{Message: ms[i], Want: want}
		}
		r.DroppedFlags = append(slices.Clone(dropped[i]), r.DroppedFlags...)
		if r.Err == nil {
			a.answers.keeper.Lack(t, ms[i], r.UIDValidity, r.UID, r.RefusedFlags)
		}
		if err := a.answers.answer(b, ms[i], r); err != nil && failed == nil {
			failed = err
		}
	}, lookUp)
	end()
	if err == nil {
		err = failed
		a.answers.server.took(time.Since(started))
	}
	if err == nil {
		err = a.answers.keeper.Restore(a.session, t, sent)
	}
	if flushErr := a.answers.receipts.Flush(); err == nil {
		err = flushErr
	}
	return slices.DeleteFunc(rest, func(m *batch.Message) bool { return m == nil }), err
}

// outgoing returns messages as they are appended, and the flags that are dropped.
func (a *appender) outgoing(t *destination.Folder, ms []*batch.Message) (
	out []imapconn.AppendMessage, dropped [][]string) {
	out, dropped = make([]imapconn.AppendMessage, len(ms)), make([][]string, len(ms))
	for i, m := range ms {
		out[i] = imapconn.AppendMessage{InternalDate: m.InternalDate, Size: m.Size, Body: m}
		out[i].Flags, dropped[i] = a.answers.keeper.Wanted(t, m)
	}
	return out, dropped
}

// resolveRefused resolves messages that the server refused, by their places in ms, and
// returns the places of those that are not there.
func (a *appender) resolveRefused(b *attempt, ms []*batch.Message, refused []int) (missing []int, err error) {
	list := make([]*batch.Message, len(refused))
	for k, i := range refused {
		list[k] = ms[i]
	}
	left, err := a.resolver.resolve(b, list, refusal)
	for _, i := range refused {
		if slices.Contains(left, ms[i]) {
			missing = append(missing, i)
		}
	}
	if err == nil && b.target.Refused != nil {
		err = fmt.Errorf("cannot look for messages that were refused: %w", b.target.Refused)
	}
	return missing, err
}
