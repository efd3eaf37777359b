package imapconn

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// maxMasterChallenge bounds the challenge of X-MASTERAUTH, in octets. Kerio's
// own has some dozens.
const maxMasterChallenge = 1000

// masterAuth is X-MASTERAUTH of Kerio Connect: the challenge comes as it
// stands, without base64, and is answered by the MD5, in lower-case hex, of
// itself and the master password behind it.
func (l *login) masterAuth() (response, error) {
	c := l.c
	k := c.command("X-MASTERAUTH").text("\r\n")
	c.traceCommand(k)
	if err := c.write(k.octet); err != nil {
		return response{}, err
	}
	resp, err := c.until(k.tag, true, l.note)
	if err != nil {
		return resp, err
	}
	answer, err := l.masterAnswer(&resp)
	if err != nil {
		c.close(err)
		return resp, err
	}
	c.secrets.add(answer)
	c.trace.server([]byte("+ <redacted>"))
	c.trace.client("<redacted>")
	if err := c.write([]byte(answer + "\r\n")); err != nil {
		return resp, err
	}
	resp, err = c.until(k.tag, false, l.note)
	c.touch()
	return resp, err
}

// masterAnswer answers the challenge in resp. One without a challenge would be
// the password's own MD5.
func (l *login) masterAnswer(resp *response) (string, error) {
	_, challenge, _ := strings.Cut(string(l.c.text), "+")
	challenge = strings.TrimPrefix(challenge, " ")
	switch {
	case resp.kind != '+', strings.TrimSpace(challenge) == "":
		return "", errors.New("the server sent no challenge")
	case len(challenge) > maxMasterChallenge:
		return "", fmt.Errorf("the server's challenge has %d octets where at most %d make sense", len(challenge),
			maxMasterChallenge)
	}
	sum := md5.Sum([]byte(challenge + l.secret))
	return hex.EncodeToString(sum[:]), nil
}
