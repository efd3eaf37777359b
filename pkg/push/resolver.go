package push

import (
	"context"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
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
	// provenRefusals is how often a second look must agree with a refusal before
	// refusals are believed at the first.
	provenRefusals = 2
	// maxDoubts bounds how many refused messages of a folder are remembered.
	maxDoubts = 10000
)

// refusals are what this run knows of the server's refusals.
type refusals struct {
	proven int  // second looks that agreed with one
	late   bool // what was refused was stored after the first look
}

// believed reports whether one look is enough after a refusal.
func (r *refusals) believed() bool { return !r.late && r.proven >= provenRefusals }

// patience is the pause between two looks for messages whose answer was lost.
func (p *pusher) patience(ms []*batch.Message) time.Duration {
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
	missing  int
	messages uint32
	uidNext  uint64
}

// outcome says why it is not known what became of messages.
type outcome int

const (
	// unanswered: the answer was lost, or is none that IMAP has. The server may
	// still be at work.
	unanswered outcome = iota
	// refusal: the server says that it has not stored them. Some say so of what
	// they have stored.
	refusal
)

// resolve finds out which of the messages whose outcome is not known the server
// has stored, writes their receipts, and returns the others. Whatever was sent
// and not answered with OK passes through here before it is sent again, or
// reported as not stored. After a lost answer, that a message is not there counts
// only when two looks agree on it, and on all that can be seen of the folder.
// After a refusal one look is enough, unless the folder has changed: but the first
// refusals of a run are held to two, and all of a server that was seen to store
// later. t is refused if the folder cannot be looked at.
func (p *pusher) resolve(t *target, ms []*batch.Message, why outcome) ([]*batch.Message, error) {
	pause := p.patience(ms)
	stored := sentFlags{}
	var before sight
	for n := range doubtLooks {
		if n > 0 {
			if err := p.opt.sleep(p.desk.ctx, pause); err != nil {
				return ms, err
			}
		}
		next := t.uidNext
		var err error
		if ms, err = p.look(t, ms, stored); err != nil {
			return ms, err
		}
		now := sight{len(ms), p.desk.box.Messages, p.desk.box.UIDNext}
		agree := n > 0 && now == before
		if why == refusal && n > 0 {
			p.refusals.late = p.refusals.late || now.missing < before.missing
		}
		if len(ms) == 0 || t.refused != nil || agree || why == refusal && t.uidNext == next && p.refusals.believed() {
			if agree && why == refusal {
				p.refusals.proven++
			}
			break
		}
		before = now
	}
	if len(ms) > 0 && t.refused == nil {
		t.resend(ms)
	}
	_, err := p.setMissing(t, stored)
	return ms, err
}

// look reads what has come to the folder anew, on whatever connection there
// is, and returns the messages that are not there. The others were appended, with
// flags that are to be looked at.
func (p *pusher) look(t *target, ms []*batch.Message, stored sentFlags) ([]*batch.Message, error) {
	p.desk.open = nil
	if err := t.refuse(p.desk.look(t)); err != nil || t.refused != nil {
		return ms, err
	}
	claims, err := p.desk.claims(t, ms)
	if err != nil {
		return ms, err
	}
	var rest []*batch.Message
	for i, m := range ms {
		if claims[i] == nil {
			rest = append(rest, m)
		} else if err := p.acknowledge(t, m, claims[i], stored); err != nil {
			return nil, err
		}
	}
	return rest, p.receipts.Flush()
}

// acknowledge writes the receipt of a message that was found though its APPEND
// was not answered with OK.
func (p *pusher) acknowledge(t *target, m *batch.Message, n *newcomer, stored sentFlags) error {
	want, dropped := p.wanted(t, m)
	if len(want) > 0 {
		stored[n.uid] = &flagged{m, want}
	}
	redated := m.InternalDate != "" && n.date >= 0 && n.date != m.Date()
	p.accept(t, m, n.uid)
	return p.stored(t, m, receipt.Appended, imapconn.AppendResult{UIDValidity: t.shown, UID: n.uid, DroppedFlags: dropped, DroppedDate: redated})
}

// doubt is what messages would be known by that are stored after all looks:
// they have the key of one that was sent again or reported as refused, a UID at
// or above the UIDNEXT at that time, and are none that we know of.
type doubt struct {
	from    uint64            // the lowest such UID
	keys    map[string]uint64 // the UIDNEXT, by key
	refused map[string]int    // messages that were reported as refused, by key
	ours    map[uint64]bool
	blind   bool // the server does not tell the UIDs of ours
}

// resend notes messages that are not there, and may come yet.
func (t *target) resend(ms []*batch.Message) {
	if t.doubt == nil {
		t.doubt = &doubt{from: t.uidNext, keys: map[string]uint64{}, refused: map[string]int{}, ours: map[uint64]bool{}}
	}
	for _, m := range ms {
		if t.doubt.keys[m.Key] == 0 && len(t.doubt.keys) < maxDoubts {
			t.doubt.keys[m.Key] = t.uidNext
		}
	}
}

// stored notes a message that belongs there.
func (t *target) stored(key string, uid uint64) {
	if t.doubt != nil && t.doubt.keys[key] > 0 {
		t.doubt.ours[uid] = true
		t.doubt.blind = t.doubt.blind || uid == 0
	}
}

// rejected notes a message that is reported as refused.
func (t *target) rejected(key string) {
	if t.doubt != nil && t.doubt.keys[key] > 0 {
		t.doubt.refused[key]++
	}
}

// suspect looks, at the end of the run, for messages that came late after all:
// what was sent again is there twice then, and the user is told.
func (p *pusher) suspect() {
	for _, t := range p.desk.targets {
		doubled := t.doubled()
		p.doubled += int64(doubled)
		if t.doubt == nil || t.doubt.blind || t.refused != nil {
			continue
		}
		twice, late, err := p.desk.strangers(t)
		if err == nil && twice > 0 {
			p.doubled += int64(max(0, twice-doubled))
			p.opt.Warn("suspected duplicates: %s may be twice in %q, for the server stored %s long after the connection was lost, or after it refused %[3]s; imap-diff --report lists %[3]s as extra", text.Count(twice, "message"), t.name, text.Either(twice, "it", "them"))
		}
		if err == nil && late > 0 {
			p.opt.Warn("messages that the server refused are in %q all the same: %d; the next run finds them present", t.name, late)
		}
	}
}

// strangers counts the messages that look like some of ours that were sent
// again, and are not ours, and those that were reported as refused.
func (d *desk) strangers(t *target) (twice, late int, err error) {
	if err := d.selectBox(t); err != nil {
		return 0, 0, err
	}
	err = keys.Each(d.ctx, d.box, t.doubt.from, 0, d.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case id == nil || t.doubt.keys[id.Key] == 0 || m.UID < t.doubt.keys[id.Key] || t.doubt.ours[m.UID]:
		case t.doubt.refused[id.Key] > 0:
			t.doubt.refused[id.Key]--
			late++
		default:
			twice++
		}
		return nil
	})
	return twice, late, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
