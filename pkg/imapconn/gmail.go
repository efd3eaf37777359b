package imapconn

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// Gmail is what Gmail says of a message beside what all servers do (X-GM-EXT-1).
type Gmail struct {
	// Labels of the message, but for that of the mailbox in which it was seen:
	// valid UTF-8, sorted, each once. Those that begin with a backslash are
	// Gmail's own, as \Inbox. nil: the server did not tell, or too many to keep.
	Labels []string
	// MessageID and ThreadID are numbers of 64 bits in decimal digits, the same
	// wherever the message stands; "" if the server did not tell.
	MessageID, ThreadID string
}

// gmailItems are what a FETCH asks for.
const gmailItems = "X-GM-MSGID X-GM-THRID X-GM-LABELS"

// HasGmail reports whether the server has labels (X-GM-EXT-1).
func (s *Session) HasGmail() bool { return s.Has("X-GM-EXT-1") }

// Bounds on the labels of one message that are kept, in labels and in octets.
const (
	maxLabels      = 1000
	maxLabelOctets = 64 << 10
)

// gmailItem reads the value of an item of Gmail's, if it is one.
func (r *fetchReader) gmailItem(m *fetched) (known bool, err error) {
	switch string(r.name) {
	case "X-GM-LABELS":
		if m.Gmail.Labels, err = readLabels(r.tokenizer); m.Gmail.Labels != nil {
			m.got |= gotLabels
		}
	case "X-GM-MSGID":
		m.Gmail.MessageID, err = readDigits(r.tokenizer)
	case "X-GM-THRID":
		m.Gmail.ThreadID, err = readDigits(r.tokenizer)
	default:
		return false, nil
	}
	m.got |= gotGmail
	return true, err
}

// merge takes over what n has.
func (g *Gmail) merge(n *Gmail) {
	if n.Labels != nil {
		g.Labels = n.Labels
	}
	g.MessageID, g.ThreadID = cmp.Or(n.MessageID, g.MessageID), cmp.Or(n.ThreadID, g.ThreadID)
}

// readDigits reads a number as it stands, "" if it is none.
func readDigits(r *tokenizer) (string, error) {
	start := r.pos
	r.number()
	n, err := strconv.ParseUint(string(r.text[start:r.pos]), 10, 64)
	if err != nil {
		r.pos = start
		return "", r.skipValue()
	}
	return strconv.FormatUint(n, 10), nil
}

// readLabels reads a list of strings, in which NIL is a label like any other.
func readLabels(r *tokenizer) ([]string, error) {
	if !r.accept('(') {
		return nil, r.skipValue()
	}
	list, octets := []string{}, 0
	for {
		r.blanks()
		switch {
		case r.accept(')'):
			if len(list) > maxLabels || octets > maxLabelOctets {
				return nil, nil
			}
			slices.Sort(list)
			return slices.Compact(list), nil
		case r.pos >= len(r.text):
			return nil, errMalformed
		case r.peek() == '(':
			if err := r.skipValue(); err != nil {
				return nil, err
			}
			continue
		}
		before := r.pos
		s, _, err := r.str(maxName)
		if err != nil {
			return nil, err
		}
		if octets += len(s); len(s) > 0 && octets <= maxLabelOctets && len(list) <= maxLabels {
			list = append(list, folder.FromWire(string(s)))
		}
		if len(s) == 0 && r.pos == before {
			return nil, errMalformed
		}
	}
}

// ownLabel is how one of Gmail's own labels is spelt: as an atom.
var ownLabel = lazyregexp.New(`^\\[A-Za-z]+$`)

// labelsTogether is how many labels go into one command.
const labelsTogether = 50

// AddGmailLabels adds labels to messages (STORE +X-GM-LABELS); none are taken
// away, and one that does not exist is made by the server. uids must be sorted.
// It resumes. A refusal by the server holds an *imap.Error; a label that cannot
// be spelt is fault.Partial.
func (x *Selected) AddGmailLabels(ctx context.Context, uids []uint64, labels []string) error {
	for some := range slices.Chunk(labels, labelsTogether) {
		wire := make([]string, len(some))
		for i, label := range some {
			var err error
			if wire[i], err = folder.ToWire(label); err != nil {
				return fault.Errorf(fault.Partial, "label %s: %w", quote(label), err)
			}
		}
		err := x.overSets(ctx, uids, "UID STORE ", func(k *command) { k.labels(wire) })
		if err != nil {
			return refused(err, fault.Partial, "label messages in folder %s", quote(mailboxName(x.Wire)))
		}
	}
	return nil
}

// readLabels adds what STORE does with labels.
func (k *command) labels(wire []string) {
	k.text(" +X-GM-LABELS (")
	for i, label := range wire {
		if i > 0 {
			k.text(" ")
		}
		if ownLabel.MatchString(label) {
			k.text(label)
		} else {
			k.string(label)
		}
	}
	k.text(")")
}

// IsOwnLabel reports whether a label is one of Gmail's own, which people cannot make.
func IsOwnLabel(label string) bool { return strings.HasPrefix(label, `\`) }
