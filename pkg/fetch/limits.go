package fetch

import (
	"context"
	"sync"

	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// limits bound what a run reads, whoever reads it. It is safe for concurrent use.
type limits struct {
	pacer *limit.Pacer
	bound int64 // octets of all messages; 0: none

	mu     sync.Mutex
	budget limit.Budget
}

func newLimits(l limit.Limits) *limits {
	return &limits{pacer: limit.NewPacer(l.Rates), bound: l.Octets, budget: limit.NewBudget(l.Octets)}
}

// fitsNever reports whether a message of this size is above the bound by itself.
func (l *limits) fitsNever(size int64) bool { return l.bound > 0 && size > l.bound }

// allow waits until a message may be fetched, and returns how many of wants may
// be by one command. The error is a *limit.ReachedError if not even the first
// fits the octets that are left. keep is called now and then.
func (l *limits) allow(ctx context.Context, wants []want, keep func(context.Context)) (int, error) {
	n := l.fitting(wants)
	if n == 0 {
		return 0, limit.OctetsReached(l.bound)
	}
	if err := l.wait(ctx, keep); err != nil {
		return 0, err
	}
	return l.pacer.Fit(n, func(i int) int64 { return max(wants[i].size, 0) }), nil
}

// wait waits until the rates allow the next message or piece of one.
func (l *limits) wait(ctx context.Context, keep func(context.Context)) error {
	return l.pacer.Wait(ctx, func() { keep(ctx) })
}

// count counts what was read against the rates.
func (l *limits) count(messages int, octets int64) { l.pacer.Spend(messages, octets) }

// fitting returns how many of wants fit the octets that are left.
func (l *limits) fitting(wants []want) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	octets := int64(0)
	for n < len(wants) && l.budget.Fits(octets+max(wants[n].size, 0)) {
		octets += max(wants[n].size, 0)
		n++
	}
	return n
}

// spend holds the true sizes of messages against the bound: what the server says
// of sizes may be wrong. It cuts the batch before the message that is too much.
func (l *limits) spend(b *batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.items {
		it := &b.items[i]
		if !it.hasOctets() {
			continue
		}
		if !l.budget.Fits(it.size) {
			b.items = b.items[:i]
			return limit.OctetsReached(l.bound)
		}
		l.budget.Spend(it.size)
	}
	return nil
}

// refuse makes the item one that no run with this bound can have, if it is larger.
func (l *limits) refuse(it *item) (refused bool) {
	if !l.fitsNever(it.size) {
		return false
	}
	it.fail(stream.ReasonTooLarge, l.budget.TooLarge(it.size))
	return true
}
