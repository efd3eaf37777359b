package push

import (
	"context"

	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
)

// limiter bounds what a run appends.
type limiter struct {
	limit.Limits
	pacer    *limit.Pacer
	budget   limit.Budget
	refusals int64
	halt     error // a bound was reached: nothing more is tried
}

func newLimiter(limits limit.Limits) *limiter {
	return &limiter{Limits: limits, pacer: limit.NewPacer(limits.Rates), budget: limit.NewBudget(limits.Octets)}
}

// free reports whether nothing but the number of refusals bounds what is sent, and that
// is far.
func (l *limiter) free() bool {
	return l.halt == nil && len(l.Rates) == 0 && l.Octets == 0 && (l.Errors == 0 || l.refusals == 0)
}

// giveUp counts messages that cannot be carried over.
func (l *limiter) giveUp(n int) {
	if l.refusals += int64(n); l.Errors > 0 && l.refusals >= l.Errors && l.halt == nil {
		l.halt = limit.ErrorsReached(l.refusals)
	}
}

// pause waits until the rates let a message go, so that what is looked at after
// it is fresh when the message goes. It calls idle now and then.
func (l *limiter) pause(ctx context.Context, m *batch.Message, idle func()) error {
	if l.halt != nil || !l.budget.Fits(m.Size) {
		return nil
	}
	return l.pacer.Wait(ctx, idle)
}

// allow waits until a message may go, and returns how many of the n first of rest
// may. None may where the limits are reached, or where not even the first fits.
func (l *limiter) allow(ctx context.Context, rest []*batch.Message, n int, idle func()) (int, error) {
	if l.halt != nil || l.budget.FitsNever(rest[0].Size) {
		return 0, nil
	}
	if l.Errors > 0 && l.refusals > 0 {
		n = min(n, int(l.Errors-l.refusals)) // what is on its way cannot be stopped
	}
	fits, size := 0, int64(0)
	for fits < n && l.budget.Fits(size+rest[fits].Size) {
		size += rest[fits].Size
		fits++
	}
	if fits == 0 {
		l.halt = limit.OctetsReached(l.Octets)
		return 0, nil
	}
	if err := l.pacer.Wait(ctx, idle); err != nil {
		return 0, err
	}
	n = l.pacer.Fit(fits, func(i int) int64 { return rest[i].Size })
	size = batch.Total(rest[:n])
	l.budget.Spend(size)
	l.pacer.Spend(n, size)
	return n, nil
}
