package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// deletionBatch is how many messages are deleted at a time: an interrupt and a
// lost connection wait for one batch.
const deletionBatch = 500

// deletions are the messages to be deleted, aside until all of the plan has
// been read and every one of them was looked at.
type deletions struct {
	spool *stream.Spool // nil: there are none. Each begin is followed by its deletes
	begin *stream.Begin // of the last that was added
	left  int64         // that have no receipt yet
	told  []uint64      // one bit for each place in the spool: it has its receipt
}

// add puts a message aside.
func (d *deletions) add(begin *stream.Begin, r *stream.Delete) (err error) {
	if d.spool == nil {
		if d.spool, err = stream.NewSpool(); err != nil {
			return err
		}
	}
	if d.begin != begin {
		d.begin = begin
		if err := d.spool.Add(begin); err != nil {
			return err
		}
	}
	d.left++
	return d.spool.Add(r)
}

func (d *deletions) close() {
	if d.spool != nil {
		d.spool.Close()
		d.spool = nil
	}
}

// hasReceipt tells whether the message at a place was answered for.
func (d *deletions) hasReceipt(place int) bool {
	return place/64 < len(d.told) && d.told[place/64]&(1<<(place%64)) != 0
}

func (d *deletions) tell(place int) {
	for place/64 >= len(d.told) {
		d.told = append(d.told, 0)
	}
	d.told[place/64] |= 1 << (place % 64)
	d.left--
}

// deletion is a message that is to be deleted, and what speaks against it.
type deletion struct {
	stream.Delete
	place  int
	gone   bool   // it is not there any more
	reason string // why it stays, or ""
	text   string
}

// stays says why a message is not to be deleted.
func (c *deletion) stays(reason, text string) { c.reason, c.text = reason, text }

// group is what is deleted at once: messages of one folder and one plan.
type group struct {
	begin    *stream.Begin
	target   string
	validity uint64
	members  []*deletion
}

// groups calls fn for those that have no receipt yet, in the order of the plan.
func (d *deletions) groups(fn func(*group) error) error {
	g := &group{}
	give := func() error {
		if len(g.members) == 0 {
			return nil
		}
		err := fn(g)
		g = &group{begin: g.begin}
		return err
	}
	for place := range d.spool.Len() {
		if d.hasReceipt(place) {
			continue
		}
		record, err := d.spool.At(place)
		if err != nil {
			return err
		}
		switch r := record.(type) {
		case *stream.Begin:
			if err := give(); err != nil {
				return err
			}
			g.begin = r
		case *stream.Delete:
			if len(g.members) == deletionBatch || r.Target != g.target || r.TargetUIDValidity != g.validity {
				if err := give(); err != nil {
					return err
				}
				g.target, g.validity = r.Target, r.TargetUIDValidity
			}
			g.members = append(g.members, &deletion{Delete: *r, place: place})
		}
	}
	return give()
}

// answerDeletion writes the receipt of one message.
func (p *pusher) answerDeletion(c *deletion, result receipt.Result) error {
	p.deletions.tell(c.place)
	x := receipt.Receipt{Result: result, Target: c.Target, TargetUIDValidity: jsonnum.Uint64(c.TargetUIDValidity), TargetUID: jsonnum.Uint64(c.TargetUID), Key: c.Key, Reason: c.reason, Text: c.text}
	switch result {
	case receipt.Deleted:
		p.receipts.Sums.Deleted++
	case receipt.Expunged:
	default:
		if c.reason != "dry-run" {
			p.kept++
		}
	}
	return p.receipts.Put(x)
}

// keepAll answers for all messages that have no receipt yet: they stay.
func (p *pusher) keepAll(reason, text string) error {
	if p.deletions.spool == nil {
		return nil
	}
	err := p.deletions.groups(func(g *group) error {
		for _, c := range g.members {
			c.stays(reason, text)
			if err := p.answerDeletion(c, receipt.Skipped); err != nil {
				return err
			}
		}
		return p.receipts.Flush()
	})
	p.deletions.close()
	return err
}
