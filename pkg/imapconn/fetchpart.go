package imapconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// PartError says why FetchPart could not get a part of a message. Expunged and
// Failed mean what they mean for a Message.
type PartError struct {
	UID    uint64
	State  State
	Reason Reason // of State Failed
	Text   string // the server's own words, not safe to print
}

func (e *PartError) Error() string {
	if e.State == Expunged {
		return fmt.Sprintf("message %d is gone", e.UID)
	}
	text := fmt.Sprintf("message %d: %s", e.UID, e.Reason)
	if e.Text != "" {
		text += ": " + printable(e.Text)
	}
	return text
}

// FetchPart gets count octets of a message's body from offset on, fewer at its
// end and none after it. A server may give less than it is asked for, so only
// an empty answer is taken for the end, and that only where the size of the
// message does not say otherwise: see endsAt. Where the server does not survive
// or refuses to give so much, it is asked for less, down to minPart, and then for
// the whole message: see readWhole. A part that is given a second time with other
// octets is a Contradiction. The slice is valid until the next call of FetchPart.
// It resumes. The error is a *PartError if only this message is concerned.
func (x *Selected) FetchPart(ctx context.Context, uid uint64, offset, count int64) ([]byte, error) {
	p := x.partsOf(uid)
	if p.whole == nil {
		octets, err := p.assemble(ctx, offset, count)
		if p.whole == nil && inOtherWays(err) {
			if other := p.readWhole(ctx); other != nil {
				return nil, other
			}
		}
		switch {
		case p.whole != nil:
		case err != nil:
			return nil, err
		case !p.give(offset, octets):
			return nil, differentParts(p, offset)
		default:
			return octets, nil
		}
	}
	octets, err := p.whole.part(x.s.part, offset, count)
	x.s.part = octets
	return octets, err
}

// inOtherWays reports whether a part that cannot be had may come in another way.
func inOtherWays(err error) bool {
	var one *PartError
	return errors.As(err, &one) && (one.Reason == NotReturned || one.Reason == Refused || one.Reason == Unreadable)
}

func differentParts(p *partialMessage, offset int64) error {
	return &PartError{UID: p.uid, State: Failed, Reason: Contradiction,
		Text: fmt.Sprintf("the server gives the octets from %d on differently each time", offset)}
}

// maxDoubts is how often a server may give an empty part at one octet, and more
// when it is asked again.
const maxDoubts = 3

// assemble puts octets of a message together from as many answers as it takes.
func (p *partialMessage) assemble(ctx context.Context, offset, count int64) ([]byte, error) {
	most := count
	if p.small {
		most = min(count, minPart)
	}
	var all []byte
	doubts := 0 // times that the message did not end where an empty part said so
	for ended := false; ; {
		at := int64(len(all))
		piece, err := p.fetchPart(ctx, offset+at, min(most, count-at))
		switch {
		case inOtherWays(err) && most > minPart:
			most = max(most/2, minPart)
			p.small = true
			continue
		case err != nil:
			return nil, err
		case at == 0 && int64(len(piece)) >= count:
			return piece, nil
		}
		all = append(all, piece...)
		if len(piece) > 0 && int64(len(all)) < count {
			doubts = 0
			continue
		}
		if int64(len(all)) < count && !ended {
			if ended, err = p.endsAt(ctx, offset+int64(len(all))); err != nil || p.whole != nil {
				return nil, err
			} else if !ended { // the server gives more now, or in small parts only
				if doubts++; doubts == maxDoubts {
					return nil, &PartError{UID: p.uid, State: Failed, Reason: NotReturned,
						Text: fmt.Sprintf("the server gives the octets from %d on only now and then",
							offset+int64(len(all)))}
				}
				most, p.small = min(count, minPart), true
				continue
			}
		}
		return all, nil
	}
}

// endsAt reports whether a message ends at an octet, where the server has given
// an empty part. Where the message is larger by all that is known, the part is
// asked for again, then the whole message, each once more on a new connection;
// false means that there is more now. A message that ends before half of its size,
// or where a part ended, is a Contradiction; other differences are of a server
// that counts badly.
func (p *partialMessage) endsAt(ctx context.Context, end int64) (bool, error) {
	claim, err := p.sizeOf(ctx)
	whereParted := end > 0 && end%minPart == 0
	if err != nil || claim <= end || !whereParted && p.x.s.sizeTolerance.accepts(end, claim) {
		return true, err
	}
	for _, anew := range []bool{false, true} {
		if anew {
			p.x.s.Close()
		}
		piece, err := p.fetchPart(ctx, end, minPart)
		if err != nil || len(piece) > 0 {
			return false, err
		}
	}
	if whereParted || !isLittle(end, claim) {
		if err := p.readWhole(ctx); err != nil || p.whole != nil {
			return false, err
		}
	}
	if whereParted || contradicts(end, claim) {
		return false, &PartError{UID: p.uid, State: Failed, Reason: Contradiction, Text: contradiction(end, claim)}
	}
	p.x.s.sizeTolerance.stayed(end, claim)
	return true, nil
}

