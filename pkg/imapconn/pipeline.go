package imapconn

import (
	"cmp"
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Bounds of what is on its way without an answer.
const (
	pipelineCommands = 64
	pipelineOctets   = 4 << 20
)

// pipe is a run of APPEND commands that do not wait for each other.
type pipe struct {
	a      *appender
	c      *conn
	l      *listener
	queue  []int // messages on their way
	octets int64
	sent   int // the first message that was not sent

	again []int // refused, perhaps for their flags
	first map[int]*imap.Error
	stop  error       // a reason to send no more
	pause bool        // the server is busy: send no more for now
	busy  *imap.Error // what it said, if that ended the connection
	lost  error       // the end of the connection
}

// pipeline appends messages from to to-1, one a command, for servers with
// LITERAL+ only. The order within the mailbox is kept, except for messages
// that have to be tried again with fewer flags.
func (a *appender) pipeline(c *conn, from, to int) error {
	p := &pipe{a: a, c: c, l: c.listen(pipelineCommands), sent: from, first: map[int]*imap.Error{}}
	p.run(to)
	close(p.l.tags)
	c.touch()
	if p.busy != nil && p.stop == nil {
		_, p.stop = a.later(p.busy)
	}
	switch {
	case p.lost != nil && len(p.queue) > 0:
		return &InDoubt{p.queue[0], p.queue[len(p.queue)-1] + 1, cmp.Or(p.stop, p.lost)}
	}
	if err := p.repeat(); err != nil {
		return err
	}
	return p.stop
}

// repeat sends what was refused once more, each message alone. For a server that
// was busy they have waited all together.
func (p *pipe) repeat() error {
	waited := false
	for _, i := range p.again {
		first, try := p.first[i], 1
		if isTemporary(first) && !waited {
			var err error
			if waited, err = p.a.later(first); err != nil {
				return err
			}
		}
		if isTemporary(first) && waited {
			first, try = nil, 0
		}
		if err := p.a.alone(i, try, first); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipe) run(to int) {
	for p.lost == nil {
		room := len(p.queue) < pipelineCommands && (p.octets < pipelineOctets || len(p.queue) == 0)
		switch {
		case p.sent < to && room && p.stop == nil && !p.pause:
			p.write(p.sent)
			p.collect(false)
		case len(p.queue) > 0:
			if err := p.c.bw.Flush(); err != nil {
				p.fail(err)
				return
			}
			p.collect(true)
		default:
			return
		}
	}
}

// write sends one command; it may stay in the buffer.
func (p *pipe) write(i int) {
	p.sent = i + 1
	k := p.c.command("APPEND").astring(p.a.wire)
	p.l.tags <- k.tag
	p.queue = append(p.queue, i)
	p.octets += p.a.msgs[i].Size
	err := p.a.writeHead(p.l, k)
	if err == nil {
		err = p.a.writeMessage(p.l, i, p.a.variant(i), false)
	}
	if err == nil {
		_, err = p.c.bw.WriteString("\r\n")
	}
	if err != nil {
		p.fail(err)
	}
}

// fail is for a failed write: what answers there are decide what is in doubt.
func (p *pipe) fail(err error) {
	p.c.stall.Close()
	for p.lost == nil {
		p.collect(true)
	}
	var body *bodyError
	if errors.As(err, &body) {
		p.stop = exit.Errorf(exit.IO, "message to append: %w", body.err)
		p.queue = p.queue[:max(0, len(p.queue)-1)] // the last was not sent whole
	}
}

// collect takes the answers that are there, at least one if wait is set.
func (p *pipe) collect(wait bool) {
	for len(p.queue) > 0 && p.lost == nil {
		if !wait && len(p.l.answers) == 0 {
			return
		}
		wait = false
		p.take(<-p.l.answers)
	}
}

// take takes the answer to the command that is longest on its way.
func (p *pipe) take(ans answer) {
	if ans.err != nil {
		p.lost = p.c.abandon(ans.err)
		return
	}
	i := p.queue[0]
	p.queue = p.queue[1:]
	p.octets -= p.a.msgs[i].Size
	a := p.a
	var no *imap.Error
	if !errors.As(ans.resp.err(), &no) {
		a.stored(i, i+1, &ans.resp.status, a.variant(i))
		return
	}
	if isBad(no) { // the listener has ended the connection
		p.lost = p.c.lost(errors.New("closed after a refusal"))
		if isTemporary(no) {
			p.busy = no
		} else {
			a.s.caution = 1 + len(p.queue)
		}
		return
	}
	p.refuse(i, no)
}

// refuse thinks about a NO. What it means for the whole stops the sending.
func (p *pipe) refuse(i int, no *imap.Error) {
	switch {
	case p.stop != nil:
	case isTemporary(no):
		p.pause = true
		p.again = append(p.again, i)
		p.first[i] = no
	case isTooBig(no) || len(p.a.ready[i].variants()) == 1 && !p.a.isGeneral(no):
		p.a.finish(i, AppendResult{Err: no, DroppedFlags: p.a.ready[i].dropped, DroppedDate: p.a.ready[i].droppedDate})
	case p.a.isGeneral(no):
		_, p.stop = p.a.class(no)
	default:
		p.again = append(p.again, i)
		p.first[i] = no
	}
}

// isGeneral tells whether a refusal concerns more than its message.
func (a *appender) isGeneral(no *imap.Error) bool {
	return hasCode(no, "TRYCREATE") || hasCode(no, "NONEXISTENT") || isOverQuota(no)
}
