package deletion

import (
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// BatchSize is how many messages are deleted at a time: an interrupt and a
// lost connection wait for one batch.
const BatchSize = 500

// plan holds the messages to be deleted, aside until all of the plan has
// been read and every one of them was looked at.
type plan struct {
	spool *stream.Spool // nil: there are none. Each begin is followed by its deletes
	begin *stream.Begin // of the last that was added
	left  int64         // that have no receipt yet
	told  []uint64      // one bit for each place in the spool: it has its receipt
}

// add puts a message aside.
func (p *plan) add(begin *stream.Begin, r *stream.Delete) (err error) {
	if p.spool == nil {
		if p.spool, err = stream.NewSpool(); err != nil {
			return err
		}
	}
	if p.begin != begin {
		p.begin = begin
		if err := p.spool.Add(begin); err != nil {
			return err
		}
	}
	p.left++
	return p.spool.Add(r)
}

func (p *plan) close() {
	if p.spool != nil {
		p.spool.Close()
		p.spool = nil
	}
}

// hasReceipt reports whether the message at a place was answered for.
func (p *plan) hasReceipt(place int) bool {
	return place/64 < len(p.told) && p.told[place/64]&(1<<(place%64)) != 0
}

func (p *plan) answered(place int) {
	for place/64 >= len(p.told) {
		p.told = append(p.told, 0)
	}
	p.told[place/64] |= 1 << (place % 64)
	p.left--
}

// deletion is a message that is to be deleted, and what speaks against it.
type deletion struct {
	stream.Delete
	place    int
	expunged bool   // it is not there any more
	reason   string // why it stays, or ""
	text     string
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
func (p *plan) groups(fn func(*group) error) error {
	g := &group{}
	give := func() error {
		if len(g.members) == 0 {
			return nil
		}
		err := fn(g)
		g = &group{begin: g.begin}
		return err
	}
	for place := range p.spool.Len() {
		if p.hasReceipt(place) {
			continue
		}
		record, err := p.spool.At(place)
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
			if len(g.members) == BatchSize || r.Target != g.target || r.TargetUIDValidity != g.validity {
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
