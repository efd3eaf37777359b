package imapconn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"golang.org/x/text/unicode/norm"
)

// sameAsListed finds mailboxes that are listed under another name: it differs in
// case, in how accents are written, or by levels in front, such as the prefix of
// an earlier server. They have the same UIDVALIDITY and the same numbers. Where
// only the UIDVALIDITY is the same nobody knows, and neither where the levels are
// no prefix: many servers give one UIDVALIDITY to several folders.
func sameAsListed(ctx context.Context, s *Session, wires []string, answers []Unlisted, listed []Mailbox) error {
	var byName map[string][]*Mailbox
	var rivals []alias
	var pairs []Mailbox
	for i := range answers {
		if !answers[i].There {
			continue
		}
		if byName == nil {
			byName = s.spaces.byRelativeName(listed)
		}
		boxes, prefix := s.spaces.related(byName, wires[i])
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
func (n *namespaces) byRelativeName(listed []Mailbox) map[string][]*Mailbox {
	byName := make(map[string][]*Mailbox, len(listed))
	for i := range listed {
		if b := &listed[i]; b.Unread == "" && b.Selectable() {
			name := foldName(strings.TrimPrefix(b.Name, n.personal.Prefix))
			byName[name] = append(byName[name], b)
		}
	}
	return byName
}

// related returns the listed mailboxes that may be the one of this spelling.
// prefix reports whether no levels stand in front of its name but what is a prefix.
func (n *namespaces) related(byName map[string][]*Mailbox, wire string) (boxes []*Mailbox, prefix bool) {
	prefix = true
	for name := mailboxName(wire); ; {
		boxes = slices.DeleteFunc(slices.Clone(byName[foldName(name)]), func(b *Mailbox) bool { return b.Wire == wire })
		if len(boxes) > 0 {
			return boxes, prefix
		}
		level, below, found := strings.Cut(name, n.personal.Delimiter)
		if level == "" || !found {
			return nil, false
		}
		prefix = prefix && (folder.IsInbox(level) || strings.HasPrefix(n.personal.Prefix, level))
		name = below
	}
}

func foldName(name string) string { return strings.ToLower(norm.NFC.String(name)) }
