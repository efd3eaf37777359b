package imapconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// stallConn bounds every wait on a socket by the time since the last progress
// in either direction: an upload that takes an hour is no reason to give up
// the answer to it, a server silent for the timeout is. It lies below TLS, so
// that a deadline never falls inside a record that will be read again.
type stallConn struct {
	net.Conn
	timeout time.Duration
	last    atomic.Int64 // time of the last progress, in Unix nanoseconds

	mu  sync.Mutex
	cut bool // interrupted: deadlines stay in the past
}

func newStallConn(c net.Conn, timeout time.Duration) *stallConn {
	return &stallConn{Conn: c, timeout: timeout}
}

// interrupt makes every wait on the connection end at once, for good.
func (c *stallConn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.Conn.SetDeadline(time.Unix(1, 0))
}

func (c *stallConn) deadline(set func(time.Time) error, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		set(t)
	}
}

func (c *stallConn) interrupted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *stallConn) Read(p []byte) (int, error) {
	return c.read(p, c.timeout)
}

func (c *stallConn) read(p []byte, timeout time.Duration) (int, error) {
	since := time.Now()
	for {
		c.deadline(c.Conn.SetReadDeadline, since.Add(timeout))
		n, err := c.Conn.Read(p)
		if n > 0 {
			c.last.Store(time.Now().UnixNano())
			return n, err
		}
		last := time.Unix(0, c.last.Load())
		if !errors.Is(err, os.ErrDeadlineExceeded) || !last.After(since) || c.interrupted() {
			return n, err
		}
		since = last // we were sending meanwhile
	}
}

func (c *stallConn) Write(p []byte) (int, error) {
	const chunk = 64 << 10
	written := 0
	for {
		part := p[written:min(written+chunk, len(p))]
		c.deadline(c.Conn.SetWriteDeadline, time.Now().Add(c.timeout))
		n, err := c.Conn.Write(part)
		written += n
		if n > 0 {
			c.last.Store(time.Now().UnixNano())
		}
		if err != nil || written == len(p) {
			return written, err
		}
	}
}
