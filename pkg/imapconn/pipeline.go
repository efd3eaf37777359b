package imapconn

import (
	"cmp"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Bounds of what is on its way without an answer.
const (
	pipelineCommands = 64
	pipelineOctets   = 4 << 20
)

// appendPipeline is a run of APPEND commands that do not wait for each other.
type appendPipeline struct {
	a      *appender
	c      *conn
	l      *responseReader
	list   []int // messages to send
	queue  []int // those on their way
	octets int64

	refused []int // in their order
	reason  map[int]*imap.Error
	stop    bool  // a refusal is a reason to send no more for now
	body    error // a message that could not be read
	lost    error // the end of the connection
}

// pipeline appends messages, one a command, for servers with LITERAL+ only. The
// order within the mailbox is kept, except for messages that have to be tried
// again with fewer flags.
func (a *appender) pipeline(c *conn, list []int) error {
	p := &appendPipeline{a: a, c: c, l: newResponseReader(c, pipelineCommands), list: list, reason: map[int]*imap.Error{}}
	p.run()
	close(p.l.tags)
	c.touch()
	if p.lost != nil && len(p.queue) > 0 {
		doubtful := append(slices.Clone(p.refused), p.queue...)
		return &InDoubt{slices.Min(doubtful), slices.Max(doubtful) + 1, cmp.Or(p.body, p.busy(), p.lost)}
	}
	return cmp.Or(p.repeat(), p.body)
}

// busy waits, before what is in doubt is looked up, if the server ended the
// connection because it is busy.
func (p *appendPipeline) busy() error {
	for _, i := range p.refused {
		if no := p.reason[i]; isTemporary(no) {
			_, err := p.a.s.retryStore(p.a.ctx, "append to", p.a.wire, no)
			return err
		}
	}
	return nil
}

// repeat sends what was refused, and is not there, once more, each message
// alone. For a server that was busy they have waited all together.
func (p *appendPipeline) repeat() error {
	if len(p.refused) == 0 {
		return nil
	}
	a := p.a
	missing, again, err := a.refused(p.refused, p.gravest(), 1)
	if err != nil {
		return err
	}
	for _, i := range missing {
		t := a.choices(i)
		if no := p.reason[i]; !again || !isTemporary(no) {
			t.refuse(no)
		}
		if err := a.alone(i, t); err != nil {
			return err
		}
	}
	return nil
}

// gravest is the refusal that says most about the mailbox as a whole.
func (p *appendPipeline) gravest() *imap.Error {
	for _, weighs := range []func(*imap.Error) bool{isGeneral, isTemporary} {
		for _, i := range p.refused {
			if no := p.reason[i]; weighs(no) {
				return no
			}
		}
	}
	return p.reason[p.refused[0]]
}

func (p *appendPipeline) run() {
	for p.lost == nil {
		room := len(p.queue) < pipelineCommands && (p.octets < pipelineOctets || len(p.queue) == 0)
		switch {
		case len(p.list) > 0 && room && !p.stop && p.body == nil:
			i := p.list[0]
			p.list = p.list[1:]
			p.write(i)
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

// write sends one command; it may stay in the buffer. One of which some octets
// went out goes out to its end, so that an answer to it is about all of it.
func (p *appendPipeline) write(i int) {
	k := p.c.command("APPEND").astring(p.a.wire)
	p.l.half.Store(&k.tag)
	p.l.tags <- k.tag
	p.queue = append(p.queue, i)
	p.octets += p.a.msgs[i].Size
	err := p.a.writeHead(p.l, k)
	if err == nil {
		err = p.a.writeMessage(p.l, i, p.a.variant(i), false)
	}
	if err == nil {
		p.l.half.Store(nil)
		_, err = p.c.bw.WriteString("\r\n")
	}
	size := int64(len(k.octet)+len(p.a.head)+len("\r\n")) + p.a.msgs[i].Size
	if err == nil && int64(p.c.bw.Buffered()) < size {
		err = p.c.bw.Flush()
	}
	if err != nil {
		p.fail(err)
	}
}

// fail is for a failed write: what answers there are decide what is in doubt.
func (p *appendPipeline) fail(err error) {
	p.c.socket.Close()
	unsent := p.queue[len(p.queue)-1]
	for p.lost == nil && len(p.queue) > 0 {
		p.collect(true)
	}
	if p.lost == nil {
		p.lost = p.c.lost(err)
	}
	var body *bodyError
	if errors.As(err, &body) {
		p.body = fault.Errorf(fault.IO, "message to append: %w", body.err)
		p.queue = slices.DeleteFunc(p.queue, func(i int) bool { return i == unsent }) // it was not sent whole
	}
}

// collect takes the answers that are there, at least one if wait is set.
func (p *appendPipeline) collect(wait bool) {
	for len(p.queue) > 0 && p.lost == nil {
		if !wait && len(p.l.answers) == 0 {
			return
		}
		wait = false
		p.take(<-p.l.answers)
	}
}

// take takes the answer to the command that is longest on its way.
func (p *appendPipeline) take(ans answer) {
	refusal, doubt := ans.outcome()
	if doubt != nil {
		p.lost = p.l.doubt(doubt)
		return
	}
	i := p.queue[0]
	p.queue = p.queue[1:]
	p.octets -= p.a.msgs[i].Size
	var no *imap.Error
	if !errors.As(refusal, &no) {
		p.a.stored([]int{i}, &ans.resp.status, nil)
		return
	}
	p.refused = append(p.refused, i)
	p.reason[i] = no
	p.stop = p.stop || isGeneral(no) || isTemporary(no)
	if ans.cut { // the listener has ended the connection
		p.lost = p.c.lost(errRefused)
		if isBad(no) && !isTemporary(no) {
			p.a.s.caution = 1 + len(p.queue)
		}
	}
}

// isGeneral reports whether a refusal concerns more than its message.
func isGeneral(no *imap.Error) bool {
	return hasCode(no, imap.ResponseCodeTryCreate) || hasCode(no, imap.ResponseCodeNonExistent) || isOverQuota(no)
}
