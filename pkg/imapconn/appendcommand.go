package imapconn

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// errAnswered ends the writing of a command whose answer has come.
var errAnswered = errors.New("answered")

// bodyError is a message that could not be read here.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }

// sent is what came of one APPEND command.
type sent struct {
	response
	begun int // messages of which octets went out
}

// send writes one APPEND command with the listed messages and returns its
// answer: an *imap.Error if it is a refusal, an *InDoubt if it is not known
// whether they were stored. v takes the place of the flags and date of the only
// message, unless it is nil. With wait, and where the server has it no other way,
// every literal waits for a continuation.
func (a *appender) send(c *conn, list []int, v *variant, wait bool) (sent, error) {
	return a.end(a.begin(c, list, v, wait))
}

// appendCommand is an APPEND command of which all but the last CRLF was written.
type appendCommand struct {
	l    *responseReader
	list []int
	err  error // how the writing ended
}

// begin writes an APPEND command but for its end.
func (a *appender) begin(c *conn, list []int, v *variant, wait bool) *appendCommand {
	l := newResponseReader(c, 1)
	k := c.command("APPEND").astring(a.wire)
	l.tags <- k.tag
	close(l.tags)
	l.half.Store(&k.tag)
	err := a.writeHead(l, k)
	for _, i := range list {
		if err != nil {
			break
		}
		one := a.variant(i)
		if v != nil {
			one = *v
		}
		err = a.writeMessage(l, i, one, wait || a.msgs[i].Size > c.caps.literal())
	}
	return &appendCommand{l, list, err}
}

// end writes the end of an APPEND command, and returns its answer.
func (a *appender) end(k *appendCommand) (sent, error) {
	l, c, err := k.l, k.l.c, k.err
	l.half.Store(nil) // the server may answer before the flush returns
	if err == nil {
		c.bw.WriteString("\r\n")
		err = c.bw.Flush()
	}
	if err != nil && err != errAnswered {
		c.socket.Close() // the response reader ends
	}
	ans := l.last()
	c.touch()
	return a.judge(l, k.list[:l.begun], ans, err)
}

// judge makes of what came, and of how the writing ended, the fate of the
// messages of which octets are on their way.
func (a *appender) judge(l *responseReader, begun []int, ans answer, writing error) (sent, error) {
	c := l.c
	var body *bodyError
	if errors.As(writing, &body) {
		c.close(&lineError{c.host, body.err, ""})
		return sent{}, fault.Errorf(fault.IO, "message to append: %w", body.err)
	}
	refusal, doubt := ans.outcome()
	if doubt == nil && refusal == nil && writing != nil {
		doubt = errPremature
	}
	if doubt != nil {
		err := l.doubt(doubt)
		if len(begun) > 0 {
			err = &InDoubt{begun[0], begun[len(begun)-1] + 1, err}
		}
		return sent{}, err
	}
	if ans.cut || writing != nil && writing != errAnswered {
		c.close(&lineError{c.host, errRefused, ""})
	}
	return sent{ans.resp, len(begun)}, refusal
}

var errRefused = errors.New("closed after a refusal")

// doubt ends the connection because of an answer that says nothing.
func (l *responseReader) doubt(err error) error {
	if err == errUnknownStatus || err == errPremature {
		return l.c.lost(err)
	}
	return l.c.abandon(err)
}

// writeHead writes "tag APPEND mailbox".
func (a *appender) writeHead(l *responseReader, k *command) error {
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
func (l *responseReader) consent() error {
	select {
	case <-l.plus: // one that nobody waited for
	default:
	}
	if err := l.c.bw.Flush(); err != nil {
		return err
	}
	tag := l.half.Swap(nil)
	select {
	case <-l.plus:
		l.half.Store(tag)
		return nil
	case a := <-l.answers:
		l.early = &a
		return errAnswered
	}
}

// last returns the answer to the only command.
func (l *responseReader) last() answer {
	if l.early != nil {
		return *l.early
	}
	return <-l.answers
}

// writeMessage writes flags, date, and the message as a literal.
func (a *appender) writeMessage(l *responseReader, i int, v variant, wait bool) error {
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
