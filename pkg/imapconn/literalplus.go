package imapconn

import (
	"errors"

	"github.com/emersion/go-imap/v2"
)

// A server that offers LITERAL+ and does not know it takes what follows a
// non-synchronising literal for commands, and what follows is mail. When it
// refuses the APPEND, that has happened. So before the first such literal of a
// session the server is given one in a command of which nothing can do harm: a
// lone INBOX is no command.

// literalTrust is what is known of how a server reads non-synchronising literals.
type literalTrust struct {
	read, notRead bool
	losses        int // of connections, when it was asked
}

// maxLiteralLosses is how many connections may end when a server is asked.
const maxLiteralLosses = 2

// trustsLiterals reports whether the server was seen to read them.
func (w *acceptedWords) trustsLiterals() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.literals.read
}

// readsLiterals reports whether the server reads non-synchronising literals. It is
// asked once a session. Where it does not read them, the connection has ended.
func (a *appender) readsLiterals(c *conn) bool {
	t := &a.s.accepted.literals
	if t.read || t.notRead {
		return t.read
	}
	defer c.watch(a.ctx)()
	_, err := c.run(c.command("LIST \"\" {5+}\r\nINBOX"), nil)
	var no *imap.Error
	switch {
	case err == nil:
		a.s.accepted.mu.Lock()
		t.read = true
		a.s.accepted.mu.Unlock()
	case a.ctx.Err() != nil, errors.As(err, &no) && isTemporary(no):
	case isLost(err) && t.losses+1 < maxLiteralLosses:
		t.losses++
	default:
		t.notRead = true
		a.s.o.warn("the server offers LITERAL+ and does not know it: each message waits for its consent")
	}
	if err != nil {
		a.s.Close() // an answer to the rest of the command may be on its way
	}
	return t.read
}
