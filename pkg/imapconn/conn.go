package imapconn

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// conn is one connection from its dial to its end. One goroutine owns it at a
// time; only APPEND lends its reading half to a second one.
type conn struct {
	peer
	view
	notices
	*tokenizer
	fetch fetchReader
	bw    *bufio.Writer

	socket   *timeoutConn
	nc       net.Conn     // socket, or TLS upon it, or DEFLATE upon that
	deflated *deflateConn // nil without COMPRESS

	tag   int
	last  *command  // that was begun
	idle  time.Time // of the last answer
	noise noise
	err   error // why the connection is no longer usable
}

// noise is what came that was no part of an answer.
type noise struct {
	responses int    // since the last progress
	junkLines int    // since the last command; they are no responses
	onJunk    func() // is called for each of these lines; may be nil
}

func newConn(nc net.Conn, o *Options) *conn {
	stall := newTimeoutConn(nc, o.Network.timeout())
	c := &conn{peer: peer{host: o.Host, secrets: o.secrets}, notices: notices{from: o.Host, warn: o.warn}, socket: stall}
	c.layer(stall, newTracer(o.Trace, o.secrets), o.secrets)
	return c
}

// layer puts the reader and the writer onto nc.
func (c *conn) layer(nc net.Conn, trace *tracer, secrets *secrets) {
	c.nc = nc
	c.tokenizer = newTokenizer(nc, trace, secrets)
	c.fetch = fetchReader{tokenizer: c.tokenizer}
	c.arriving = c.socket.arriving
	c.bw = bufio.NewWriterSize(nc, 64<<10)
}

// progress says that what came was part of the answer. What is not told of is
// noise, and bounded: by maxNoise, and in time by timeoutConn's patience.
func (c *conn) progress() {
	c.noise.responses = 0
	c.socket.progress()
}

func (c *conn) touch() { c.idle = time.Now() }

// close ends the connection at once.
func (c *conn) close(err error) {
	if c.err == nil {
		c.err = err
	}
	c.socket.Close()
}

// lost ends the connection because of a failed read or write.
func (c *conn) lost(err error) error {
	if !isLost(err) {
		err = fault.Wrap(fault.Temporary, &lineError{c.host, err, c.bye})
	}
	c.close(err)
	return err
}

// broken ends the connection because the server cannot be understood. What was
// asked for may be asked again on a new one, as after a loss of the connection.
func (c *conn) broken(what string) error {
	if c.last != nil {
		what += c.last.answered()
	}
	err := fault.Wrap(fault.Protocol, &lineError{c.host, &limitError{c.secrets.hide(what)}, c.bye})
	c.close(err)
	return err
}

// abandon ends the connection because of err, which came up in the middle of a
// response, and returns err with its class.
func (c *conn) abandon(err error) error {
	var limit *limitError
	var own fault.Classified
	var lost *lineError
	var callers *callerError
	var netErr net.Error
	switch {
	case errors.As(err, &own), errors.As(err, &lost):
	case errors.As(err, &limit):
		return c.broken(limit.what)
	case isEOF(err), errors.As(err, &netErr):
		return c.lost(err)
	case !errors.As(err, &callers): // of a layer below, TLS as a rule
		return c.lost(err)
	}
	c.close(&lineError{c.host, err, c.bye})
	return err
}

// maxJunkLines is how many lines that are no response may come while one command
// waits for its answer.
const maxJunkLines = 1000

// junk decides about a line that is no response. It is passed over where it can
// only be rubbish; behind a literal it may as well be the rest of one that was
// longer than the server said, and the connection ends.
func (c *conn) junk(resp *response) error {
	c.noise.junkLines++
	switch {
	case c.step == Encrypting: // nothing is believed before TLS
		return &limitError{"an answer to a command that was never sent: " + quote(c.secrets.hide(resp.tag))}
	case c.lits > 0:
		return &limitError{"a line that is no response, behind a literal: " + quote(c.cut(c.text))}
	case c.noise.junkLines > maxJunkLines:
		return &limitError{"lines that are no responses: " + quote(c.cut(c.text))}
	}
	if c.noise.onJunk != nil {
		c.noise.onJunk()
	}
	c.lit = -1
	return nil
}

// next reads the head of the next response. An error has ended the connection.
func (c *conn) next() (response, error) {
	resp, err := c.receive()
	if err != nil {
		return resp, c.abandon(err)
	}
	return resp, nil
}

// receive reads the head of the next response, and remembers what concerns the
// connection as a whole.
func (c *conn) receive() (response, error) {
	c.socket.arrived()
	resp, err := readHead(c.tokenizer)
	if err != nil {
		return resp, err
	}
	if c.noise.responses++; c.noise.responses > maxNoise {
		return resp, &limitError{"a flood of responses that nobody asked for"}
	}
	switch {
	case resp.kind == 't':
		c.progress()
	case resp.kind != '*':
	case resp.typ == "EXISTS":
		c.exists = resp.num
	case resp.typ == "EXPUNGE", resp.typ == "VANISHED":
		c.expunged()
	case resp.typ == "BYE":
		c.bye = serverText(resp.status.text)
	case resp.status.code == "ALERT":
		c.alert(printable(serverText(resp.status.text)))
	}
	if resp.kind == 't' {
		c.noteThrottling(resp.status.text)
	}
	return resp, nil
}

// watch makes the end of ctx end the connection. The function it returns ends
// the watch.
func (c *conn) watch(ctx context.Context) (end func()) {
	stop := context.AfterFunc(ctx, c.socket.interrupt)
	return func() {
		if !stop() && c.err == nil {
			c.close(context.Cause(ctx))
		}
	}
}

// alive reports, without waiting, whether the connection is there still.
func (c *conn) alive() bool {
	if c.err != nil {
		return false
	}
	if c.waiting() {
		return true
	}
	timeout := c.socket.timeout
	c.socket.timeout = time.Millisecond
	c.socket.progress() // nothing is owed
	err := c.glance()
	c.socket.timeout = timeout
	var netErr net.Error
	if err == nil || errors.As(err, &netErr) && netErr.Timeout() {
		return true
	}
	c.lost(eof(err))
	return false
}
