package push

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// atSource looks at messages that are to be copied from one folder, and returns
// those that are what their records say, by UID. The others get receipts.
func (p *pusher) atSource(ms []*batch.Message) (there []*batch.Message, err error) {
	s, err := p.session.Source(ms[0].Folder)
	if err != nil {
		return ms, err
	}
	if s.Box == nil {
		return nil, p.refuseAll(ms, receipt.Failed, string(s.Reason), s.Text)
	}
	for _, m := range ms {
		if m.UIDValidity == s.Box.UIDValidity {
			there = append(there, m)
		} else if err := p.replaced(m, s.Box.UIDValidity); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(there, func(a, b *batch.Message) int { return cmp.Compare(a.UID, b.UID) })
	seen, err := p.session.LookAtSource(s, there)
	if err != nil {
		return there, err
	}
	return p.asRecorded(there, seen)
}

// replaced answers for a message of a folder that is another one now.
func (p *pusher) replaced(m *batch.Message, now uint64) error {
	return p.refuseAll([]*batch.Message{m}, receipt.Failed, string(stream.ReasonUIDValidity), fmt.Sprintf("the source folder's UIDVALIDITY was %d when it was listed and is %d now", m.UIDValidity, now))
}

// asRecorded returns the messages that are what their records say. The others
// get receipts.
func (p *pusher) asRecorded(ms []*batch.Message, seen map[uint64]*destination.SeenAtSource) (there []*batch.Message, err error) {
	for _, m := range ms {
		switch x := seen[m.UID]; {
		case x == nil, x.State == imapconn.Expunged:
			m.Answered = true
			err = p.tell(receipts.Of(&m.Message, m.Target, receipt.Expunged))
		case x.State != imapconn.Have:
			err = p.refuseAll([]*batch.Message{m}, receipt.Failed, x.Reason, x.Text)
		case x.Key != m.Key:
			err = p.refuseAll([]*batch.Message{m}, receipt.Failed, string(stream.ReasonKey), "another message has this UID")
		default:
			m.SourceFlags = x.Flags
			there = append(there, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}
