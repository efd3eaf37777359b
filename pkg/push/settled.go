package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// Some servers give a folder its UIDVALIDITY when it is selected for the first
// time, and another one at each look before that. A plan for such a folder
// names a UIDVALIDITY that never comes again, and UIDs that may be others now.

// toldBefore returns the UIDVALIDITY that STATUS tells of a folder that is about
// to be selected, 0 if nobody needs to know.
func (d *desk) toldBefore(t *target) (uint64, error) {
	box, listed := d.boxes[t.name]
	if !listed || t.validity == 0 || t.next <= 1 {
		return 0, nil
	}
	return d.session.Settling(d.ctx, box, t.validity)
}

// settled reports whether SELECT has given the folder its UIDVALIDITY just now:
// it showed another before, and shows this one since. A folder that was replaced
// has had its own before.
func (d *desk) settled(t *target, told uint64) (bool, error) {
	if !t.replaced(d.box) || told == 0 || told == d.box.UIDValidity {
		return false, nil
	}
	now, err := d.box.Told(d.ctx)
	return err == nil && now.UIDValidity == d.box.UIDValidity, err
}

// lookAnew reads the keys of all that a folder holds which settled. Which of it
// imap-diff has seen cannot be told by UIDs: what has a key of these is in doubt,
// and all else is not there.
func (d *desk) lookAnew(t *target) error {
	t.uidNext = 1
	if err := d.look(t); err != nil {
		return err
	}
	t.unclear = make(map[string]bool, len(t.newer))
	for key := range t.newer {
		t.unclear[key] = true
	}
	clear(t.newer)
	return nil
}

// unclear answers for the messages of which a settled folder holds the key, and
// returns the others.
func (p *pusher) unclear(t *target, ms []*batch.Message) (rest []*batch.Message, err error) {
	for i, m := range ms {
		if t.unclear[m.Key] || t.unclear[m.Source().Key] {
			err = p.refuseAll(ms[i:i+1], receipt.Failed, "in-doubt", "the server has given the folder its UIDVALIDITY just now, and a message of the same key is there: run the same pipeline again")
		} else {
			rest = append(rest, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}
