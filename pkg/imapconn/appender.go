package imapconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
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

	next  int // all before it are done, or were given up by an error
	waits int // for a server that was busy
	head  []byte
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
	if idle > 30*time.Second || idle > time.Second && c.alive() && c.br.Buffered() > 0 {
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
	for part := range strings.SplitSeq(strings.TrimSpace(set), ",") {
		a, b, isRange := strings.Cut(part, ":")
		first, last := number32(a), number32(a)
		if isRange {
			last = number32(b)
		}
		if last < first {
			first, last = last, first
		}
		if first == 0 || int64(last)-int64(first) >= int64(n-len(uids)) {
			return 0, nil
		}
		for u := first; ; u++ {
			uids = append(uids, u)
			if u == last {
				break
			}
		}
	}
	if len(uids) != n {
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
	case no.Type == imap.StatusResponseTypeBad:
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

// class says what a refusal means beyond the message: an error ends Append,
// again means that the server was busy and time has passed.
func (a *appender) class(no *imap.Error) (again bool, err error) {
	mailbox := quote(mailboxName(a.wire))
	switch {
	case hasCode(no, "TRYCREATE"), hasCode(no, "NONEXISTENT"):
		return false, exit.Errorf(exit.CantCreate, "append to folder %s: %w: %w", mailbox, ErrNoMailbox, &refusal{no})
	case hasCode(no, "OVERQUOTA"):
		return false, refused(no, exit.CantCreate, "append to folder %s", mailbox)
	case isTemporary(no):
		if a.waits++; a.waits > maxWaits {
			return false, refused(no, exit.Temporary, "append to folder %s", mailbox)
		}
		return true, sleep(a.ctx, a.s.pause(a.waits, no.Text))
	}
	return false, nil
}

// alone appends one message, and waits for the server's consent before its
// text is sent. A refusal may be due to a flag or the date, so others are
// tried, from variant number try on; first is the refusal that led here.
func (a *appender) alone(i, try int, first *imap.Error) error {
	variants := a.ready[i].variants()
	for {
		if first != nil && !isBad(first) {
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

func isBad(no *imap.Error) bool { return no.Type == imap.StatusResponseTypeBad }

// isTooBig tells whether it is the size of the message that is refused. Dovecot
// says LIMIT.
func isTooBig(no *imap.Error) bool { return hasCode(no, "TOOBIG") || hasCode(no, "LIMIT") }

// errAnswered ends the writing of a command whose answer has come.
var errAnswered = errors.New("answered")

// bodyError is a message that could not be read here.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }

// send writes one APPEND command with messages from to to-1 and returns its
// answer: an *imap.Error if it is a refusal, an *InDoubt if there is none.
// With wait, and where the server has it no other way, every literal waits for
// a continuation.
func (a *appender) send(c *conn, from, to int, v variant, wait bool) (response, error) {
	l := c.listen(1)
	k := c.command("APPEND").astring(a.wire)
	l.tags <- k.tag
	close(l.tags)
	l.writing.Store(true)
	err := a.writeHead(l, k)
	for i := from; err == nil && i < to; i++ {
		if to-from > 1 {
			v = a.variant(i)
		}
		err = a.writeMessage(l, i, v, wait || a.msgs[i].Size > c.caps.literal())
	}
	l.writing.Store(false) // the server may answer before the flush returns
	if err == nil {
		c.bw.WriteString("\r\n")
		err = c.bw.Flush()
	}
	if err != nil && err != errAnswered {
		c.stall.Close() // the listener ends
	}
	ans := l.last()
	c.touch()
	return a.judge(c, from, from+l.begun, ans, err)
}

// judge makes of what came, and of how the writing ended, the fate of messages
// from to to-1: those of which octets are on their way.
func (a *appender) judge(c *conn, from, to int, ans answer, writing error) (response, error) {
	var body *bodyError
	switch {
	case errors.As(writing, &body):
		c.close(&lineError{c.host, body.err, ""})
		return response{}, exit.Errorf(exit.IO, "message to append: %w", body.err)
	case ans.err != nil && from == to:
		return response{}, c.abandon(ans.err)
	case ans.err != nil:
		return response{}, &InDoubt{from, to, c.abandon(ans.err)}
	}
	err := ans.resp.err()
	if ans.cut || writing != nil && writing != errAnswered {
		c.close(&lineError{c.host, fmt.Errorf("closed after a refusal"), ""})
	}
	if err == nil && writing != nil {
		return response{}, &InDoubt{from, to, c.broken("OK to a command that it had not seen the end of")}
	}
	return ans.resp, err
}

// writeHead writes "tag APPEND mailbox".
func (a *appender) writeHead(l *listener, k *command) error {
	a.traceHead(l.c, k)
	octet := k.octet
	for _, stop := range k.stops {
		l.c.bw.Write(octet[:stop])
		if err := l.consent(); err != nil {
			return err
		}
		octet = octet[stop:]
	}
	_, err := l.c.bw.Write(octet)
	return err
}

func (a *appender) traceHead(c *conn, k *command) {
	if c.trace != nil {
		c.trace.client(string(k.octet))
	}
}

// consent waits until the server is ready for a literal.
func (l *listener) consent() error {
	select {
	case <-l.plus: // one that nobody waited for
	default:
	}
	if err := l.c.bw.Flush(); err != nil {
		return err
	}
	l.writing.Store(false)
	select {
	case <-l.plus:
		l.writing.Store(true)
		return nil
	case a := <-l.answers:
		l.early = &a
		return errAnswered
	}
}

// last returns the answer to the only command.
func (l *listener) last() answer {
	if l.early != nil {
		return *l.early
	}
	return <-l.answers
}

// writeMessage writes flags, date, and the message as a literal.
func (a *appender) writeMessage(l *listener, i int, v variant, wait bool) error {
	m := &a.msgs[i]
	a.head = v.head(a.head[:0], m.Size, wait)
	if t := l.c.trace; t != nil {
		t.client(strings.TrimSuffix(string(a.head), "\r\n") + " ... " + strconv.FormatInt(m.Size, 10) + " octets")
	}
	if _, err := l.c.bw.Write(a.head); err != nil {
		return err
	}
	if wait {
		if err := l.consent(); err != nil {
			return err
		}
	}
	l.begun++
	return writeBody(l.c.bw, m)
}

// writeBody writes exactly Size octets, or the connection is lost.
func writeBody(w io.Writer, m *AppendMessage) error {
	src := &bodyReader{r: io.NewSectionReader(m.Body, 0, m.Size)}
	n, err := io.Copy(w, src)
	switch {
	case src.err != nil:
		return &bodyError{src.err}
	case err == nil && n != m.Size:
		return &bodyError{fmt.Errorf("it has %d octets where %d were announced", n, m.Size)}
	}
	return err
}

// bodyReader tells errors of reading from those of writing.
type bodyReader struct {
	r   io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
