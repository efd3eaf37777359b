package imapconn

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

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
