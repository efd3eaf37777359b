package imapconn

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxKeepalives is how many timeouts a server may fill with what is no part of the
// answer that it owes. "* OK still here" is what a slow one says, and what a
// broken one may say for ever.
const maxKeepalives = 10

// errNoAnswer says that patience has run out.
var errNoAnswer = fmt.Errorf("no answer: %w", os.ErrDeadlineExceeded)

// timeoutConn bounds every wait on a socket, in two ways: by the timeout since
// the last octet in either direction, and by patience since the last that was
// of use. An upload that takes an hour is no reason to give up the answer to
// it, a server silent for the timeout is. It lies below TLS, so that a deadline
// never falls inside a record that will be read again.
type timeoutConn struct {
	net.Conn
	timeout time.Duration

	start  time.Time    // the times below are counted from it, in nanoseconds
	last   atomic.Int64 // of the last octet in either direction
	useful atomic.Int64 // of the last octet that we sent, or that progress was told of
	coming atomic.Int64 // of the last octets of the literal under way
	held   atomic.Bool  // the server owes nothing: it waits for us

	mu  sync.Mutex
	cut bool // interrupted: deadlines stay in the past
}

func newTimeoutConn(c net.Conn, timeout time.Duration) *timeoutConn {
	const year = 365 * 24 * time.Hour // sums stay far from overflow
	return &timeoutConn{Conn: c, timeout: min(timeout, year), start: time.Now()}
}

func (c *timeoutConn) now() int64 { return int64(time.Since(c.start)) }

// progress says that a command begins, or that what came was of use to it.
func (c *timeoutConn) progress() { c.useful.Store(c.now()) }

// arriving says that a literal comes which may be of use: patience holds while
// it does, until the next response.
func (c *timeoutConn) arriving() { c.coming.Store(c.now()) }

// hold says whether the server waits for the rest of a command. There is no timeout then,
// and it begins anew afterwards.
func (c *timeoutConn) hold(on bool) {
	c.last.Store(c.now())
	c.progress()
	c.held.Store(on)
}

func (c *timeoutConn) arrived() { c.coming.Store(0) }

// interrupt makes every wait on the connection end at once, for good.
func (c *timeoutConn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.Conn.SetDeadline(time.Unix(1, 0))
}

func (c *timeoutConn) deadline(set func(time.Time) error, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		set(t)
	}
}

func (c *timeoutConn) interrupted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *timeoutConn) Read(p []byte) (int, error) {
	since := c.now()
	for {
		end := max(c.useful.Load(), c.coming.Load()) + int64(maxKeepalives*c.timeout)
		c.deadline(c.Conn.SetReadDeadline, c.start.Add(time.Duration(min(since+int64(c.timeout), end))))
		n, err := c.Conn.Read(p)
		if n > 0 {
			c.last.Store(c.now())
			return n, err
		}
		last := c.last.Load()
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded) || c.interrupted():
			return n, err
		case last > since: // we were sending meanwhile
			since = last
		case c.held.Load():
			since = c.now()
			c.progress()
		case c.now() >= end:
			return n, errNoAnswer
		default:
			return n, err
		}
	}
}

func (c *timeoutConn) Write(p []byte) (int, error) {
	const chunk = 64 << 10
	written := 0
	for {
		part := p[written:min(written+chunk, len(p))]
		c.deadline(c.Conn.SetWriteDeadline, time.Now().Add(c.timeout))
		n, err := c.Conn.Write(part)
		written += n
		if n > 0 {
			c.last.Store(c.now())
			c.progress()
		}
		if err != nil || written == len(p) {
			return written, err
		}
	}
}
