package push

import (
	"cmp"
	"fmt"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/text"
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
		t.refused = fmt.Errorf("the server says that it holds %s, and shows %d", text.Count(told.Messages, "message"), box.Messages)
		return nil
	}
	d.box, d.open = box, t
	return d.read(t)
}

// hides tells whether the open folder shows nothing where there was something,
// or where something has come.
func (d *desk) hides(t *target, from uint64) bool {
	if d.box.Messages == 0 {
		return max(d.box.UIDNext, t.next, from) > 1
	}
	return d.box.UIDNext > from && t.uidNext == from
}

// read takes what there is at and above t.uidNext, and in the gap below it.
func (d *desk) read(t *target) error {
	t.newsAt, t.expected = time.Now(), d.box.Messages
	if t.gapFrom != 0 {
		if err := d.readRange(t, t.gapFrom, t.gapTo); err != nil {
			return err
		}
	}
	t.gapFrom, t.gapTo, t.blind = 0, 0, false
	if d.box.Messages == 0 {
		return nil
	}
	if d.box.UIDNext != 0 && d.box.UIDNext <= t.uidNext { // so it says
		if last, err := d.box.LargestUID(d.ctx); err != nil || last < t.uidNext {
			return err
		}
	}
	return d.readRange(t, t.uidNext, 0)
}

// readRange takes the messages with UIDs from from to to, 0 being the last, that
// are not of this run.
func (d *desk) readRange(t *target, from, to uint64) error {
	next := t.uidNext
	err := keys.Each(d.ctx, d.box, from, to, d.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case m.UID < from: // UID n:* gives the last message also when it is below n
			return nil
		case t.recent.uids[m.UID]:
			return nil
		case id == nil:
			t.unknown(m.UID, m.State, m.Text)
			return nil
		}
		next = max(next, m.UID+1)
		if t.ours[id.Key] > 0 {
			t.ours[id.Key]--
			return nil
		}
		n := &newcomer{uid: m.UID, date: batch.Seconds(m.InternalDate), size: m.Size}
		if appended, first := t.recent.earlier(id.Key, m.UID); appended {
			t.twice = append(t.twice, n)
			t.later = t.later || first
		}
		t.newer[id.Key] = append(t.newer[id.Key], n)
		return nil
	})
	t.uidNext = next
	return err
}

// unknown takes note of a message that came since the plan was made and could
// not be read. It may be one of the plan, which would be appended again.
func (t *target) unknown(uid uint64, state imapconn.State, text string) {
	if state == imapconn.Expunged || t.refused != nil {
		return
	}
	t.refused = fmt.Errorf("message %d came to it since the plan was made, or is one of the plan, and cannot be read: %s", uid, cmp.Or(text, "the server gives no reason"))
}
