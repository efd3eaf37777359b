package push

import (
	"context"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A batch whose client has died may still be stored: a server was seen to do so
// half a second later. Nothing tells how long it may take, so the pause between
// two looks grows with what is in doubt and with the server's own pace.
const (
	messagePause = 1100 * time.Millisecond // for one message
	batchPause   = 2 * time.Second         // for several
	bytePause    = time.Microsecond        // for each byte, of a slow server
	longestPause = time.Minute
	// maxLooks is how often the folder is looked at while it changes.
	maxLooks = 6
	// provenRefusals is how often a second look must agree with a refusal before
	// refusals are believed at the first.
	provenRefusals = 2
	// maxDoubts bounds how many refused messages of a folder are remembered.
	maxDoubts = 10000
)

// serverRecord is what a run has learned of how the server stores messages.
type serverRecord struct {
	taken   batch.Oddity  // it was seen to take such messages
	slowest time.Duration // of the answers to a batch

	proven int  // second looks that agreed with a refusal
	late   bool // what was refused was stored after the first look
	doubts map[*destination.Folder]*doubt
}

// believed reports whether one look is enough after a refusal.
func (s *serverRecord) believed() bool { return !s.late && s.proven >= provenRefusals }

// took notes how long the server took to answer for a batch.
func (s *serverRecord) took(d time.Duration) { s.slowest = max(s.slowest, d) }

// pause is how long to wait between two looks for messages whose answer was lost.
func (s *serverRecord) pause(ms []*batch.Message) time.Duration {
	pause := messagePause
	if len(ms) > 1 {
		pause = batchPause
	}
	return min(max(pause, time.Duration(batch.Total(ms))*bytePause, 2*s.slowest), longestPause)
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
func (s *serverRecord) resend(t *destination.Folder, ms []*batch.Message) {
	uidNext := t.Arrivals.UIDNext()
	d := s.doubts[t]
	if d == nil {
		d = &doubt{from: uidNext, keys: map[string]uint64{}, refused: map[string]int{}, ours: map[uint64]bool{}}
		s.doubts[t] = d
	}
	for _, m := range ms {
		if d.keys[m.Key] == 0 && len(d.keys) < maxDoubts {
			d.keys[m.Key] = uidNext
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

// resolver finds out what became of messages whose outcome is unknown, over one
// connection.
type resolver struct {
	session *destination.Session
	answers *answers
	sleep   func(context.Context, time.Duration) error
}

// sight is what two looks must agree on.
type sight struct {
	missing  int
	messages uint32
	uidNext  uint64
}

// unknown says why the outcome of messages is unknown.
type unknown int

const (
	// unanswered: the answer was lost, or is none that IMAP has. The server may
	// still be at work.
	unanswered unknown = iota
	// refusal: the server says that it has not stored them. Some say so of what
	// they have stored.
	refusal
)

// resolve finds out which of the messages whose outcome is unknown the server has
// stored, writes their receipts, and returns the others. Whatever was sent and not
// answered with OK passes through here before it is sent again, or reported as not
// stored. After a lost answer, that a message is not there counts only when two looks
// agree on it, and on all that can be seen of the folder. After a refusal one look is
// enough, unless the folder has changed: but the first refusals of a run are held to
// two, and all of a server that was seen to store later. The target is refused if it
// cannot be looked at.
func (r *resolver) resolve(b *attempt, ms []*batch.Message, why unknown) ([]*batch.Message, error) {
	t, server := b.target, r.answers.server
	pause := server.pause(ms)
	stored := setflags.Sent{}
	var before sight
	for n := range maxLooks {
		if n > 0 {
			if err := r.sleep(r.session.Ctx, pause); err != nil {
				return ms, err
			}
		}
		next := t.Arrivals.UIDNext()
		var err error
		if ms, err = r.look(b, ms, stored); err != nil {
			return ms, err
		}
		now := sight{len(ms), r.session.Box.Messages, r.session.Box.UIDNext}
		agree := n > 0 && now == before
		if why == refusal && n > 0 {
			server.late = server.late || now.missing < before.missing
		}
		unchanged := why == refusal && t.Arrivals.UIDNext() == next && server.believed()
		if len(ms) == 0 || t.Refused != nil || agree || unchanged {
			if agree && why == refusal {
				server.proven++
			}
			break
		}
		before = now
	}
	if len(ms) > 0 && t.Refused == nil {
		server.resend(t, ms)
	}
	_, err := r.answers.keeper.SetMissing(r.session, t, stored)
	return ms, err
}

// look reads what has come to the folder anew, on whatever connection there is, and
// returns the messages that are not there. The others were appended, with flags that
// are to be looked at.
func (r *resolver) look(b *attempt, ms []*batch.Message, stored setflags.Sent) (rest []*batch.Message, err error) {
	t := b.target
	r.session.Leave()
	if err := t.Refuse(t.Arrivals.Look(r.session)); err != nil || t.Refused != nil {
		return ms, err
	}
	claims, err := t.Arrivals.Claims(r.session, ms)
	if err != nil {
		return ms, err
	}
	for i, m := range ms {
		if claims[i] == nil {
			rest = append(rest, m)
		} else if err := r.acknowledge(b, m, claims[i], stored); err != nil {
			return nil, err
		}
	}
	return rest, r.answers.receipts.Flush()
}

// acknowledge writes the receipt of a message that was found though its APPEND
// was not answered with OK.
func (r *resolver) acknowledge(b *attempt, m *batch.Message, x *destination.Arrival, stored setflags.Sent) error {
	want, dropped := r.answers.keeper.Wanted(b.target, m)
	if len(want) > 0 {
		stored[x.UID] = &setflags.Flagged{Message: m, Want: want}
	}
	redated := m.InternalDate != "" && x.Date >= 0 && x.Date != m.Date()
	return r.answers.appended(b, m, imapconn.AppendResult{
		UIDValidity: b.target.Shown, UID: x.UID, DroppedFlags: dropped, DroppedDate: redated,
	})
}

// findLate looks, at the end of the run, for messages that came late after all, tells
// the user, and returns how many are there twice, or may be.
func (r *resolver) findLate(warn func(format string, args ...any)) (doubled int64) {
	for _, t := range r.session.Folders() {
		known := t.Arrivals.Doubled()
		doubled += int64(known)
		d := r.answers.server.doubts[t]
		if d == nil || d.blind || t.Refused != nil {
			continue
		}
		twice, late, err := r.countLate(t, d)
		if err != nil {
			continue
		}
		if twice > 0 {
			doubled += int64(max(0, twice-known))
			warn("suspected duplicates: %v", fault.Errorf(fault.None, "%s may be twice in %q, for the server stored %s long "+
				"after the connection was lost, or after it refused %[3]s", text.Count(twice, "message"), t.Name,
				text.Either(twice, "it", "them")).Because(ErrLate))
		}
		if late > 0 {
			warn("messages that the server refused are in %q all the same: %d; the next run finds them present",
				t.Name, late)
		}
	}
	return doubled
}

// countLate counts the messages that look like some of ours that were sent again,
// and are not ours, and those that were reported as refused.
func (r *resolver) countLate(t *destination.Folder, d *doubt) (twice, late int, err error) {
	s := r.session
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
