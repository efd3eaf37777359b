package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/text/unicode/norm"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
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
	return answers, s.sameAsListed(ctx, wires, answers, listed)
}

func (u *Unlisted) doubt(wire string, err error) {
	text := fmt.Sprintf("the server does not list the folder %s and does not say that it does not exist",
		quote(mailboxName(wire)))
	*u = Unlisted{Err: exit.Errorf(exit.Partial, "%s: %w", text, err), Reason: reasonOf(err)}
}

// saysNonexistent reports whether a server says that a mailbox does not exist
// (RFC 5530).
func saysNonexistent(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && hasCode(no, "NONEXISTENT")
}

// isPlainNo reports a refusal that gives no other reason than that there is
// nothing to open.
func isPlainNo(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && (no.Code == "" || hasCode(no, "TRYCREATE")) &&
		!isTemporary(no)
}

// sameAsListed finds mailboxes that are listed under another name: it differs in
// case, in how accents are written, or by levels in front, such as the prefix of
// an earlier server. They have the same UIDVALIDITY and the same numbers. Where
// only the UIDVALIDITY is the same nobody knows, and neither where the levels are
// no prefix: many servers give one UIDVALIDITY to several folders.
func (s *Session) sameAsListed(ctx context.Context, wires []string, answers []Unlisted, listed []Mailbox) error {
	var byName map[string][]*Mailbox
	var rivals []alias
	var pairs []Mailbox
	for i := range answers {
		if !answers[i].There {
			continue
		}
		if byName == nil {
			byName = s.byRelativeName(listed)
		}
		boxes, prefix := s.related(byName, wires[i])
		if len(boxes) > maxRelated {
			answers[i].doubt(wires[i], fmt.Errorf("it may be one of %d folders with such a name: the first is %s",
				len(boxes), quote(boxes[0].Name)))
			continue
		}
		for _, b := range boxes {
			rivals = append(rivals, alias{i, b, prefix})
			pairs = append(pairs, Mailbox{Name: mailboxName(wires[i]), Wire: wires[i]},
				Mailbox{Name: b.Name, Wire: b.Wire})
		}
	}
	if len(rivals) == 0 {
		return nil
	}
	states, err := s.Status(ctx, pairs, false)
	if err != nil {
		return err
	}
	same := make([]bool, len(wires))
	for k, r := range rivals {
		a, b := &states[2*k], &states[2*k+1]
		switch {
		case same[r.place] || a.Err != nil || b.Err != nil || a.UIDValidity != b.UIDValidity || a.UIDValidity == 0:
		case r.prefix && a.UIDNext == b.UIDNext && a.Messages == b.Messages:
			same[r.place], answers[r.place] = true, Unlisted{}
		case answers[r.place].Err == nil:
			answers[r.place].doubt(wires[r.place], fmt.Errorf("it may be %s", quote(r.box.Name)))
		}
	}
	return nil
}

// alias is a listed mailbox that one that was asked for may be.
type alias struct {
	place  int // of the one that was asked for
	box    *Mailbox
	prefix bool // see related
}

// maxRelated is how many listed mailboxes one that was asked for is compared with:
// those whose names differ in case, or in how accents are written.
const maxRelated = 16

// byRelativeName has the mailboxes by their folded names without the prefix, in
// the order in which they are listed.
func (s *Session) byRelativeName(listed []Mailbox) map[string][]*Mailbox {
	byName := make(map[string][]*Mailbox, len(listed))
	for i := range listed {
		if b := &listed[i]; b.Unread == "" && b.Selectable() {
			name := foldName(strings.TrimPrefix(b.Name, s.spaces.personal.Prefix))
			byName[name] = append(byName[name], b)
		}
	}
	return byName
}

// related returns the listed mailboxes that may be the one of this spelling.
// prefix reports whether no levels stand in front of its name but what is a prefix.
func (s *Session) related(byName map[string][]*Mailbox, wire string) (boxes []*Mailbox, prefix bool) {
	prefix = true
	for name := mailboxName(wire); ; {
		boxes = slices.DeleteFunc(slices.Clone(byName[foldName(name)]), func(b *Mailbox) bool { return b.Wire == wire })
		if len(boxes) > 0 {
			return boxes, prefix
		}
		level, below, found := strings.Cut(name, s.spaces.personal.Delimiter)
		if level == "" || !found {
			return nil, false
		}
		prefix = prefix && (folder.IsInbox(level) || strings.HasPrefix(s.spaces.personal.Prefix, level))
		name = below
	}
}

func foldName(name string) string { return strings.ToLower(norm.NFC.String(name)) }