// ReadParts gets a message's body in pieces of size octets, until its end or
// until fn says that it has enough. Pieces are valid until fn returns. Errors
// are those of FetchPart.
func (x *Selected) ReadParts(ctx context.Context, uid uint64, size int64, fn func(piece []byte) (enough bool)) error {
	for at := int64(0); ; {
		piece, err := x.FetchPart(ctx, uid, at, size)
		if err != nil || fn(piece) || int64(len(piece)) < size {
			return err
		}
		at += int64(len(piece))
	}
}

// fetchPart gets what the server gives at a time.
func (p *partialMessage) fetchPart(ctx context.Context, offset, count int64) ([]byte, error) {
	uid := p.uid
	w := wanted{partial: true, origin: offset, maxBody: count}
	for try := 1; ; try++ {
		item := fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[]<%d.%d>)", uid, offset, count)
		switch { // something to hold the octets against
		case offset == 0 && !p.asked:
			item = fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[]<%d.%d> RFC822.SIZE)", uid, offset, count)
		case try > 1:
			item = fmt.Sprintf("UID FETCH %d (UID RFC822.SIZE BODY.PEEK[]<%d.%d>)", uid, offset, count)
		}
		body, err := p.part(ctx, item, &w)
		if err == nil {
			p.x.s.resetBackOff()
			return body, nil
		}
		if again, held := p.x.s.mayRetry(ctx, err); held != nil {
			return nil, held
		} else if again {
			try--
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !isLost(err):
			return nil, p.partError(err)
		case try == attempts:
			return nil, &PartError{UID: uid, State: Failed, Reason: Unreadable, Text: lossText(err, p.x.s.c)}
		}
	}
}

// lossText is what is known of why a connection ended: what could not be
// understood, or the server's last words.
func lossText(err error, c *conn) string {
	if IsGarbled(err) {
		return serverText(err.Error())
	}
	return c.bye
}

// partError makes of a refusal that lasts what it means for the message.
func (p *partialMessage) partError(err error) error {
	var no *imap.Error
	switch {
	case IsBusy(err):
		return opaque(refused(err, fault.Temporary, "read message %d", p.uid))
	case errors.As(err, &no):
		return &PartError{UID: p.uid, State: Failed, Reason: Refused, Text: no.Text}
	}
	return err
}

func (p *partialMessage) part(ctx context.Context, item string, w *wanted) ([]byte, error) {
	uid := p.uid
	changed, err := p.x.ready(ctx)
	switch {
	case err != nil:
		return nil, err
	case changed:
		return nil, &PartError{UID: uid, State: Failed, Reason: UIDValidityChanged}
	}
	c := p.x.s.c
	defer c.watch(ctx)()
	var octets []byte
	found, same := false, true
	m := fetched{body: p.x.s.part[:0]}
	_, err = c.run(c.command(item), func(resp *response) error {
		if resp.typ != "FETCH" {
			return nil
		}
		err := c.fetch.read(&m, w)
		if m.UID == uid && m.got&gotSize != 0 {
			p.claim, p.asked = max(p.claim, m.Size), true
		}
		if w.origin > 0 && m.got&gotNIL != 0 { // no octets, as at the message's end
			m.got, m.Body, m.Literal = m.got|gotBody, m.body[:0], 0
		}
		if err != nil || m.UID != uid || m.got&gotBody == 0 || int64(len(m.Body)) != m.Literal {
			return err
		}
		if found {
			same = same && bytes.Equal(octets, m.Body)
			return nil
		}
		found, octets = true, m.Body
		m.body = nil // what comes a second time is only compared
		c.progress()
		return nil
	})
	if found {
		p.x.s.part = octets[:0]
	}
	switch {
	case err == nil && !same:
		return nil, differentParts(p, w.origin)
	case found && err == nil:
		return octets, nil
	case err != nil:
		return nil, err
	}
	present, err := p.x.lookUp(ctx, []uint64{uid})
	switch {
	case err != nil:
		return nil, err
	case !present.Has(uid):
		gone, err := p.x.expunged(ctx, []uint64{uid}, present)
		switch {
		case err != nil:
			return nil, err
		case gone.Has(uid):
			return nil, &PartError{UID: uid, State: Expunged}
		}
		return nil, &PartError{UID: uid, State: Failed, Reason: Contradiction,
			Text: "neither FETCH nor SEARCH knows the message, and EXISTS or STATUS still counts it"}
	}
	return nil, &PartError{UID: uid, State: Failed, Reason: NotReturned}
}
