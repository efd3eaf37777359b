package imapconn

import (
	"net"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// inTheClear reports whether others may read what goes over the connection: it is
// not encrypted, and leaves this machine. What lies behind a proxy is not known.
func inTheClear(c *conn, o *Options) bool {
	if c.state != nil {
		return false
	}
	addr, ok := c.nc.RemoteAddr().(*net.TCPAddr)
	return !ok || !addr.IP.IsLoopback() || o.Network.Proxy != nil
}

// warnClear says, once, what others can read.
func (l *link) warnClear(c *conn) {
	if !inTheClear(c, &l.o) {
		return
	}
	what := "all mail"
	if m, err := c.choose(&l.o); err == nil && m.exposes && m.secret == password && !c.preauth {
		what = "the password and all mail"
	}
	l.warnOnce("the connection to " + printable(c.host) +
		" is not encrypted: others on the way can read " + what)
}

// mayExpose refuses to send a token where others may read it: who has it needs
// nothing else (RFC 6750 5.3).
func mayExpose(c *conn, o *Options, m *mechanism) error {
	if m.secret == token && inTheClear(c, o) {
		return fault.Errorf(fault.Login, "no token goes over an unencrypted connection to %s; nothing was sent",
			printable(c.host)).
			Because(ErrUnencrypted)
	}
	return nil
}
