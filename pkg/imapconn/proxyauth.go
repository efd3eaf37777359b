package imapconn

import (
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// becomes is the command that follows the login of somebody else and opens the
// account, "" if there is none: PROXYAUTH, which Netscape's servers and their
// heirs have, or what belongs to the mechanism. PROXYAUTH stands in no
// capability that could be relied on, so that it is tried.
func (l *login) becomes() string {
	if l.o.Login.ProxyAuth {
		return "PROXYAUTH"
	}
	if m := findMechanism(l.c.loggedIn); m != nil {
		return m.become
	}
	return ""
}

// become makes the connection of who logged in that of the account.
func (l *login) become(command string) error {
	c, o := l.c, l.o
	_, err := c.run(c.command(command).astring(o.User), nil)
	var no *imap.Error
	if !errors.As(err, &no) {
		if err == nil {
			c.caps = nil // they may be others now
		}
		return err
	}
	if isTemporary(no) {
		return fault.Errorf(fault.Temporary, "%s of %s: %w", command, o.who(), &refusal{no})
	}
	failure := fault.Errorf(fault.Login, "%s of %s refused: %w", command, o.who(), &refusal{no})
	if o.Login.ProxyAuth && no.Type == imap.StatusResponseTypeBad {
		return failure.Because(ErrNoProxyAuth)
	}
	return failure
}
