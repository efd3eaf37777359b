package push

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// Gmail's labels are added once the messages of a batch are there: APPEND
// cannot carry them. What is lost in between is found again, as present, by the
// same plan, and labelled then.

// labelled is a message at the destination whose labels are still to be added.
type labelled struct {
	uid    uint64
	labels []string
}

// remember keeps the labels of a message that is at the destination.
func (p *pusher) remember(t *destination.Folder, m *batch.Message, uid uint64) {
	if !p.opt.GmailLabels || m.GmailLabels == nil {
		return
	}
	p.labels.seen = true
	labels := p.labelsFor(t, m.GmailLabels)
	switch {
	case len(labels) == 0:
	case !p.session.IMAP.HasGmail():
		p.warnOnce("--gmail-labels: the destination has no labels (X-GM-EXT-1); none are added")
	case uid == 0:
		p.warnOnce("--gmail-labels: the destination does not tell the UIDs of what it is given; labels of new messages are not added")
	default:
		p.labels.waiting = append(p.labels.waiting, labelled{uid, labels})
	}
}

// movers are labels that move a message away from where it was put.
var movers = []string{`\Trash`, `\Spam`, `\Junk`}

// labelsFor is what labels are called at the destination: as the folders are
// that they name. That of the message's own folder it has already.
func (p *pusher) labelsFor(t *destination.Folder, labels []string) (out []string) {
	if p.labels.names == nil {
		p.nameLabels()
	}
	for _, label := range labels {
		if name := p.labels.names[label]; name != "" && !imapconn.IsOwnLabel(label) {
			label = name
		}
		if label == folder.Inbox {
			label = inboxLabel
		}
		mover := slices.ContainsFunc(movers, func(l string) bool { return strings.EqualFold(l, label) })
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

// nameLabels learns where the folders of a plan go.
func (p *pusher) nameLabels() {
	p.labels.names = map[string]string{}
	for _, f := range p.toc {
		p.labels.names[f.Name] = p.targetOf(f)
	}
}

// label adds the labels that wait, of messages in one target. A label that is
// refused has a receipt.
func (p *pusher) label(t *destination.Folder) error {
	waiting := p.labels.waiting
	p.labels.waiting = nil
	uids := map[string][]uint64{} // by label
	var all []string
	for _, w := range waiting {
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
		if err := p.addLabels(t, slices.Compact(first), same); err != nil {
			return err
		}
		all = rest
	}
	return nil
}

// addLabels adds labels, one by one where they are refused together.
func (p *pusher) addLabels(t *destination.Folder, uids []uint64, labels []string) error {
	err := p.session.Open(t)
	if err == nil {
		err = p.session.Box.AddGmailLabels(p.session.Ctx, uids, labels)
	}
	switch {
	case err == nil:
		return nil
	case !destination.OfFolder(err):
		return err
	case len(labels) > 1:
		for _, label := range labels {
			if err := p.addLabels(t, uids, []string{label}); err != nil {
				return err
			}
		}
		return nil
	}
	var no *imap.Error
	text := err.Error()
	if errors.As(err, &no) {
		text = no.Text
	}
	return p.receipts.Folder(receipt.Receipt{Result: receipt.Rejected, Target: t.Name, Reason: "labels", Text: fmt.Sprintf("label %s of UID %s: %s", strconv.Quote(labels[0]), some(uids), text)})
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
