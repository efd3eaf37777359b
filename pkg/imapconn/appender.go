package imapconn

import (
	"context"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// appender is one call of Append.
type appender struct {
	s      *Session
	ctx    context.Context
	wire   string
	msgs   []AppendMessage
	ready  []prepared
	done   func(int, AppendResult)
	lookUp LookUp

	known []bool // whose fate is known, and told
	head  []byte
}

// newAppender makes an appender; no message may be larger than limit, unless that is
// negative.
func newAppender(ctx context.Context, s *Session, wire string, msgs []AppendMessage, limit int64) *appender {
	a := &appender{s: s, ctx: ctx, wire: wire, msgs: msgs, known: make([]bool, len(msgs)),
		ready: make([]prepared, len(msgs))}
	for i := range msgs {
		a.ready[i] = prepare(&msgs[i], limit)
	}
	return a
}

// resume is run for messages of which all but the end of the command has been sent.
func (a *appender) resume(ctx context.Context, st *stage, done func(int, AppendResult), lookUp LookUp) error {
	a.ctx, a.done, a.lookUp = ctx, done, lookUp
	answer, err := a.end(st.sent)
	if err := a.answered(st.sent.list, answer, err); err != nil {
		return err
	}
	return a.run()
}

func (a *appender) run() error {
	for i := range a.msgs {
		for !a.known[i] {
			if a.ctx.Err() != nil {
				return context.Cause(a.ctx)
			}
			if err := a.ready[i].err; err != nil {
				a.finish(i, AppendResult{Err: err})
				continue
			}
			c, err := a.s.fresh(a.ctx)
			if err != nil {
				return err
			}
			if err := a.step(c, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// step sends as many messages, from i on, as the server takes at a time.
func (a *appender) step(c *conn, i int) error {
	list := a.plainRun(i)
	if len(list) > 0 && a.s.caution == 0 && c.caps.literal() > 0 && !a.readsLiterals(c) {
		list = nil
		if c.err != nil {
			return nil // on a new connection
		}
	}
	switch {
	case len(list) == 0 || a.s.caution > 0:
		a.s.caution = max(0, a.s.caution-1)
		return a.alone(i, a.choices(i))
	case c.caps[imap.CapMultiAppend]:
		return a.multi(list)
	case c.caps[imap.CapLiteralPlus]:
		return a.pipeline(c, list)
	}
	return a.alone(i, a.choices(i))
}

// plainRun returns the messages from i on that can go together.
func (a *appender) plainRun(i int) (list []int) {
	if !a.s.accepted.isPlainName(a.wire) {
		return nil
	}
	octets := int64(0)
	for ; i < len(a.msgs) && len(list) < MaxBatchMessages; i++ {
		if a.known[i] {
			continue
		}
		p := &a.ready[i]
		p.without(func(keyword string) bool { return a.s.accepted.refuses(a.wire, keyword) })
		octets += a.msgs[i].Size
		if !a.s.accepted.isPlain(p) || !a.s.accepted.takesSize(a.msgs[i].Size) ||
			len(list) > 0 && octets > MaxBatchOctets {
			break
		}
		list = append(list, i)
	}
	return list
}

func (a *appender) finish(i int, r AppendResult) {
	a.known[i] = true
	a.done(i, r)
}

// reject reports a message as refused.
func (a *appender) reject(i int, no *imap.Error) {
	p := &a.ready[i]
	a.finish(i, AppendResult{Err: no, DroppedFlags: p.dropped, DroppedDate: p.droppedDate})
}

func (a *appender) variant(i int) variant { return variant{a.ready[i].flags, a.ready[i].date} }

// stored reports messages as stored; v is how the only one was sent, or nil.
func (a *appender) stored(list []int, st *status, v *variant) {
	a.s.resetBackOff()
	validity, uids := appendUIDs(st, len(list))
	for k, i := range list {
		one := a.variant(i)
		if v != nil {
			one = *v
		}
		r := a.ready[i].result(one)
		if uids != nil {
			r.UIDValidity, r.UID = validity, uids[k]
		}
		a.s.accepted.takeSize(a.msgs[i].Size)
		a.finish(i, r)
	}
}

// appendUIDs reads [APPENDUID validity set] (RFC 4315) for n messages; nil if
// it does not fit them: UIDs rise in the order of the messages.
func appendUIDs(st *status, n int) (validity uint64, uids []uint64) {
	v, set, ok := strings.Cut(st.args, " ")
	if st.code != "APPENDUID" || !ok {
		return 0, nil
	}
	if uids = uidset.Expand(strings.TrimSpace(set), n); len(uids) != n {
		return 0, nil
	}
	for i := range uids[1:] {
		if uids[i] >= uids[i+1] {
			return 0, nil
		}
	}
	return number64(v), uids
}

// refused sees to the refusal of messages, of which begun went out, before
// anything is sent again: it waits if the server is busy, and then has those
// looked up that may be there all the same. missing are not. again means that the
// refusal has passed; err is what it means for more than these messages.
func (a *appender) refused(list []int, no *imap.Error, begun int) (missing []int, again bool, err error) {
	if !isBad(no) || isTemporary(no) {
		again, err = a.s.storeRefusal(a.ctx, "append to", a.wire, no)
	}
	if errors.Is(err, ErrNoMailbox) || begun == 0 || a.lookUp == nil {
		return list, again, err
	}
	waits := a.s.backOffs // the look succeeds, which says nothing of APPEND
	missing, failed := a.lookUp(list)
	a.s.backOffs = waits
	if failed != nil {
		return nil, false, failed
	}
	for _, i := range list {
		a.known[i] = true
	}
	for _, i := range missing {
		a.known[i] = false
	}
	if len(missing) == 0 {
		return nil, false, nil
	}
	return missing, again, err
}

// multi appends messages in one command. It should be atomic: if the server
// refuses, each half of what is not there is tried, in order, down to the message
// that is to blame.
func (a *appender) multi(list []int) error {
	c, err := a.s.live(a.ctx)
	if err != nil {
		return err
	}
	resp, err := a.send(c, list, nil, false)
	return a.answered(list, resp, err)
}

// answered takes the answer to an APPEND of many messages.
func (a *appender) answered(list []int, resp sent, err error) error {
	var no *imap.Error
	switch {
	case err == nil:
		a.stored(list, &resp.status, nil)
		return nil
	case !errors.As(err, &no):
		return err
	}
	missing, again, err := a.refused(list, no, resp.begun)
	switch {
	case err != nil && (fault.KindOf(err) != fault.CantCreate || errors.Is(err, ErrNoMailbox) || len(list) == 1):
		return err
	case again || len(missing) == 0:
		return nil
	case isBad(no) && !isTemporary(no):
		a.s.caution = len(missing) // one at a time, each with the server's consent
		return nil
	case len(list) == 1:
		t := a.choices(list[0])
		t.refuse(no)
		return a.alone(list[0], t)
	}
	if len(missing) == 1 { // of a full mailbox, some may fit
		return a.multi(missing)
	}
	middle := (len(missing) + 1) / 2
	if err := a.multi(missing[:middle]); err != nil || a.s.caution > 0 {
		return err
	}
	for _, i := range missing[:middle] {
		if !a.known[i] { // it is to be tried again first
			return nil
		}
	}
	return a.multi(missing[middle:])
}

// alone appends one message, and waits for the server's consent before its
// text is sent. A refusal may be due to a flag or the date, so others are
// tried.
func (a *appender) alone(i int, t *choices) error {
	for {
		v, ok := t.next()
		if !ok {
			if isBad(t.final) {
				a.s.caution = max(a.s.caution, 1) // the next waits for consent, too
			}
			a.reject(i, t.final)
			return nil
		}
		c, err := a.s.live(a.ctx)
		if err != nil {
			return err
		}
		resp, err := a.send(c, []int{i}, &v, true)
		var no *imap.Error
		switch {
		case err == nil:
			a.learn(i, v)
			a.stored([]int{i}, &resp.status, &v)
			return nil
		case !errors.As(err, &no):
			return err
		}
		missing, again, err := a.refused([]int{i}, no, resp.begun)
		switch {
		case err != nil || len(missing) == 0:
			return err
		case again:
			t.restart()
		default:
			t.refuse(no)
		}
	}
}

// learn notes what the server takes, of a message that waited for its consent,
// and without which keywords it took it at last.
func (a *appender) learn(i int, v variant) {
	words := a.s.accepted
	for _, f := range v.flags {
		if !isSystemFlag(f) {
			words.take(f)
		}
	}
	if isQuotable(a.wire) {
		words.take(quotedName(a.wire))
	}
	for _, f := range a.ready[i].flags {
		if !isSystemFlag(f) && !containsFold(v.flags, f) {
			words.refuse(a.wire, f)
		}
	}
}

func isBad(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeBad
}

// isTooBig reports whether it is the size of the message that is refused. Dovecot
// says LIMIT.
func isTooBig(no *imap.Error) bool {
	return hasCode(no, imap.ResponseCodeTooBig) || hasCode(no, imap.ResponseCodeLimit)
}
