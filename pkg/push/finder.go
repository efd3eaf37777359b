package push

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
)

// Another imap-push may carry out the same plan at the same time. So what comes
// to a folder while this run fills it is read before the next batch goes, and
// what is a message of the plan is present. It costs nothing as long as the
// server reports (EXISTS, APPENDUID) just what this run has appended.
//
// Two batches that are on their way at the same time cannot see each other. So
// the first batch of a run is small. A run that finds its own messages twice
// lets the other one go first: it waits until the folder rests, and sends one
// message then before it sends more.

const (
	// resumePause is how long a run waits that finds messages of its plan at the
	// destination: whoever put them there may still be at work.
	resumePause = time.Second
	// yieldPoll is how often a run looks that lets another one go first, and
	// yieldPause how long the folder must have rested at least. As much again, at
	// random, keeps two such runs apart.
	yieldPoll  = 200 * time.Millisecond
	yieldPause = 1500 * time.Millisecond
)

// otherRuns is what a run knows of others that carry out the same plan.
type otherRuns struct {
	begins  bool          // nothing was sent yet
	probes  bool          // the next batch is one message
	resumed bool          // resumePause is over
	yields  bool          // the other one goes first
	between time.Duration // the longest time between two batches of the other one
}

// finder finds messages of the plan that have come to a folder, over one connection.
type finder struct {
	ctx     context.Context
	session *destination.Session
	answers *answers
	others  *otherRuns
	sleep   func(context.Context, time.Duration) error
	ignore  bool // other runs: a stream that is no plan is appended whatever is there
}

// found writes receipts for the messages that have come to the folder since the plan
// was made, and returns the others.
func (f *finder) found(t *destination.Folder, ms []*batch.Message) (rest []*batch.Message, err error) {
	claims, err := t.Arrivals.Claims(f.session, ms)
	if err != nil {
		return ms, err
	}
	for i, m := range ms {
		if claims[i] == nil {
			rest = append(rest, m)
		} else if err := f.answers.present(t, m, claims[i].UID); err != nil {
			return nil, err
		}
	}
	return rest, f.answers.receipts.Flush()
}

// foundNow is found after the server was asked what has come to the folder.
func (f *finder) foundNow(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	if err := t.Arrivals.News(f.session, true); err != nil {
		return rest, t.Refuse(err)
	}
	return f.found(t, rest)
}

// ofOthers is found for what other runs have appended meanwhile. It waits while
// another run that goes first is at work.
func (f *finder) ofOthers(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	o := f.others
	if f.ignore {
		return rest, nil
	}
	var err error
	if t.Arrivals.Stale() {
		err = t.Arrivals.News(f.session, true)
	}
	if err == nil {
		rest, err = f.found(t, rest)
	}
	if err != nil {
		return rest, t.Refuse(err)
	}
	began := time.Now()
	pause := max(yieldPause, 2*f.answers.server.slowest, 2*o.between)
	pause += rand.N(pause)
	for o.yields && len(rest) > 0 && t.Refused == nil {
		if time.Since(began) > pause {
			o.yields, o.probes = false, true
			break
		}
		if err := f.sleep(f.ctx, yieldPoll); err != nil {
			return rest, err
		}
		before := len(rest)
		if rest, err = f.foundNow(t, rest); err != nil {
			return rest, err
		}
		if len(rest) < before {
			o.between = max(o.between, time.Since(began))
			began = time.Now()
		}
	}
	return rest, nil
}

// resume is for a run that has found messages of its plan at the destination:
// another one may be appending them.
func (f *finder) resume(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	o := f.others
	if o.resumed || f.ignore || len(rest) == 0 {
		return rest, nil
	}
	o.resumed = true
	if err := f.sleep(f.ctx, resumePause); err != nil {
		return rest, err
	}
	before := len(rest)
	rest, err := f.foundNow(t, rest)
	o.yields = o.yields || len(rest) < before
	return rest, err
}

// lookBeside looks at what came to the folder beside the batch that was just sent.
func (f *finder) lookBeside(b *attempt) error {
	t := b.target
	o := f.others
	o.begins, o.probes = false, false
	if f.ignore || t.Refused != nil {
		return nil
	}
	if err := t.Arrivals.News(f.session, false); err != nil {
		return t.Refuse(err)
	}
	t.Arrivals.EndBatch()
	if t.Arrivals.Doubled() > 0 {
		f.answers.warnOnce("%v", fault.Errorf(fault.None, "another run carries out the same plan: messages are twice in %q",
			t.Name).Because(ErrDoubled))
	}
	o.yields = t.Arrivals.CameFirst() || o.yields
	return nil
}
