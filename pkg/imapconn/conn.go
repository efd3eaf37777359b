package imapconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// conn is one connection from its dial to its end. One goroutine owns it at a
// time; only APPEND lends its reading half to a second one.
type conn struct {
	host   string
	socket *timeoutConn
	nc     net.Conn // stall, or TLS upon it
	*tokenizer
	fetch  fetchReader
	bw     *bufio.Writer
	packed *bufio.Reader // below the inflater, nil without COMPRESS
	warn   func(string)

	state           *tls.ConnectionState // nil in the clear
	certWanted      bool                 // the server asked for a certificate that we do not have
	preauth         bool
	greeted         string // text of the greeting
	caps            capabilities
	initialResponse bool // SASL-IR was offered before the login
	tag             int
	last            *command  // that was begun
	idle            time.Time // of the last answer
	err             error     // why the connection is no longer usable
	serverInfo                // what Probe tells
	bye             string    // text of the last BYE
	alerts          int       // that came
	slowed          bool      // the server said that it throttles us
	exists          uint32    // messages in the selected mailbox
	entered         bool      // a mailbox was opened, whatever is selected now
	expunges        int       // messages that vanished from it
	gone            int       // messages of it that were asked for and taken for expunged
	noise           int       // responses since the last progress
	junkLines       int       // lines since the last command that are no responses
	onJunk          func()    // is called for each of them; may be nil
}

// serverInfo is what is kept of the hello for who asks what the server is.
type serverInfo struct {
	step      Step
	presented *tls.ConnectionState // with the server's certificate, refused or not
	offered   []string             // capabilities before the login, sorted
	loggedIn  string               // mechanism, as Options.Auth has it
	id        []Field
}

func newConn(nc net.Conn, o *Options) *conn {
	stall := newTimeoutConn(nc, o.timeout())
	c := &conn{host: o.Host, socket: stall, warn: o.warn}
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

func (c *conn) usable() error { return c.err }

// progress says that what came was part of the answer. What is not told of is
// noise, and bounded: by maxNoise, and in time by timeoutConn's patience.
func (c *conn) progress() {
	c.noise = 0
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
		err = exit.Wrap(exit.Temporary, &lineError{c.host, err, c.bye})
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
	err := exit.Wrap(exit.Protocol, &lineError{c.host, &limitError{c.secrets.hide(what)}, c.bye})
	c.close(err)
	return err
}

// abandon ends the connection because of err, which came up in the middle of a
// response, and returns err with its class.
func (c *conn) abandon(err error) error {
	var limit *limitError
	var own *exit.Error
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
	c.junkLines++
	switch {
	case c.step == Encrypting: // nothing is believed before TLS
		return &limitError{"an answer to a command that was never sent: " + quote(c.secrets.hide(resp.tag))}
	case c.lits > 0:
		return &limitError{"a line that is no response, behind a literal: " + quote(c.cut(c.text))}
	case c.junkLines > maxJunkLines:
		return &limitError{"lines that are no responses: " + quote(c.cut(c.text))}
	}
	if c.onJunk != nil {
		c.onJunk()
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
	if c.noise++; c.noise > maxNoise {
		return resp, &limitError{"a flood of responses that nobody asked for"}
	}
	switch {
	case resp.kind == 't':
		c.progress()
	case resp.kind != '*':
	case resp.typ == "EXISTS":
		c.exists = resp.num
	case resp.typ == "EXPUNGE", resp.typ == "VANISHED":
		if c.exists != unknownExists {
			c.exists -= min(c.exists, 1)
		}
		c.expunges++
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

// maxAlerts bounds how often a user is told what a server wants him told.
const maxAlerts = 20

func (c *conn) alert(text string) {
	if c.alerts++; c.alerts <= maxAlerts {
		c.warn(printable(c.host) + ": " + text)
	}
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

// alive tells, without waiting, whether the server has closed the connection.
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
