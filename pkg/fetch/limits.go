package fetch

import (
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// may waits until a message may be fetched, and returns how many of wants may
// be by one command. The error is a *limit.ReachedError if not even the first
// fits the octets that are left.
func (s *source) may(wants []want) (int, error) {
	n, octets := 0, int64(0)
	for n < len(wants) && s.budget.Fits(octets+max(wants[n].size, 0)) {
		octets += max(wants[n].size, 0)
		n++
	}
	if n == 0 {
		return 0, limit.OctetsReached(s.opt.Limits.Octets)
	}
	if err := s.pacer.Wait(s.ctx, s.keep); err != nil {
		return 0, err
	}
	return s.pacer.Fit(n, func(i int) int64 { return max(wants[i].size, 0) }), nil
}

// spend holds the true sizes of what one window gave against the limits: what
// the server says of sizes may be wrong. It cuts the window before the message
// that is too much, and returns how many wants it is done with.
func (s *source) spend(b *batch, wants []want, done int) (int, error) {
	messages, octets := 0, int64(0)
	defer func() { s.pacer.Spend(messages, octets) }()
	for i := range b.items {
		it := &b.items[i]
		if it.kind != itemMessage {
			continue
		}
		messages++
		octets += it.size
		switch {
		case s.budget.FitsNever(it.size):
			it.tooLarge(&s.budget)
		case !s.budget.Fits(it.size):
			done = find(wants, it.uid)
			b.items = b.items[:i]
			return done, limit.OctetsReached(s.opt.Limits.Octets)
		default:
			s.budget.Spend(it.size)
		}
	}
	return done, nil
}

// spendLarge is spend for a message that is read in pieces, each of which is
// paid for as it comes. done means that the batch was handed over.
func (s *source) spendLarge(b *batch, it *item) (done bool, err error) {
	s.pacer.Spend(1, 0)
	switch {
	case s.budget.FitsNever(it.size):
		it.tooLarge(&s.budget)
		b.items = append(b.items, *it)
		return true, s.give(b)
	case !s.budget.Fits(it.size):
		if err := s.give(b); err != nil {
			return true, err
		}
		return true, limit.OctetsReached(s.opt.Limits.Octets)
	}
	s.budget.Spend(it.size)
	return false, nil
}

// tooLarge makes the item one that no run with this bound can have.
func (it *item) tooLarge(budget *limit.Budget) {
	it.kind, it.reason, it.text = itemFailed, stream.ReasonTooLarge, budget.TooLarge(it.size)
}

// leave gives up a message that is too large, by the server's word.
func (s *source) leave(w want) error {
	b, err := s.take()
	if err != nil {
		return err
	}
	it := item{base: w.base, uid: w.uid, size: w.size}
	it.tooLarge(&s.budget)
	b.items = append(b.items, it)
	return s.give(b)
}
