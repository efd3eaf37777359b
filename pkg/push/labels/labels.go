// Package labels adds Gmail's labels to messages.
package labels

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// Gmail's labels are added once the messages of a batch are there: APPEND
// cannot carry them. What is lost in between is found again, as present, by the
// same plan, and labelled then.

// labelled is a message at the destination whose labels are still to be added.
type labelled struct {
	uid    uint64 // 0: the server does not tell
	labels []string
}

// Labeler adds labels to messages.
type Labeler struct {
	receipts *receipts.Writer
	warnOnce func(format string, args ...any)
	names    map[string]string // of the source's folders at the destination
	waiting  map[*destination.Folder][]labelled
	seen     bool
}

// New makes a Labeler.
func New(writer *receipts.Writer, warnOnce func(string, ...any)) *Labeler {
	return &Labeler{receipts: writer, warnOnce: warnOnce, waiting: map[*destination.Folder][]labelled{}}
}

// Begin begins a plan. names are those of the source's folders at the destination.
func (l *Labeler) Begin(names map[string]string) {
	if l != nil {
		l.names = names
	}
}

// Seen reports whether a message had labels, or was known to have none.
func (l *Labeler) Seen() bool { return l.seen }

// Remember keeps the labels of a message that is at the destination. The UID is 0 if
// the server does not tell. A nil Labeler adds no labels.
func (l *Labeler) Remember(t *destination.Folder, m *batch.Message, uid uint64) {
	if l == nil || m.GmailLabels == nil {
		return
	}
	l.seen = true
	if labels := l.labelsFor(t, m.GmailLabels); len(labels) > 0 {
		l.waiting[t] = append(l.waiting[t], labelled{uid, labels})
	}
}

// movers are labels that move a message away from where it was put.
var movers = []string{`\Trash`, `\Spam`, `\Junk`}

// labelsFor is what labels are called at the destination: as the folders are
// that they name. That of the message's own folder it has already.
func (l *Labeler) labelsFor(t *destination.Folder, labels []string) (out []string) {
	for _, label := range labels {
		if name := l.names[label]; name != "" && !imapconn.IsOwnLabel(label) {
			label = name
		}
		if label == folder.Inbox {
			label = inboxLabel
		}
		mover := slices.ContainsFunc(movers, func(m string) bool { return strings.EqualFold(m, label) })
		own := label == t.Name || label == inboxLabel && t.Name == folder.Inbox
		if label != "" && !own && !mover && len(out) < maxLabels {
			out = append(out, label)
		}
	}
	return out
}

// inboxLabel is what the label of INBOX is called.
const inboxLabel = `\Inbox`

// maxLabels bounds the labels of a message that are added.
const maxLabels = 1000

// Add adds the labels that wait, of messages in one folder. A label that is refused
// has a receipt.
func (l *Labeler) Add(s *destination.Session, t *destination.Folder) error {
	if l == nil || len(l.waiting[t]) == 0 {
		return nil
	}
	waiting := l.waiting[t]
	delete(l.waiting, t)
	if !s.IMAP.HasGmail() {
		l.warnOnce("Gmail labels: the destination has no labels (X-GM-EXT-1); none are added")
		return nil
	}
	uids := map[string][]uint64{} // by label
	var all []string
	for _, w := range waiting {
		if w.uid == 0 {
			l.warnOnce("Gmail labels: the destination does not tell the UIDs of what it is given; " +
				"labels of new messages are not added")
			continue
		}
		for _, label := range w.labels {
			if uids[label] == nil {
				all = append(all, label)
			}
			uids[label] = append(uids[label], w.uid)
		}
	}
	for len(all) > 0 {
		// Labels of the same messages go together.
		first, rest := uids[all[0]], all[:0:0]
		var same []string
		slices.Sort(first)
		for _, label := range all {
			if slices.Sort(uids[label]); slices.Equal(uids[label], first) {
				same = append(same, label)
			} else {
				rest = append(rest, label)
			}
		}
		if err := l.addLabels(s, t, slices.Compact(first), same); err != nil {
			return err
		}
		all = rest
	}
	return nil
}

// addLabels adds labels, one by one where they are refused together.
func (l *Labeler) addLabels(s *destination.Session, t *destination.Folder, uids []uint64, labels []string) error {
	err := s.Open(t)
	if err == nil {
		err = s.Box.AddGmailLabels(s.Ctx, uids, labels)
	}
	switch {
	case err == nil:
		return nil
	case !destination.OfFolder(err):
		return err
	case len(labels) > 1:
		for _, label := range labels {
			if err := l.addLabels(s, t, uids, []string{label}); err != nil {
				return err
			}
		}
		return nil
	}
	text := destination.Words(err)
	return l.receipts.Folder(receipt.Receipt{Result: receipt.Rejected, Target: t.Name, Reason: "labels",
		Text: fmt.Sprintf("label %s of UID %s: %s", strconv.Quote(labels[0]), some(uids), text)})
}

// some names a few of the UIDs.
func some(uids []uint64) string {
	const few = 5
	var words []string
	for _, uid := range uids[:min(len(uids), few)] {
		words = append(words, strconv.FormatUint(uid, 10))
	}
	text := strings.Join(words, ", ")
	if n := len(uids) - few; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
