package push

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
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
	// newsAge is how old the server's last word on a folder may be when a batch
	// goes.
	newsAge = time.Second
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

// recent is what a run has appended to a folder of late.
type recent struct {
	keys, before map[string]uint64 // lowest UID by key, 0: unknown; and those of the batch before
	uids         map[uint64]bool
}

func (r *recent) add(key string, uid uint64) {
	if r.keys == nil {
		r.keys, r.uids = map[string]uint64{}, map[uint64]bool{}
	}
	if _, known := r.keys[key]; !known {
		r.keys[key] = uid
	}
	if uid != 0 {
		r.uids[uid] = true
	}
}

// next forgets the batch before the last.
func (r *recent) next() { r.before, r.keys, r.uids = r.keys, nil, nil }

// earlier reports whether a message of that key has been appended, and whether
// the one with the given UID was there first, or may have been.
func (r *recent) earlier(key string, uid uint64) (appended, first bool) {
	own, appended := r.keys[key]
	if !appended {
		own, appended = r.before[key]
	}
	return appended, appended && (own == 0 || uid < own)
}

// account notes a message that this run has appended; uid is 0 if the server
// does not tell.
func (t *target) account(key string, uid uint64) {
	t.expected++
	t.recent.add(key, uid)
	if uid == 0 {
		t.blind = true
		if t.ours == nil {
			t.ours = map[string]int{}
		}
		t.ours[key]++
		return
	}
	if uid > t.uidNext { // others may be in between
		if t.gapFrom == 0 {
			t.gapFrom = t.uidNext
		}
		t.gapTo = uid - 1
	}
	t.uidNext = max(t.uidNext, uid+1)
}

// quiet reports whether a folder holds just what this run knows of: the server
// is asked if it has not said so by itself.
func (d *desk) quiet(t *target, ask bool) (bool, error) {
	if d.open != t {
		return false, d.selectBox(t)
	}
	same := func() bool {
		messages, expunged, ok := d.box.Count()
		return ok && messages == t.expected && expunged == t.expunged && t.gapFrom == 0
	}
	if same() && !t.blind && !ask {
		return true, nil
	}
	if err := d.box.Poll(d.ctx); err != nil {
		return false, err
	}
	return same(), nil
}

// news reads what others have put into a folder.
func (d *desk) news(t *target, ask bool) error {
	t.newsAt = time.Now()
	quiet, err := d.quiet(t, ask)
	if err != nil || quiet {
		return err
	}
	if t.expected, t.expunged, _ = d.box.Count(); t.gapFrom != 0 {
		if err := d.readRange(t, t.gapFrom, t.gapTo); err != nil {
			return err
		}
	}
	t.gapFrom, t.gapTo, t.blind = 0, 0, false
	return d.readRange(t, t.uidNext, 0)
}

// others takes those of the messages as present that others have put into the
// folder meanwhile, and returns the rest. It waits while another run that goes
// first is at work.
func (p *pusher) others(t *target, rest []*batch.Message) ([]*batch.Message, error) {
	if p.opt.Unconditional {
		return rest, nil
	}
	var err error
	if time.Since(t.newsAt) > newsAge {
		err = p.desk.news(t, true)
	}
	if err == nil {
		rest, err = p.found(t, rest, receipt.Present)
	}
	if err != nil {
		return rest, t.refuse(err)
	}
	began := time.Now()
	pause := max(yieldPause, 2*p.slowest, 2*p.between)
	pause += rand.N(pause)
	for p.yields && len(rest) > 0 && t.refused == nil {
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
func (p *pusher) newcomers(t *target, rest []*batch.Message) ([]*batch.Message, error) {
	if err := p.desk.news(t, true); err != nil {
		return rest, t.refuse(err)
	}
	return p.found(t, rest, receipt.Present)
}

// resume is for a run that has found messages of its plan at the destination:
// another one may be appending them.
func (p *pusher) resume(t *target, rest []*batch.Message) ([]*batch.Message, error) {
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

// doubled counts what is there twice: others have put it there, and it is no
// other message of the plan.
func (t *target) doubled() (n int) {
	for _, x := range t.twice {
		if x.free() {
			n++
		}
	}
	return n
}

// appended looks at what came to the folder beside the batch that was just sent.
func (p *pusher) appended(t *target) error {
	p.begins, p.probes = false, false
	if p.opt.Unconditional || t.refused != nil {
		return nil
	}
	if err := p.desk.news(t, false); err != nil {
		return t.refuse(err)
	}
	t.recent.next()
	if t.doubled() > 0 {
		p.warnOnce(fmt.Sprintf("another run carries out the same plan: messages are twice in %q; imap-diff --duplicates lists them", t.name))
	}
	p.yields = p.yields || t.later
	t.later = false
	return nil
}
