package imapconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Unlisted is what a server answers about a mailbox that its LIST leaves out, or
// lists as a level. The zero Unlisted is a mailbox that does not exist.
type Unlisted struct {
	There  bool
	Err    error  // why nobody knows whether it exists, or nil
	Reason Reason // of Err
}

// Unlisted asks for mailboxes that LIST leaves out: its silence is no answer. One
// that can be opened exists. One does not exist if the server says so by the code
// NONEXISTENT, or refuses STATUS and EXAMINE without any code. Any other answer
// says nothing. A mailbox that is one of those listed, under another name, is not
// counted as another mailbox. Many are asked for in one round trip. No mailbox is
// selected then. It resumes.
func (s *Session) Unlisted(ctx context.Context, wires []string, listed []Mailbox) ([]Unlisted, error) {
	answers := make([]Unlisted, len(wires))
	if len(wires) == 0 {
		return answers, nil
	}
	states, err := ask(ctx, s, wires, question[statusLine]{
		command: func(c *conn, wire string) *command { return statusCommand(c, wire, false) },
		read:    statusAnswer,
		others:  len(listed),
	})
	if err != nil {
		return nil, err
	}
	var places []int
	var left []string
	for i := range wires {
		if !saysNonexistent(states[i].err) && !isLost(states[i].err) {
			places, left = append(places, i), append(left, wires[i])
		}
		if isLost(states[i].err) {
			answers[i].doubt(wires[i], states[i].err)
		}
	}
	opened, err := ask(ctx, s, left, examination(len(listed)+len(wires)-len(left)))
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		switch err := opened[k].err; {
		case err == nil:
			answers[i].There = true
		case saysNonexistent(err), isPlainNo(err) && isPlainNo(states[i].err):
		default:
			answers[i].doubt(wires[i], err)
		}
	}
	return answers, sameAsListed(ctx, s, wires, answers, listed)
}

func (u *Unlisted) doubt(wire string, err error) {
	text := fmt.Sprintf("the server does not list the folder %s and does not say that it does not exist",
		quote(mailboxName(wire)))
	*u = Unlisted{Err: fault.Errorf(fault.Partial, "%s: %w", text, err), Reason: reasonOf(err)}
}

// saysNonexistent reports whether a server says that a mailbox does not exist
// (RFC 5530).
func saysNonexistent(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && hasCode(no, imap.ResponseCodeNonExistent)
}

// isPlainNo reports a refusal that gives no other reason than that there is
// nothing to open.
func isPlainNo(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo &&
		(no.Code == "" || hasCode(no, imap.ResponseCodeTryCreate)) && !isTemporary(no)
}
