package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// restraint is what bounds a run.
type restraint struct {
	limit.Limits
	pacer    *limit.Pacer
	budget   limit.Budget
	refusals int64
	halt     error // a bound was reached: nothing more is tried
}

func newRestraint(limits limit.Limits) restraint {
	return restraint{Limits: limits, pacer: limit.NewPacer(limits.Rates), budget: limit.NewBudget(limits.Octets)}
}

// giveUp counts messages that cannot be carried over.
func (r *restraint) giveUp(n int) {
	if r.refusals += int64(n); r.Errors > 0 && r.refusals >= r.Errors && r.halt == nil {
		r.halt = limit.ErrorsReached(r.refusals)
	}
}

// pause waits until the rates let a message go, so that what is looked at after
// it is fresh when the message goes.
func (p *pusher) pause(m *batch.Message) error {
	if r := &p.restraint; r.halt != nil || !r.budget.Fits(m.Size) {
		return nil
	}
	return p.pacer.Wait(p.ctx, p.session.Keep)
}

// may waits until a message may go, and returns how many of the n first of rest
// may. None may where the limits are reached, or where not even the first fits.
func (p *pusher) may(rest []*batch.Message, n int) (int, error) {
	r := &p.restraint
	if r.halt != nil || r.budget.FitsNever(rest[0].Size) {
		return 0, nil
	}
	if r.Errors > 0 && r.refusals > 0 {
		n = min(n, int(r.Errors-r.refusals)) // what is on its way cannot be stopped
	}
	fits, octets := 0, int64(0)
	for fits < n && r.budget.Fits(octets+rest[fits].Size) {
		octets += rest[fits].Size
		fits++
	}
	if fits == 0 {
		r.halt = limit.OctetsReached(r.Octets)
		return 0, nil
	}
	if err := r.pacer.Wait(p.ctx, p.session.Keep); err != nil {
		return 0, err
	}
	n, octets = r.pacer.Fit(fits, func(i int) int64 { return rest[i].Size }), 0
	for _, m := range rest[:n] {
		octets += m.Size
	}
	r.budget.Spend(octets)
	r.pacer.Spend(n, octets)
	return n, nil
}

// leave writes the receipts of messages that the limits leave out, and returns
// the others: all but the first may fit where that never can.
func (p *pusher) leave(rest []*batch.Message) ([]*batch.Message, error) {
	if p.halt == nil {
		first := rest[0]
		return rest[1:], p.refuseAll(rest[:1], receipt.Skipped, "too-large", p.budget.TooLarge(first.Size))
	}
	return nil, p.refuseAll(rest, receipt.Skipped, "limit", p.halt.Error())
}

// warnOnce keeps what is true of every folder from being said of each.
func (p *pusher) warnOnce(message string) {
	if !p.warned[message] {
		p.warned[message] = true
		p.opt.Warn("%s", message)
	}
}
