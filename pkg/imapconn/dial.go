package imapconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// dial connects, reads the greeting and sets up TLS. The connection comes back
// greeted, with capabilities, and not yet logged in unless it is preauth. With
// an error it is closed, and nil if there was none.
func dial(ctx context.Context, o *Options) (*conn, error) {
	config, err := tlsConfig(o)
	if err != nil {
		return nil, err
	}
	nc, err := o.dial(ctx)
	if err != nil {
		return nil, dialError(o, err)
	}
	c := newConn(nc, o)
	c.step = Greeting
	defer c.watch(ctx)()
	h := &handshake{c, o, config}
	if o.TLS.Mode == Implicit {
		if err := h.encrypt(ctx); err != nil {
			return c, err
		}
	}
	if err := h.greeting(); err != nil {
		return c, h.failed(err)
	}
	if o.TLS.Mode == StartTLS {
		if err := h.startTLS(); err != nil {
			return c, h.failed(err)
		}
		if err := h.encrypt(ctx); err != nil {
			return c, err
		}
		c.caps = nil // what was said in the clear does not count (RFC 3501 6.2.1)
	}
	if err := c.capability(o); err != nil {
		return c, h.failed(err)
	}
	c.offered = c.caps.sorted()
	return c, nil
}

// handshake is what is said on a connection before the login.
type handshake struct {
	c      *conn
	o      *Options
	config *tls.Config
}

// failed closes the connection.
func (h *handshake) failed(err error) error {
	h.c.close(err)
	return connectError(h.c, h.o, err)
}

// greeting reads the server's first line (RFC 3501 7.1).
func (h *handshake) greeting() error {
	c, o := h.c, h.o
	for {
		resp, err := c.next()
		if err != nil {
			return err
		}
		if resp.status.code == "CAPABILITY" {
			c.caps = parseCapabilities(resp.status.args, o.DisableCaps)
		}
		c.greeted = serverText(resp.status.text)
		switch {
		case resp.kind == '*' && resp.typ == "OK":
			return nil
		case resp.kind == '*' && resp.typ == "PREAUTH":
			c.preauth = true
			return nil
		case resp.kind == '*' && resp.typ == "BYE":
			return fault.Wrap(fault.Temporary, &byeError{c.host, c.bye})
		case resp.kind == '*' && resp.typ != "NO" && resp.typ != "BAD":
			if err := c.skip(); err != nil { // something untagged that came early
				return err
			}
		default:
			return h.strangeGreeting(&resp)
		}
	}
}

// strangeGreeting is the error of a greeting that is none of IMAP's. A refusal
// that passes is one, whatever protocol it is written in.
func (h *handshake) strangeGreeting(resp *response) error {
	c := h.c
	line := serverText(c.secrets.hide(string(bytes.TrimSpace(c.text[:min(len(c.text), maxText)]))))
	no := &imap.Error{Type: imap.StatusResponseTypeBye, Code: resp.status.code, Text: line}
	if transientReply.MatchString(line) || resp.kind == '*' && isTemporary(no) {
		return fault.Wrap(fault.Temporary, &byeError{c.host, line})
	}
	err := fmt.Errorf("%s does not greet as an IMAP server: %s", printable(c.host), quote(c.cut(c.text)))
	for _, s := range services {
		if s.greets.MatchString(line) {
			return fault.Errorf(fault.Protocol, "%w: that is %s", err, s.name).
				Because(ErrOtherService)
		}
	}
	return fault.New(fault.Protocol, err)
}

// transientReply is how SMTP and its kin refuse for now: load balancers and
// proxies in front of IMAP servers say so, too.
var transientReply = lazyregexp.New(`^4\d\d([ -]|$)`)

// services are what else may answer at a port, by its first line.
var services = []struct {
	name   string
	greets *lazyregexp.Regexp
}{
	{"a web server (HTTP)", lazyregexp.New(`(?i)^(HTTP/|<!doctype|<html)`)},
	{"a POP3 server", lazyregexp.New(`^(\+OK|-ERR)`)},
	{"an FTP server", lazyregexp.New(`(?i)^\d\d\d[ -].*ftp`)},
	{"a news server (NNTP)", lazyregexp.New(`^20[01][ -].*(?i:nntp|news)`)},
	{"an SMTP server", lazyregexp.New(`^[25]\d\d([ -]|$)`)},
	{"an SSH server", lazyregexp.New(`^SSH-`)},
	{"a ManageSieve server", lazyregexp.New(`(?i)^"(IMPLEMENTATION|SIEVE|VERSION)"`)},
}

// startTLS asks for STARTTLS and accepts no way around it.
func (h *handshake) startTLS() error {
	c := h.c
	c.step = Encrypting
	if c.preauth {
		return fault.Errorf(fault.Protocol, "%s greets with PREAUTH before STARTTLS: the connection cannot be trusted",
			printable(c.host))
	}
	if c.caps != nil && !c.caps.has(imap.CapStartTLS) {
		return fault.Errorf(fault.Protocol, "%s does not offer STARTTLS", printable(c.host)).
			Because(ErrNoStartTLS)
	}
	if _, err := c.run(c.command("STARTTLS"), nil); err != nil {
		return refused(err, fault.Protocol, "STARTTLS at %s", printable(c.host))
	}
	if c.br.Buffered() > 0 {
		return fault.Errorf(fault.Protocol, "%s sent something between STARTTLS and TLS: an attack, or a broken server",
			printable(c.host))
	}
	return nil
}

// capability asks for the capabilities unless they are known.
func (c *conn) capability(o *Options) error {
	if c.caps != nil {
		return nil
	}
	words := ""
	_, err := c.run(c.command("CAPABILITY"), func(resp *response) error {
		if resp.typ == "CAPABILITY" && len(words) < maxLine {
			words += " " + string(c.text[c.pos:])
		}
		return nil
	})
	if err != nil {
		return refused(err, fault.Protocol, "CAPABILITY at %s", printable(c.host))
	}
	c.caps = parseCapabilities(words, o.DisableCaps)
	return nil
}

// closedAtOnce stands for the words of a server that closes a new connection
// without any. Seen: Courier's couriertcpd, above -maxperip and -maxprocs.
const closedAtOnce = "it closed the connection without a greeting, as some servers do when there are too many"

// connectError gives an error before the login its class: a server that hangs up
// later or is silent is one that we cannot connect to.
func connectError(c *conn, o *Options, err error) error {
	var own fault.Classified
	var no *imap.Error
	switch {
	case (!isLost(err) || IsGarbled(err)) && (errors.As(err, &own) || errors.As(err, &no)):
		return err
	case c.bye != "":
		return fault.Wrap(fault.Temporary, &byeError{c.host, c.bye})
	case isAlert(err):
		return alertError(c, err)
	case c.step == Greeting && c.greeted == "" && isEOF(err):
		return fault.Wrap(fault.Temporary, &byeError{c.host, closedAtOnce})
	}
	failure := fault.Errorf(fault.Unavailable, "%s: %w", printable(o.address()), err)
	if o.TLS.Mode != Implicit && errors.Is(err, os.ErrDeadlineExceeded) {
		return failure.Because(ErrSilentInClear)
	}
	return failure
}
