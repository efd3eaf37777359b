package push

import (
	"context"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A batch whose client has died may still be stored: a server was seen to do so
// half a second later. Nothing tells how long it may take, so the pause between
// two looks grows with what is in doubt and with the server's own pace.
const (
	messagePause = 1100 * time.Millisecond // for one message
	batchPause   = 2 * time.Second         // for several
	octetPause   = time.Microsecond        // for each octet, of a slow server
	longestPause = time.Minute
	// doubtLooks is how often the folder is looked at while it moves.
	doubtLooks = 6
)

// patience is the pause between two looks for messages whose answer was lost.
func (p *pusher) patience(ms []*message) time.Duration {
	pause := messagePause
	if len(ms) > 1 {
		pause = batchPause
	}
	octets := int64(0)
	for _, m := range ms {
		octets += m.Size
	}
	return min(max(pause, time.Duration(octets)*octetPause, 2*p.slowest), longestPause)
}

// sight is what two looks must agree on.
type sight struct {
	missing           int
	messages, uidNext uint32
}

// settle finds out which messages the server stored though its answer was
// lost, and returns the others. That a message is not there counts only when
// two looks agree on it, and on all that can be seen of the folder.
func (p *pusher) settle(t *target, ms []*message) ([]*message, error) {
	pause := p.patience(ms)
	var before sight
	for n := range doubtLooks {
		if n > 0 {
			if err := p.opt.sleep(p.desk.ctx, pause); err != nil {
				return nil, err
			}
		}
		var err error
		if ms, err = p.look(t, ms); err != nil || len(ms) == 0 || t.refused != nil {
			return ms, err
		}
		now := sight{len(ms), p.desk.box.Messages, p.desk.box.UIDNext}
		if n > 0 && now == before {
			break
		}
		before = now
	}
	t.resend(ms)
	return ms, nil
}

// look reads what has come to the folder anew, on whatever connection there
// is, and returns the messages that are not there.
func (p *pusher) look(t *target, ms []*message) ([]*message, error) {
	p.desk.open = nil
	if err := p.desk.look(t); err != nil || t.refused != nil {
		return ms, err
	}
	return p.found(t, ms, receipt.Appended)
}

// doubt is what a late batch would be known by: messages from a UID on that
// have the keys of some that were sent again, and are none that we know of.
type doubt struct {
	from  uint32
	keys  map[string]bool
	ours  map[uint32]bool
	blind bool // the server does not tell the UIDs of ours
}

// resend notes that messages will be sent again that may come yet.
func (t *target) resend(ms []*message) {
	if t.doubt == nil {
		t.doubt = &doubt{from: t.uidNext, keys: map[string]bool{}, ours: map[uint32]bool{}}
	}
	for _, m := range ms {
		t.doubt.keys[m.Key] = true
	}
}

// stored notes a message that belongs there.
func (t *target) stored(uid uint32) {
	if t.doubt != nil {
		t.doubt.ours[uid] = true
		t.doubt.blind = t.doubt.blind || uid == 0
	}
}

// suspect looks, at the end of the run, for batches that came late after all:
// what was sent again is there twice then, and the user is told.
func (p *pusher) suspect() {
	for _, t := range p.desk.targets {
		if t.doubt == nil || t.doubt.blind || t.refused != nil {
			continue
		}
		if n, err := p.desk.strangers(t); err == nil && n > 0 {
			p.opt.Warn("suspected duplicates: %d messages may be twice in %q, for the server stored them long after the connection was lost; imap-diff --report lists them as extra", n, t.name)
		}
	}
}

// strangers counts the messages that look like some of ours that were sent
// again, and are not ours.
func (d *desk) strangers(t *target) (n int, err error) {
	if err := d.selectBox(t); err != nil {
		return 0, err
	}
	err = keys.Each(d.ctx, d.box, t.doubt.from, 0, d.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		if m.UID >= t.doubt.from && id != nil && t.doubt.keys[id.Key] && !t.doubt.ours[m.UID] {
			n++
		}
		return nil
	})
	return n, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
