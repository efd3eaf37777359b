package limit

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// keepAlive is how often a wait lets the connection be kept.
const keepAlive = time.Minute

// Pacer keeps the messages of a run below rates, all of them at once. What goes
// is paid for afterwards, so that a message larger than what is free makes the
// next one wait and need not be cut. The nil Pacer holds nothing back. It is safe
// for concurrent use.
type Pacer struct {
	bounds []bound

	mu     sync.Mutex
	octets int64 // that have gone
}

// bound is a rate and what is free of it: a second's worth at most, and less
// than nothing after a large message.
type bound struct {
	Rate
	free *rate.Limiter
}

// NewPacer makes a Pacer of rates; nil for none.
func NewPacer(rates []Rate) *Pacer {
	if len(rates) == 0 {
		return nil
	}
	p := &Pacer{}
	for _, r := range rates {
		burst := int(min(max(1, math.Ceil(r.Second)), math.MaxInt32))
		p.bounds = append(p.bounds, bound{r, rate.NewLimiter(rate.Limit(r.Second), burst)})
	}
	return p
}

// Wait waits until the next message may go. Once a minute it calls idle. The
// end of ctx ends it at once; its cause is the error.
func (p *Pacer) Wait(ctx context.Context, idle func()) error {
	for {
		rest := p.rest(time.Now())
		if rest <= 0 {
			return nil
		}
		timer := time.NewTimer(min(rest, keepAlive))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		if rest > keepAlive {
			idle()
		}
	}
}

// rest is how long the slowest of the rates has the next message wait.
func (p *Pacer) rest(now time.Time) (longest time.Duration) {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.bounds {
		if p.octets >= b.After {
			short := 1 - b.free.TokensAt(now) // one message, or any octet
			longest = max(longest, time.Duration(math.Ceil(short/b.Second*float64(time.Second))))
		}
	}
	return longest
}

// Fit returns how many of n messages may go at once, at least 1; size tells the
// octets of each.
func (p *Pacer) Fit(n int, size func(i int) int64) int {
	if p == nil {
		return n
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, b := range p.bounds {
		if p.octets >= b.After {
			n = b.fit(n, size, b.free.TokensAt(now))
		} else {
			n = upTo(n, size, b.After-p.octets)
		}
	}
	return n
}

func (b *bound) fit(n int, size func(i int) int64, free float64) int {
	if !b.Octets {
		return max(1, min(n, int(free)))
	}
	return upTo(n, size, int64(free))
}

// upTo returns how many messages are within so many octets, at least 1.
func upTo(n int, size func(i int) int64, octets int64) int {
	for i := range n {
		if octets -= size(i); octets < 0 {
			return max(1, i)
		}
	}
	return n
}

// Spend counts what goes. A message that goes in pieces is counted with the
// first of them.
func (p *Pacer) Spend(messages int, octets int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, b := range p.bounds {
		if p.octets >= b.After {
			b.spend(now, messages, octets)
		}
	}
	p.octets += octets
}

// spend takes more than is free, into debt, where need be; the library takes no
// more than a burst at a time.
func (b *bound) spend(now time.Time, messages int, octets int64) {
	n := messages
	if b.Octets {
		n = int(min(octets, math.MaxInt32))
	}
	burst := b.free.Burst()
	b.free.SetBurstAt(now, max(n, burst))
	b.free.ReserveN(now, n)
	b.free.SetBurstAt(now, burst)
}
