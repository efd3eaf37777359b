package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
)

// look reads the keys of the messages at and above t.uidNext into t.newer. A
// folder that contradicts itself is refused: what it hides would be appended
// again.
func (d *desk) look(t *target) error {
	if d.open != t {
		if err := d.selectBox(t); err != nil {
			return err
		}
	}
	from := t.uidNext
	if err := d.read(t); err != nil || !d.hides(t, from) {
		return err
	}
	if told, err := d.box.Told(d.ctx); err == nil && told.Messages <= d.box.Messages {
		return nil // they were expunged
	}
	box, told, err := d.box.Reopen(d.ctx)
	if err != nil {
		return t.refuse(err)
	}
	switch validity := d.box.UIDValidity; {
	case box.UIDValidity != validity:
		t.refused = fmt.Errorf("its UIDVALIDITY was %d a moment ago and is %d now: make a new plan", validity, box.UIDValidity)
		return nil
	case box.Messages < told.Messages:
		t.refused = fmt.Errorf("the server says that it holds %d messages, and shows %d", told.Messages, box.Messages)
		return nil
	}
	d.box, d.open = box, t
	return d.read(t)
}

// hides tells whether the open folder shows nothing where there was something,
// or where something has come.
func (d *desk) hides(t *target, from uint32) bool {
	if d.box.Messages == 0 {
		return max(d.box.UIDNext, t.next, from) > 1
	}
	return d.box.UIDNext > from && t.uidNext == from
}

// read takes what there is at and above t.uidNext.
func (d *desk) read(t *target) error {
	if d.box.Messages == 0 || d.box.UIDNext != 0 && d.box.UIDNext <= t.uidNext {
		return nil
	}
	next := t.uidNext
	err := keys.Each(d.ctx, d.box, t.uidNext, 0, d.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		if m.UID < t.uidNext || id == nil {
			return nil // UID n:* gives the last message also when it is below n
		}
		next = max(next, m.UID+1)
		if t.ours[id.Key] > 0 {
			t.ours[id.Key]--
			return nil
		}
		t.newer[id.Key] = append(t.newer[id.Key], &newcomer{uid: m.UID, date: unix(m.InternalDate)})
		return nil
	})
	t.uidNext = next
	return err
}
