package imapconn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
)

// shortAnswer is a body with fewer octets than the server says that it has. It
// is asked for again, then once more on a new connection: in pieces first, unless
// the difference is a little one. What it is then counts: an empty body, or less
// than half, is a Contradiction; anything else is taken for what the message is,
// from a server that counts badly.
type shortAnswer struct {
	uid   uint64
	claim int64 // the largest RFC822.SIZE that was said
	most  int64 // octets of the longest answer
	sum   [sha256.Size]byte
	same  bool // all answers were the same octets
}

// shortBodies holds bodies against the sizes that are known of them.
type shortBodies struct {
	tolerance *sizeTolerance
	listed    func(uid uint64) int64  // Items.Listed
	again     []shortAnswer           // messages whose bodies are to be asked for again
	answered  map[uint64]*shortAnswer // those that are asked for now, by UID; nil the first time
	last      bool                    // they are not asked for again
}

// maxShort is how many messages are asked for again together before it is
// known whether the server counts badly.
const maxShort = 3

// sizeTolerance is what was found of how a server counts.
type sizeTolerance struct {
	confirmed int // messages in a row that stayed a little shorter than their size
}

// believed is how many messages must have stayed short by a little until the
// server is known to count badly, and little differences are believed.
const believed = 3

// accepts reports whether a body may be that short without being asked for
// again: such is the server's habit, and the difference is a little one.
func (h *sizeTolerance) accepts(octets, claim int64) bool {
	return h.confirmed >= believed && isLittle(octets, claim)
}

// stayed notes that a body stayed as it was, and mended that it did not.
func (h *sizeTolerance) stayed(octets, claim int64) {
	if isLittle(octets, claim) {
		h.confirmed++
	}
}

func (h *sizeTolerance) corrected() { h.confirmed = 0 }

// isLittle reports whether a difference is one by which a server that counts line
// ends or estimates may be wrong: a tenth, or 100 octets.
func isLittle(octets, claim int64) bool {
	return octets > 0 && (claim-octets <= claim/10 || claim-octets <= 100 && octets > claim/2)
}

// contradicts reports whether a body is empty or less than half of what the
// server says.
func contradicts(octets, claim int64) bool {
	return octets < claim && (octets == 0 || octets < (claim+1)/2)
}

// contradiction says what does not fit.
func contradiction(octets, claim int64) string {
	return fmt.Sprintf("the server says RFC822.SIZE %d and sends %d octets", claim, octets)
}

// isShort sets the Size of a message with a body to the largest that the server
// has said, and reports whether the body is to be asked for again. The last time
// it may make the message a Failed one.
func (b *shortBodies) isShort(m *Message) bool {
	m.Size = max(m.Size, b.claimOf(m.UID))
	a := b.answered[m.UID]
	habit := b.tolerance
	if m.Literal >= m.Size {
		if a != nil {
			habit.corrected()
		}
		return false
	}
	sum := sha256.Sum256(m.Body)
	if a == nil {
		if habit.accepts(m.Literal, m.Size) {
			return false
		}
		b.again = append(b.again, shortAnswer{m.UID, m.Size, m.Literal, sum, true})
		return true
	}
	a.claim = m.Size
	a.same = a.same && a.most == m.Literal && a.sum == sum
	a.most = max(a.most, m.Literal)
	switch {
	case a.same && habit.accepts(m.Literal, m.Size):
		return false
	case !b.last:
		b.again = append(b.again, *a)
		return true
	case contradicts(m.Literal, m.Size), m.Literal < a.most:
		text := contradiction(m.Literal, m.Size)
		if m.Literal < a.most {
			text += fmt.Sprintf(", and %d before", a.most)
		}
		*m = Message{UID: m.UID, State: Failed, Size: m.Size, Literal: m.Literal, Reason: Contradiction, Text: text}
		return false
	case a.same:
		habit.stayed(m.Literal, m.Size)
	}
	return false
}

// claimOf returns the largest size that was said of a message before, -1 if none
// was.
func (b *shortBodies) claimOf(uid uint64) int64 {
	claim := int64(-1)
	if b.listed != nil {
		if listed := b.listed(uid); listed > 0 {
			claim = listed
		}
	}
	if a := b.answered[uid]; a != nil {
		claim = max(claim, a.claim)
	}
	return claim
}

// askShortAgain asks again for the messages whose bodies were too short: a few
// until it is known how the server counts, then more at a time.
func (f *fetcher) askShortAgain() error {
	short := f.short.again
	for most := maxShort; len(short) > 0; most *= 2 {
		n := min(most, len(short))
		if f.x.s.sizeTolerance.confirmed >= believed {
			n = len(short)
		}
		if err := f.confirmShort(short[:n]); err != nil {
			return err
		}
		short = short[n:]
	}
	return nil
}

// confirmShort asks for messages on this connection, and for what is short still on
// a new one, in pieces and whole.
func (f *fetcher) confirmShort(some []shortAnswer) (err error) {
	for _, last := range []bool{false, true} {
		if last && len(some) > 0 {
			f.x.s.Close()
			if some, err = f.shortInPieces(some); err != nil {
				return err
			}
		}
		if len(some) == 0 {
			return nil
		}
		f.short.last, f.short.answered, f.short.again = last, make(map[uint64]*shortAnswer, len(some)), nil
		uids := make([]uint64, len(some))
		for i := range some {
			uids[i] = some[i].uid
			f.short.answered[some[i].uid] = &some[i]
		}
		slices.Sort(uids)
		f.begin(uids)
		if err := f.run(); err != nil {
			return err
		}
		some = f.short.again
	}
	return context.Cause(f.ctx)
}

// shortInPieces asks in pieces for messages that lack more than a little. It
// returns those that do not come whole.
func (f *fetcher) shortInPieces(some []shortAnswer) (short []shortAnswer, err error) {
	for i := range some {
		a := &some[i]
		if !isLittle(a.most, a.claim) {
			f.begin([]uint64{a.uid})
			f.short.answered = map[uint64]*shortAnswer{a.uid: a}
			done, err := (&fallback{f, a.uid}).inPieces(true)
			switch {
			case err != nil:
				return nil, err
			case done:
				continue
			}
		}
		short = append(short, *a)
	}
	return short, context.Cause(f.ctx)
}
