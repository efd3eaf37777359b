package imapconn

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// secret asks for the password. It comes before the connect: whoever types one
// takes longer than some servers wait.
func (o *Options) secret(ctx context.Context) (string, error) {
	if o.Password == nil {
		return "", nil // PREAUTH needs none
	}
	password, err := o.Password(ctx)
	if err == nil && strings.ContainsAny(o.User+password, "\x00") {
		err = exit.Errorf(exit.Usage, "a NUL in user name or password cannot be sent")
	}
	return password, err
}

// login authenticates, and leaves the connection with the capabilities that
// hold from then on. After a refusal nothing else is tried.
func (c *conn) login(o *Options, password string) error {
	if c.preauth {
		return nil
	}
	mechanism, err := c.mechanism(o)
	if err != nil {
		return err
	}
	if o.Password == nil {
		return exit.Errorf(exit.NoInput, "no password for %s", printable(o.User+"@"+o.Host))
	}
	offered := c.offer()
	c.initialResponse = c.caps.has("SASL-IR")
	c.caps = nil // the login changes them
	words := ""
	note := func(resp *response) error {
		if resp.typ == "CAPABILITY" && len(words) < maxLine {
			words += " " + string(c.text[c.pos:])
		}
		return nil
	}
	resp, err := c.authenticate(mechanism, o.User, password, note)
	if err != nil {
		return c.loginError(o, mechanism, offered, err)
	}
	if resp.status.code == "CAPABILITY" {
		words = resp.status.args
	}
	if words != "" {
		c.caps = parseCapabilities(words, o.DisableCaps)
	}
	return c.capability(o)
}

// mechanism chooses how to log in: "PLAIN" by AUTHENTICATE, or "LOGIN".
func (c *conn) mechanism(o *Options) (string, error) {
	disabled := c.caps.has("LOGINDISABLED")
	if disabled && !c.encrypted {
		return "", exit.Errorf(exit.Login, "%s does not take a password on an unencrypted connection; nothing was sent", printable(c.host)).
			WithHint("--tls implicit, or --tls starttls")
	}
	wanted := o.Auth
	if len(wanted) == 0 {
		wanted = []string{"plain", "login"}
	}
	for _, name := range wanted {
		switch strings.ToLower(name) {
		case "plain":
			if c.caps.has("AUTH=PLAIN") {
				return "PLAIN", nil
			}
		case "login":
			if !disabled {
				return "LOGIN", nil
			}
		default:
			return "", exit.Errorf(exit.Usage, "unknown authentication mechanism %s", quote(name))
		}
	}
	return "", exit.Errorf(exit.Login, "%s offers none of %s; offered: %s", printable(c.host), strings.Join(wanted, ", "), c.offer())
}

// offer lists the ways to log in that the server names.
func (c *conn) offer() string {
	l := c.caps.mechanisms()
	if !c.caps.has("LOGINDISABLED") {
		l = append(l, "the LOGIN command")
	}
	return printable(strings.Join(l, ", "))
}

func (c *conn) authenticate(mechanism, user, password string, note func(*response) error) (response, error) {
	if mechanism == "LOGIN" {
		k := c.command("LOGIN").astring(user).astring(password).show("LOGIN <redacted>")
		return c.run(k, note)
	}
	return c.sasl(sasl.NewPlainClient("", user, password), note)
}

// sasl runs AUTHENTICATE (RFC 3501 6.2.2), with the initial response in the
// command where SASL-IR is offered (RFC 4959).
func (c *conn) sasl(client sasl.Client, note func(*response) error) (response, error) {
	mechanism, first, err := client.Start()
	if err != nil {
		return response{}, err
	}
	shown := "AUTHENTICATE " + mechanism
	k := c.command(shown)
	if first != nil && c.initialResponse {
		k.text(" " + encodeSASL(first))
		first = nil
		shown += " <redacted>"
	}
	k.show(shown).text("\r\n")
	c.traceCommand(k)
	if err := c.write(k.octet); err != nil {
		return response{}, err
	}
	c.quiet = true // challenges may hold secrets
	defer func() { c.quiet = false }()
	for {
		resp, err := c.until(k.tag, true, note)
		if err != nil || resp.kind == 't' {
			c.touch()
			return resp, err
		}
		answer, err := challenge(client, first, resp.status.text)
		first = nil
		if err != nil {
			c.close(err)
			return resp, err
		}
		c.trace.client("<redacted>")
		if err := c.write([]byte(answer + "\r\n")); err != nil {
			return resp, err
		}
	}
}

// challenge answers one challenge. What comes before the initial response is
// no challenge, whatever its text: some servers greet in it.
func challenge(client sasl.Client, first []byte, text string) (string, error) {
	if first != nil {
		return encodeSASL(first), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("challenge of the server: %w", err)
	}
	answer, err := client.Next(b)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(answer), nil
}

func encodeSASL(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (c *conn) loginError(o *Options, mechanism, offered string, err error) error {
	var no *imap.Error
	who := printable(o.User + "@" + o.Host)
	switch {
	case errors.As(err, &no) && (isTemporary(no) || hasCode(no, "LIMIT")):
		return exit.Errorf(exit.Temporary, "login of %s: %w", who, &refusal{no})
	case errors.As(err, &no):
		return exit.Errorf(exit.Login, "login of %s by %s refused: %w (offered: %s)", who, mechanism, &refusal{no}, offered)
	case c.bye != "":
		return exit.Errorf(exit.Temporary, "login of %s: %w", who, err)
	case isLost(err):
		return exit.Errorf(exit.Unavailable, "login of %s: %w", who, err)
	}
	return exit.Wrap(exit.Protocol, fmt.Errorf("login of %s: %w", who, err))
}
