package push

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
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

// concurrent is what a run knows of others that carry out the same plan.
type concurrent struct {
	begins  bool          // nothing was sent yet
	probes  bool          // the next batch is one message
	resumed bool          // resumePause is over
	yields  bool          // the other one goes first
	between time.Duration // the longest time between two batches of the other one
	doubled int64         // messages of this run that are seen to be there twice, or may be
}

// others takes those of the messages as present that others have put into the
// folder meanwhile, and returns the rest. It waits while another run that goes
// first is at work.
func (p *pusher) others(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	if p.opt.Unconditional {
		return rest, nil
	}
	var err error
	if t.Arrivals.Stale() {
		err = t.Arrivals.News(p.session, true)
	}
	if err == nil {
		rest, err = p.found(t, rest, receipt.Present)
	}
	if err != nil {
		return rest, t.Refuse(err)
	}
	began := time.Now()
	pause := max(yieldPause, 2*p.slowest, 2*p.between)
	pause += rand.N(pause)
	for p.yields && len(rest) > 0 && t.Refused == nil {
		if time.Since(began) > pause {
			p.yields, p.probes = false, true
			break
		}
		if err := p.opt.sleep(p.ctx, yieldPoll); err != nil {
			return rest, err
		}
		before := len(rest)
		if rest, err = p.newcomers(t, rest); err != nil {
			return rest, err
		}
		if len(rest) < before {
			p.between = max(p.between, time.Since(began))
			began = time.Now()
		}
	}
	return rest, nil
}

// newcomers asks the server what has come to the folder, and takes what is of
// the plan as present.
func (p *pusher) newcomers(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	if err := t.Arrivals.News(p.session, true); err != nil {
		return rest, t.Refuse(err)
	}
	return p.found(t, rest, receipt.Present)
}

// resume is for a run that has found messages of its plan at the destination:
// another one may be appending them.
func (p *pusher) resume(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	if p.resumed || p.opt.Unconditional || len(rest) == 0 {
		return rest, nil
	}
	p.resumed = true
	if err := p.opt.sleep(p.ctx, resumePause); err != nil {
		return rest, err
	}
	before := len(rest)
	rest, err := p.newcomers(t, rest)
	p.yields = p.yields || len(rest) < before
	return rest, err
}

// appended looks at what came to the folder beside the batch that was just sent.
func (p *pusher) appended(t *destination.Folder) error {
	p.begins, p.probes = false, false
	if p.opt.Unconditional || t.Refused != nil {
		return nil
	}
	if err := t.Arrivals.News(p.session, false); err != nil {
		return t.Refuse(err)
	}
	t.Arrivals.EndBatch()
	if t.Arrivals.Doubled() > 0 {
		p.warnOnce(fmt.Sprintf("another run carries out the same plan: messages are twice in %q; imap-diff --duplicates lists them", t.Name))
	}
	p.yields = t.Arrivals.CameFirst() || p.yields
	return nil
}
