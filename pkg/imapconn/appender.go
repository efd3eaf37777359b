package imapconn

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// appender is one call of Append.
type appender struct {
	s     *Session
	ctx   context.Context
	wire  string
	msgs  []AppendMessage
	ready []prepared
	done  func(int, AppendResult)

	next int // all before it are done, or were given up by an error
	head []byte
}

func (a *appender) run() error {
	for a.next < len(a.msgs) {
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		if err := a.ready[a.next].err; err != nil {
			a.finish(a.next, AppendResult{Err: err})
			continue
		}
		c, err := a.s.fresh(a.ctx)
		if err != nil {
			return err
		}
		if err := a.step(c); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns a connection that was there a moment ago: what is written to
// one that the server has closed long since would be in doubt.
func (s *Session) fresh(ctx context.Context) (*conn, error) {
	c, err := s.live(ctx)
	if err != nil {
		return nil, err
	}
	idle := time.Since(c.idle)
	if idle > 30*time.Second || idle > time.Second && c.alive() && c.waiting() {
		end := c.watch(ctx)
		c.run(c.command("NOOP"), nil) // what waits there may be a BYE
		end()
	}
	return s.live(ctx)
}

// step sends as many messages as the server takes at a time.
func (a *appender) step(c *conn) error {
	to := a.plainRun()
	switch {
	case to == a.next || a.s.caution > 0:
		a.s.caution = max(0, a.s.caution-1)
		return a.alone(a.next, 0, nil)
	case c.caps["MULTIAPPEND"]:
		return a.multi(a.next, to)
	case c.caps["LITERAL+"] && isQuotable(a.wire):
		return a.pipeline(c, a.next, to)
	}
	return a.alone(a.next, 0, nil)
}

// plainRun returns the end of the messages from next on that can go together.
func (a *appender) plainRun() int {
	octets := int64(0)
	i := a.next
	for ; i < len(a.msgs) && i-a.next < MaxBatchMessages; i++ {
		p := &a.ready[i]
		octets += a.msgs[i].Size
		if p.err != nil || !p.plain || i > a.next && octets > MaxBatchOctets {
			break
		}
	}
	return i
}

func (a *appender) finish(i int, r AppendResult) {
	a.next = max(a.next, i+1)
	a.done(i, r)
}

func (a *appender) variant(i int) variant { return variant{a.ready[i].flags, a.ready[i].date} }

// stored reports messages from to to-1 as stored.
func (a *appender) stored(from, to int, st *status, v variant) {
	a.s.calm()
	validity, uids := appendUIDs(st, to-from)
	for i := from; i < to; i++ {
		if to-from > 1 {
			v = a.variant(i)
		}
		r := a.ready[i].result(v)
		if uids != nil {
			r.UIDValidity, r.UID = validity, uids[i-from]
		}
		a.finish(i, r)
	}
}

// appendUIDs reads [APPENDUID validity set] (RFC 4315) for n messages; nil if
// it does not fit them.
func appendUIDs(st *status, n int) (validity uint32, uids []uint32) {
	v, set, ok := strings.Cut(st.args, " ")
	if st.code != "APPENDUID" || !ok {
		return 0, nil
	}
	if uids = expandSet(strings.TrimSpace(set), n); len(uids) != n {
		return 0, nil
	}
	return number32(v), uids
}

// multi appends messages in one command. It is atomic: if the server refuses,
// each half is tried, in order, down to the message that is to blame.
func (a *appender) multi(from, to int) error {
	c, err := a.s.live(a.ctx)
	if err != nil {
		return err
	}
	resp, err := a.send(c, from, to, a.variant(from), false)
	var no *imap.Error
	switch {
	case err == nil:
		a.stored(from, to, &resp.status, a.variant(from))
		return nil
	case !errors.As(err, &no):
		return err
	case isBad(no) && !isTemporary(no):
		a.s.caution = to - from // one at a time, each with the server's consent
		return nil
	case to-from == 1:
		return a.alone(from, 1, no)
	}
	again, err := a.class(no)
	switch {
	case err != nil && exit.CodeOf(err) != exit.CantCreate: // some may fit
		return err
	case again:
		return nil
	}
	middle := (from + to) / 2
	if err := a.multi(from, middle); err != nil || a.next < middle {
		return err
	}
	return a.multi(middle, to)
}

func (a *appender) class(no *imap.Error) (again bool, err error) {
	return a.s.class(a.ctx, "append to", a.wire, no)
}

func (a *appender) later(no *imap.Error) (again bool, err error) {
	return a.s.later(a.ctx, "append to", a.wire, no)
}

// alone appends one message, and waits for the server's consent before its
// text is sent. A refusal may be due to a flag or the date, so others are
// tried, from variant number try on; first is the refusal that led here.
func (a *appender) alone(i, try int, first *imap.Error) error {
	variants := a.ready[i].variants()
	for {
		if first != nil && (!isBad(first) || isTemporary(first)) {
			again, err := a.class(first)
			switch {
			case err != nil:
				return err
			case again: // from the start
				first, try = nil, 0
			case isTooBig(first):
				try = len(variants)
			}
		}
		if try >= len(variants) {
			a.finish(i, AppendResult{Err: first, DroppedFlags: a.ready[i].dropped, DroppedDate: a.ready[i].droppedDate})
			return nil
		}
		c, err := a.s.live(a.ctx)
		if err != nil {
			return err
		}
		resp, err := a.send(c, i, i+1, variants[try], true)
		var no *imap.Error
		switch {
		case err == nil:
			a.stored(i, i+1, &resp.status, variants[try])
			return nil
		case !errors.As(err, &no):
			return err
		}
		if first == nil || !isBad(no) {
			first = no
		}
		try++
	}
}

func isBad(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeBad
}

// isTooBig tells whether it is the size of the message that is refused. Dovecot
// says LIMIT.
func isTooBig(no *imap.Error) bool { return hasCode(no, "TOOBIG") || hasCode(no, "LIMIT") }
