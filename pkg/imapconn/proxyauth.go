package imapconn

import (
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// proxyAuth makes an administrator's connection that of the account: PROXYAUTH,
// which Netscape's servers and their heirs have. It stands in no capability
// that could be relied on, so that it is tried.
func (c *conn) proxyAuth(o *Options) error {
	_, err := c.run(c.command("PROXYAUTH").astring(o.User), nil)
	var no *imap.Error
	if !errors.As(err, &no) {
		if err == nil {
			c.caps = nil // they may be others now
		}
		return err
	}
	if isTemporary(no) {
		return exit.Errorf(exit.Temporary, "PROXYAUTH of %s: %w", o.who(), &refusal{no})
	}
	failure := exit.Errorf(exit.Login, "PROXYAUTH of %s refused: %w", o.who(), &refusal{no})
	if no.Type == imap.StatusResponseTypeBad {
		return failure.WithHint("the server seems not to know PROXYAUTH: --auth-user without --proxyauth is the usual way")
	}
	return failure
}
