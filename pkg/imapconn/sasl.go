package imapconn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"
)

const (
	// maxInitialResponse bounds an initial response in the command, in octets
	// as sent: servers bound their command lines at 8,192 (RFC 7162 4) and
	// more. A longer one, such as a large token, follows on a line of its own.
	maxInitialResponse = 7000
	// maxChallenges bounds an exchange; the longest we know has three.
	maxChallenges = 16
)

// verifier is a client that must be content before a login counts.
type verifier interface {
	// verify is called after the server has said OK.
	verify() error
}

// reporter is a client that is told in the exchange why it fails.
type reporter interface {
	// reason is the server's words, unescaped, or "".
	reason() string
}

// sasl runs AUTHENTICATE (RFC 3501 6.2.2), with the initial response in the
// command where SASL-IR is offered (RFC 4959).
func (l *login) sasl() (response, error) {
	c := l.c
	mechanism, first, err := l.client.Start()
	if err != nil {
		return response{}, err
	}
	shown := "AUTHENTICATE " + mechanism
	k := c.command(shown)
	if first != nil && c.initialResponse {
		if inline := initialResponse(first); len(inline) <= maxInitialResponse {
			c.secrets.sent(inline)
			k.text(" " + inline)
			first = nil
			shown += " <redacted>"
		}
	}
	k.show(shown).text("\r\n")
	c.traceCommand(k)
	if err := c.write(k.octet); err != nil {
		return response{}, err
	}
	for range maxChallenges {
		resp, err := c.until(k.tag, true, l.note)
		if err != nil || resp.kind == 't' {
			c.touch()
			return resp, err
		}
		c.trace.server([]byte("+ <redacted>"))
		answer, err := l.answerChallenge(first, resp.status.text)
		first = nil
		if err != nil {
			c.close(err)
			return resp, err
		}
		c.secrets.sent(answer)
		c.trace.client("<redacted>")
		if err := c.write([]byte(answer + "\r\n")); err != nil {
			return resp, err
		}
	}
	return response{}, c.broken("challenges without end")
}

// answerChallenge answers one challenge. What comes before the initial
// response is no challenge, whatever its text: some servers greet in it.
func (l *login) answerChallenge(first []byte, text string) (string, error) {
	if first != nil {
		return base64.StdEncoding.EncodeToString(first), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("the server's challenge is no base64")
	}
	answer, err := l.client.Next(b)
	if errors.Is(err, sasl.ErrUnexpectedServerChallenge) {
		return "", fmt.Errorf("the server asks for more than the mechanism has: %s",
			quote(serverText(l.c.secrets.hide(string(b)))))
	}
	if err != nil {
		return "", err
	}
	if p := proof(string(answer)); len(p) >= tinyForm {
		l.c.secrets.add(p)
	}
	return base64.StdEncoding.EncodeToString(answer), nil
}

// proof is the part of an answer that proves who one is, by the password: whoever
// has it can try passwords on it. It is the last in CRAM-MD5 and SCRAM.
func proof(answer string) string { return answer[strings.LastIndexAny(answer, " ,")+1:] }

// initialResponse is b as it stands in the command, where "" needs a sign.
func initialResponse(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}
