package imapconn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// wire is the net.Conn that imapclient is given. It lies upon our reader and
// writer, and imapclient may use it only while it holds the line: its reader
// goroutine is kept in Read, away from the connection, as long as no command of
// imapclient's is unanswered. In between, the line is ours, without a copy.
//
// imapclient learns of what comes from the server what it needs to know and can
// understand: see filter. Its fixed deadlines are ignored in favour of
// stallConn's.
type wire struct {
	c    *conn
	mu   sync.Mutex
	cond sync.Cond

	held    bool // by imapclient
	pending int  // commands of imapclient without an answer
	closed  bool
	err     error // why the line broke while imapclient held it
	command commandLine
	plus    bool   // a continuation came: the next line is no command
	out     []byte // cleaned, for Read
}

var errLent = errors.New("imapclient writes while it does not hold the line")

// greeting tells imapclient that it is logged in, and spares it the questions
// that it would ask in a goroutine of its own.
const greeting = "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n"

func newWire(c *conn) *wire {
	w := &wire{c: c, out: []byte(greeting)}
	w.cond.L = &w.mu
	return w
}

// imap runs one command of imapclient's on the line. The error is an
// *imap.Error when the server refused, a *lineError when the connection broke.
func (c *conn) imap(run func(*imapclient.Client) error) error {
	if err := c.usable(); err != nil {
		return err
	}
	if c.client == nil {
		c.wire = newWire(c)
		c.client = imapclient.New(c.wire, nil)
		if err := c.client.WaitGreeting(); err != nil {
			return c.lost(err)
		}
	}
	c.last = nil
	c.certain()
	c.strays = 0
	c.wire.hold(true)
	err := run(c.client)
	answered, broken := c.wire.hold(false)
	c.touch()
	switch {
	case broken != nil:
		return c.abandon(broken)
	case !answered:
		return c.lost(fmt.Errorf("imapclient gave up: %w", err))
	}
	return err
}

// hold gives the line to imapclient or takes it back. When it is taken back,
// answered tells whether every command was.
func (w *wire) hold(held bool) (answered bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = held
	return w.pending == 0 && !w.closed, w.err
}

func (w *wire) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.cond.Broadcast()
}

// Read gives imapclient one response at a time. Only imapclient's own reader
// goroutine calls it.
func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.out) == 0 {
		for w.pending == 0 && !w.closed {
			w.cond.Wait()
		}
		if w.closed {
			return 0, net.ErrClosed
		}
		if err := w.fill(); err != nil {
			w.err = err
			return 0, err
		}
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

// fill reads one response and keeps of it what imapclient may see. It gives up
// the lock while it waits for the server: a continuation may have to be sent.
func (w *wire) fill() error {
	w.mu.Unlock()
	resp, err := w.c.next()
	var out []byte
	if err == nil {
		out, err = w.c.filter(&resp)
	}
	w.mu.Lock()
	stray := err == nil && resp.kind == 't' && !w.command.take(resp.tag)
	if stray {
		out, err = nil, w.c.stray(&resp)
	}
	if err != nil {
		return err
	}
	w.out = out
	if stray {
		return nil
	}
	switch resp.kind {
	case 't':
		w.pending--
	case '+':
		w.plus = true
	}
	return nil
}

// Write sends what imapclient writes, and counts its commands.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	if !w.held || w.closed {
		w.mu.Unlock()
		return 0, errLent
	}
	w.c.stall.progress()
	w.pending += w.command.feed(p, &w.plus)
	w.cond.Broadcast()
	w.mu.Unlock()
	if t := w.c.trace; t != nil {
		for line := range strings.Lines(string(p)) {
			t.client(strings.TrimRight(line, "\r\n"))
		}
	}
	n, err := w.c.bw.Write(p)
	if err == nil {
		err = w.c.bw.Flush()
	}
	return n, err
}

// Close is imapclient's wish to end the connection, after an error of its own.
func (w *wire) Close() error {
	w.shut()
	return w.c.stall.Close()
}

// The rest of net.Conn. Deadlines are ours.

func (w *wire) LocalAddr() net.Addr              { return w.c.nc.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr             { return w.c.nc.RemoteAddr() }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// commandLine follows what imapclient writes, to tell where commands begin.
type commandLine struct {
	inside  bool     // of a command
	literal int64    // octets of a literal still to pass
	line    []byte   // what has come of the current line
	first   bool     // it is the first of a command
	tags    []string // of commands without an answer
}

// take reports whether a command with a tag waits for its answer, and forgets it.
func (l *commandLine) take(tag string) bool {
	i := slices.Index(l.tags, tag)
	if i >= 0 {
		l.tags = slices.Delete(l.tags, i, i+1)
	}
	return i >= 0
}

// feed returns how many commands begin in p. A line that answers a
// continuation (plus) outside a command is none.
func (l *commandLine) feed(p []byte, plus *bool) (commands int) {
	for len(p) > 0 {
		if n := min(l.literal, int64(len(p))); n > 0 {
			l.literal -= n
			p = p[n:]
			continue
		}
		if !l.inside && len(l.line) == 0 {
			if !*plus {
				commands++
				l.first = true
			}
			*plus = false
			l.inside = true
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.line = append(l.line, p...)
			return commands
		}
		l.line = append(l.line, p[:i]...)
		p = p[i+1:]
		l.endLine(plus)
	}
	return commands
}

func (l *commandLine) endLine(plus *bool) {
	line := bytes.TrimSuffix(l.line, []byte("\r"))
	if l.first {
		tag, _, _ := bytes.Cut(line, []byte(" "))
		l.tags, l.first = append(l.tags, string(tag)), false
	}
	n := int64(-1)
	if len(line) > 0 && line[len(line)-1] == '}' {
		n, _ = literalSize(line)
	}
	l.line = l.line[:0]
	l.inside = n >= 0
	l.literal = max(n, 0)
	if n >= 0 {
		*plus = false
	}
}

// filter makes of a response what imapclient may see of it. Status responses
// lose codes that they have no need of, and all that imapclient did not ask
// for is dropped: it ends the connection at any word that it does not know.
func (c *conn) filter(resp *response) ([]byte, error) {
	switch {
	case resp.kind == '+':
		return fmt.Appendf(nil, "+ %s\r\n", cleanText(resp.status.text)), nil
	case resp.kind == 't':
		return fmt.Appendf(nil, "%s %s %s%s\r\n", resp.tag, taggedType(resp.typ), cleanCode(resp.status.code), cleanText(resp.status.text)), nil
	}
	if resp.typ == "EXPUNGE" {
		return []byte("* " + strconv.FormatUint(uint64(resp.num), 10) + " EXPUNGE\r\n"), nil
	}
	return nil, c.skip()
}

func taggedType(typ string) string {
	switch typ {
	case "OK", "NO":
		return typ
	}
	return "BAD"
}

// cleanCode keeps a code without its arguments. Those that imapclient reads
// arguments of are dropped.
func cleanCode(code string) string {
	switch code {
	case "", "CAPABILITY", "APPENDUID", "COPYUID":
		return ""
	}
	for i := range len(code) {
		if c := code[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return "[" + code + "] "
}

func cleanText(s string) string {
	if s = printable(serverText(s)); s == "" {
		return "-"
	}
	if s[0] == '[' {
		return "- " + s
	}
	return s
}
