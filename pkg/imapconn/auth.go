package imapconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// login is one attempt to log in. After a refusal nothing else is tried.
type login struct {
	c         *conn
	o         *Options
	mechanism *mechanism
	offered   string
	secret    string
	client    sasl.Client // nil where the mechanism has none
	caps      string      // what the server offers from then on, if it says so
}

// secret asks for the password or the token. It comes before the connect:
// whoever types one takes longer than some servers wait.
func (o *Options) secret(ctx context.Context) (string, error) {
	ask := o.Login.Password
	if o.Login.Token != nil {
		ask = o.Login.Token
	}
	if ask == nil || !o.needs(password) && !o.needs(token) {
		return "", nil // PREAUTH and EXTERNAL need none
	}
	secret, err := ask(ctx)
	if err == nil && strings.Contains(secret+o.User+o.Login.AuthUser, "\x00") {
		err = fault.Errorf(fault.Usage, "a NUL in user name or password cannot be sent")
	}
	return secret, err
}

// logIn authenticates, and leaves the connection with the capabilities that
// hold from then on.
func logIn(c *conn, o *Options, secret string) error {
	l := &login{c: c, o: o, secret: secret}
	if !c.preauth {
		if err := l.authenticate(); err != nil {
			return err
		}
	}
	if command := l.becomes(); command != "" {
		if err := l.become(command); err != nil {
			return err
		}
	}
	return c.capability(o)
}

func (l *login) authenticate() error {
	c, o := l.c, l.o
	m, err := c.choose(o)
	if err == nil {
		err = mayExpose(c, o, m)
	}
	if err != nil {
		return err
	}
	if m.secret != noSecret && l.secret == "" {
		return fault.Errorf(fault.NoInput, "no password for %s", o.who())
	}
	l.mechanism, l.offered = m, c.offer()
	if m.client != nil {
		l.client = m.client(l)
	}
	c.initialResponse = c.caps.has(imap.CapSASLIR)
	c.caps = nil // the login changes them
	if err := l.run(); err != nil {
		return l.failure(err)
	}
	c.loggedIn = m.name
	if l.caps != "" {
		c.caps = parseCapabilities(l.caps, o.DisableCaps)
	}
	return nil
}

// run exchanges what the mechanism needs. A trace is shown the kinds of the
// responses only: challenges may hold secrets, and there are servers that
// repeat what they were told.
func (l *login) run() error {
	l.c.quiet = true
	defer func() { l.c.quiet = false }()
	resp, err := l.exchange()
	if resp.kind == 't' {
		l.c.trace.server([]byte(redacted(&resp)))
	}
	if err != nil {
		return err
	}
	if resp.status.code == "CAPABILITY" {
		l.caps = resp.status.args
	}
	if v, ok := l.client.(verifier); ok {
		if err := v.verify(); err != nil {
			l.c.close(err)
			return err
		}
	}
	return nil
}

func (l *login) exchange() (response, error) {
	if l.client != nil {
		return l.sasl()
	}
	return l.mechanism.exchange(l)
}

// byLogin is the LOGIN command (RFC 3501 6.2.3).
func (l *login) byLogin() (response, error) {
	k := l.c.command("LOGIN").astring(l.o.authcid()).astring(l.secret).show("LOGIN <redacted>")
	return l.c.run(k, l.note)
}

// note keeps the capabilities that come along.
func (l *login) note(resp *response) error {
	if resp.typ == "CAPABILITY" && len(l.caps) < maxLine {
		l.caps += " " + string(l.c.text[l.c.pos:])
		l.c.trace.server(l.c.text)
	}
	return nil
}

func redacted(resp *response) string {
	text := resp.tag + " " + resp.typ
	switch resp.status.code {
	case "":
	case "CAPABILITY":
		text += " [CAPABILITY " + resp.status.args + "]"
	default:
		text += " [" + string(resp.status.code) + "]"
	}
	return text + " <redacted>"
}

// plain is PLAIN (RFC 4616).
func (l *login) plain() sasl.Client {
	return sasl.NewPlainClient(l.o.authzid(), l.o.authcid(), l.secret)
}

// external is EXTERNAL (RFC 4422 A): the server knows who we are by TLS. It is
// told which account is meant, lest it take another.
func (l *login) external() sasl.Client {
	return sasl.NewExternalClient(l.bearer())
}

// who names the account in messages.
func (o *Options) who() string {
	account := printable(o.User + "@" + o.Host)
	if o.Login.AuthUser != "" {
		return printable(o.Login.AuthUser) + " for " + account
	}
	return account
}

// failure gives a failed login its kind, and says what can be done.
func (l *login) failure(err error) error {
	var no *imap.Error
	who := l.o.who()
	switch {
	case errors.As(err, &no):
		return l.refused(no)
	case l.c.bye != "":
		return fault.Errorf(fault.Temporary, "login of %s: %w", who, err)
	case isAlert(err):
		return alertError(l.c, err)
	case isLost(err) && !IsGarbled(err):
		return fault.Errorf(fault.Unavailable, "login of %s: %w", who, err)
	}
	return fault.Wrap(fault.Protocol, fmt.Errorf("login of %s by %s: %w", who, l.mechanism.sasl(), err))
}

// refused is the error of a server's NO or BAD.
func (l *login) refused(no *imap.Error) error {
	said := &refusal{no}
	if isTemporary(no) || hasCode(no, imap.ResponseCodeLimit) {
		return fault.Errorf(fault.Temporary, "login of %s: %w", l.o.who(), said)
	}
	reason := ""
	if r, ok := l.client.(reporter); ok && r.reason() != "" {
		reason = ", and before: " + printable(serverText(l.c.secrets.hide(r.reason())))
	}
	err := fault.Errorf(fault.Login, "login of %s by %s refused: %w%s (offered: %s)", l.o.who(), l.mechanism.sasl(), said,
		reason, l.offered)
	return l.explain(err)
}

// explain names what is most often the cause.
func (l *login) explain(err *fault.Error) error {
	switch {
	case strings.Contains(l.o.User+l.o.Login.AuthUser, `\`), strings.Contains(strings.ToLower(l.c.greeted), "exchange"):
		return err.Because(ErrExchangeUser)
	case l.mechanism.binds:
		return err.Because(ErrOtherTLS, strings.TrimSuffix(l.mechanism.name, "-plus"))
	case strings.HasPrefix(l.mechanism.name, "scram-") && len(l.o.Login.Auth) == 0 && strings.Contains(l.offered, "PLAIN"):
		return err.Because(ErrNotStoredForScram)
	case l.mechanism.name == "x-masterauth":
		return err.WithHint("Kerio Connect alone has this, and only where master authentication is turned on, for " +
			"the address that one comes from")
	case l.mechanism.name == "external" && l.o.TLS.CertFile == "":
		return err.Because(ErrNoCertificate)
	}
	return err
}
