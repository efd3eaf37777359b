package push

import (
	"context"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
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
	doubts map[*destination.Folder]*doubt
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
func (p *pusher) resolve(t *destination.Folder, ms []*batch.Message, why outcome) ([]*batch.Message, error) {
	pause := p.patience(ms)
	stored := setflags.Sent{}
	var before sight
	for n := range doubtLooks {
		if n > 0 {
			if err := p.opt.sleep(p.session.Ctx, pause); err != nil {
				return ms, err
			}
		}
		next := t.Arrivals.UIDNext()
		var err error
		if ms, err = p.look(t, ms, stored); err != nil {
			return ms, err
		}
		now := sight{len(ms), p.session.Box.Messages, p.session.Box.UIDNext}
		agree := n > 0 && now == before
		if why == refusal && n > 0 {
			p.refusals.late = p.refusals.late || now.missing < before.missing
		}
		if len(ms) == 0 || t.Refused != nil || agree || why == refusal && t.Arrivals.UIDNext() == next && p.refusals.believed() {
			if agree && why == refusal {
				p.refusals.proven++
			}
			break
		}
		before = now
	}
	if len(ms) > 0 && t.Refused == nil {
		p.resend(t, ms)
	}
	_, err := p.keeper.SetMissing(p.session, t, stored)
	return ms, err
}

// look reads what has come to the folder anew, on whatever connection there
// is, and returns the messages that are not there. The others were appended, with
// flags that are to be looked at.
func (p *pusher) look(t *destination.Folder, ms []*batch.Message, stored setflags.Sent) ([]*batch.Message, error) {
	p.session.Leave()
	if err := t.Refuse(t.Arrivals.Look(p.session)); err != nil || t.Refused != nil {
		return ms, err
	}
	claims, err := t.Arrivals.Claims(p.session, ms)
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
func (p *pusher) acknowledge(t *destination.Folder, m *batch.Message, n *destination.Arrival, stored setflags.Sent) error {
	want, dropped := p.keeper.Wanted(t, m)
	if len(want) > 0 {
		stored[n.UID] = &setflags.Flagged{Message: m, Want: want}
	}
	redated := m.InternalDate != "" && n.Date >= 0 && n.Date != m.Date()
	p.accept(t, m, n.UID)
	return p.stored(t, m, receipt.Appended, imapconn.AppendResult{UIDValidity: t.Shown, UID: n.UID, DroppedFlags: dropped, DroppedDate: redated})
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
func (r *refusals) resend(t *destination.Folder, ms []*batch.Message) {
	d := r.doubts[t]
	if d == nil {
		d = &doubt{from: t.Arrivals.UIDNext(), keys: map[string]uint64{}, refused: map[string]int{}, ours: map[uint64]bool{}}
		if r.doubts == nil {
			r.doubts = map[*destination.Folder]*doubt{}
		}
		r.doubts[t] = d
	}
	for _, m := range ms {
		if d.keys[m.Key] == 0 && len(d.keys) < maxDoubts {
			d.keys[m.Key] = t.Arrivals.UIDNext()
		}
	}
}

// stored notes a message that belongs there.
func (d *doubt) stored(key string, uid uint64) {
	if d != nil && d.keys[key] > 0 {
		d.ours[uid] = true
		d.blind = d.blind || uid == 0
	}
}

// rejected notes a message that is reported as refused.
func (d *doubt) rejected(key string) {
	if d != nil && d.keys[key] > 0 {
		d.refused[key]++
	}
}

// suspect looks, at the end of the run, for messages that came late after all:
// what was sent again is there twice then, and the user is told.
func (p *pusher) suspect() {
	for _, t := range p.session.Folders() {
		doubled := t.Arrivals.Doubled()
		p.doubled += int64(doubled)
		d := p.doubts[t]
		if d == nil || d.blind || t.Refused != nil {
			continue
		}
		twice, late, err := strangers(p.session, t, d)
		if err == nil && twice > 0 {
			p.doubled += int64(max(0, twice-doubled))
			p.opt.Warn("suspected duplicates: %s may be twice in %q, for the server stored %s long after the connection was lost, or after it refused %[3]s; imap-diff --report lists %[3]s as extra", text.Count(twice, "message"), t.Name, text.Either(twice, "it", "them"))
		}
		if err == nil && late > 0 {
			p.opt.Warn("messages that the server refused are in %q all the same: %d; the next run finds them present", t.Name, late)
		}
	}
}

// strangers counts the messages that look like some of ours that were sent
// again, and are not ours, and those that were reported as refused.
func strangers(s *destination.Session, t *destination.Folder, d *doubt) (twice, late int, err error) {
	if err := s.Reopen(t); err != nil {
		return 0, 0, err
	}
	err = keys.Each(s.Ctx, s.Box, d.from, 0, s.Recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case id == nil || d.keys[id.Key] == 0 || m.UID < d.keys[id.Key] || d.ours[m.UID]:
		case d.refused[id.Key] > 0:
			d.refused[id.Key]--
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
