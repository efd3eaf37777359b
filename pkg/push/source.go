package push

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// source is a folder of the account that messages are copied from. It is only
// looked at.
type source struct {
	name   string
	box    *imapconn.Selected // nil: it cannot be opened
	reason stream.Reason      // why
	text   string
}

// from opens a folder that messages are copied from.
func (d *desk) from(name string) (*source, error) {
	if d.source != nil && d.source.name == name {
		return d.source, nil
	}
	s := &source{name: name}
	mailbox, there := d.boxes[name]
	if !there { // it may be somebody else's
		if err := d.list(folder.AllSpaces); err != nil {
			return nil, err
		}
		mailbox, there = d.boxes[name]
	}
	d.source = s
	if !there || !mailbox.Selectable() {
		s.reason, s.text = stream.ReasonNoFolder, "the folder is not there"
		return s, nil
	}
	box, err := d.session.Examine(d.ctx, mailbox.Wire)
	switch {
	case refused(err):
		s.reason, s.text = stream.ReasonFolderLost, err.Error()
	case err != nil:
		d.source = nil
		return nil, err
	}
	s.box = box
	return s, nil
}

// atSource looks at messages that are to be copied from one folder, and returns
// those that are what their records say, by UID. The others get receipts.
func (p *pusher) atSource(ms []*batch.Message) (there []*batch.Message, err error) {
	s, err := p.desk.from(ms[0].Folder)
	if err != nil {
		return ms, err
	}
	if s.box == nil {
		return nil, p.refuseAll(ms, receipt.Failed, string(s.reason), s.text)
	}
	for _, m := range ms {
		if m.UIDValidity == s.box.UIDValidity {
			there = append(there, m)
		} else if err := p.replaced(m, s.box.UIDValidity); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(there, func(a, b *batch.Message) int { return cmp.Compare(a.UID, b.UID) })
	seen := map[uint64]*seenAtSource{}
	err = keys.Of(p.desk.ctx, s.box, batch.UIDs(there), p.desk.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		x := &seenAtSource{state: m.State, reason: string(m.Reason), text: m.Text, flags: slices.Clone(m.Flags)}
		if id != nil {
			x.key = id.Key
		}
		seen[m.UID] = x
		return nil
	})
	if err != nil {
		return there, err
	}
	return p.asRecorded(there, seen)
}

// replaced answers for a message of a folder that is another one now.
func (p *pusher) replaced(m *batch.Message, now uint64) error {
	return p.refuseAll([]*batch.Message{m}, receipt.Failed, string(stream.ReasonUIDValidity), fmt.Sprintf("the source folder's UIDVALIDITY was %d when it was listed and is %d now", m.UIDValidity, now))
}

// seenAtSource is what is seen of a message that is to be copied.
type seenAtSource struct {
	state             imapconn.State
	reason, text, key string
	flags             []string
}

// asRecorded returns the messages that are what their records say. The others
// get receipts.
func (p *pusher) asRecorded(ms []*batch.Message, seen map[uint64]*seenAtSource) (there []*batch.Message, err error) {
	for _, m := range ms {
		switch x := seen[m.UID]; {
		case x == nil, x.state == imapconn.Expunged:
			m.Answered = true
			err = p.tell(receipts.Of(&m.Message, m.Target, receipt.Expunged))
		case x.state != imapconn.Have:
			err = p.refuseAll([]*batch.Message{m}, receipt.Failed, x.reason, x.text)
		case x.key != m.Key:
			err = p.refuseAll([]*batch.Message{m}, receipt.Failed, string(stream.ReasonKey), "another message has this UID")
		default:
			m.SourceFlags = x.flags
			there = append(there, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// digestsAtSource reads those of the messages that are copied, for what their
// octets are known by. One that cannot be read is taken out of places: it is no
// newcomer's, and whoever copies it finds out.
func (d *desk) digestsAtSource(ms []*batch.Message, places map[string][]int) error {
	var want []*batch.Message
	for _, list := range places {
		for _, i := range list {
			if ms[i].Copied && ms[i].Loose == nil {
				want = append(want, ms[i])
			}
		}
	}
	if err := d.readAtSource(want); err != nil {
		return err
	}
	for key, list := range places {
		places[key] = slices.DeleteFunc(list, func(i int) bool { return ms[i].Copied && ms[i].Loose == nil })
	}
	return nil
}

// readAtSource reads messages of one folder for what they are known by, as far
// as they can be read.
func (d *desk) readAtSource(ms []*batch.Message) error {
	if len(ms) == 0 {
		return nil
	}
	s, err := d.from(ms[0].Folder)
	if err != nil || s.box == nil {
		return err
	}
	byUID := map[uint64]*batch.Message{}
	for _, m := range ms {
		if m.UIDValidity == s.box.UIDValidity {
			byUID[m.UID] = m
		}
	}
	d.open = nil // another folder will be
	err = looseOf(d.ctx, s.box, slices.Sorted(maps.Keys(byUID)), func(uid uint64) int64 { return byUID[uid].Size }, func(uid uint64, l *loose, _ imapconn.State, _ string) {
		if m := byUID[uid]; m != nil {
			m.Loose = l
		}
	})
	if refused(err) || exit.CodeOf(err) == exit.Partial {
		return nil
	}
	return err
}
