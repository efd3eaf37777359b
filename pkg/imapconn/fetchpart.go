package imapconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// PartError says why FetchPart could not get a part of a message. Gone and
// Failed mean what they mean for a Message.
type PartError struct {
	UID    uint32
	State  State
	Reason Reason // of State Failed
	Text   string // the server's own words, not safe to print
}

func (e *PartError) Error() string {
	if e.State == Gone {
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
// an empty answer is taken for the end, and that only where RFC822.SIZE does not
// say otherwise: see endsAt. Where the server does not survive or refuses to
// give so much, it is asked for less, down to minPart. The slice is valid until
// the next call of FetchPart. It resumes. The error is a *PartError if only this
// message is concerned.
func (x *Selected) FetchPart(ctx context.Context, uid uint32, offset, count int64) ([]byte, error) {
	most := count
	if x.smallParts == uid && uid != 0 {
		most = min(count, minPart)
	}
	var all []byte
	for ended := false; ; {
		at := int64(len(all))
		piece, err := x.fetchPart(ctx, uid, offset+at, min(most, count-at))
		var one *PartError
		switch {
		case errors.As(err, &one) && one.State == Failed && one.Reason != UIDValidityChanged && most > minPart:
			most = max(most/2, minPart)
			x.smallParts = uid
			continue
		case err != nil:
			return nil, err
		case at == 0 && int64(len(piece)) >= count:
			return piece, nil
		}
		all = append(all, piece...)
		if len(piece) > 0 && int64(len(all)) < count {
			continue
		}
		if int64(len(all)) < count && !ended {
			if ended, err = x.endsAt(ctx, uid, offset+int64(len(all))); err != nil {
				return nil, err
			} else if !ended {
				continue // the server gives more now
			}
		}
		return all, nil
	}
}

// endsAt reports whether a message ends at an octet, where the server has given
// an empty part. Where RFC822.SIZE is larger, the part is asked for again, then
// once more on a new connection; false means that it is not empty any more. A
// message that ends before half of its size, or where a part ended, is a
// Contradiction; other differences are of a server that counts badly.
func (x *Selected) endsAt(ctx context.Context, uid uint32, end int64) (bool, error) {
	claim, err := x.sizeOf(ctx, uid)
	whereParted := end > 0 && end%minPart == 0
	if err != nil || claim <= end || !whereParted && x.s.sizes.accepts(end, claim) {
		return true, err
	}
	for _, anew := range []bool{false, true} {
		if anew {
			x.s.Close()
		}
		piece, err := x.fetchPart(ctx, uid, end, minPart)
		if err != nil || len(piece) > 0 {
			return false, err
		}
	}
	if whereParted || contradicts(end, claim) {
		return false, &PartError{UID: uid, State: Failed, Reason: Contradiction, Text: contradiction(end, claim)}
	}
	x.s.sizes.stayed(end, claim)
	return true, nil
}

// sizeOf returns the RFC822.SIZE of a message, -1 if the server does not say.
func (x *Selected) sizeOf(ctx context.Context, uid uint32) (int64, error) {
	if x.sized.uid == uid && uid != 0 {
		return x.sized.octets, nil
	}
	x.sized.uid, x.sized.octets = uid, -1
	err := x.Fetch(ctx, []uint32{uid}, Items{Size: true}, 0, func(m *Message) error {
		x.sized.octets = m.Size
		return nil
	})
	return x.sized.octets, err
}

// ReadParts gets a message's body in pieces of size octets, until its end or
// until fn says that it has enough. Pieces are valid until fn returns. Errors
// are those of FetchPart.
func (x *Selected) ReadParts(ctx context.Context, uid uint32, size int64, fn func(piece []byte) (enough bool)) error {
	for at := int64(0); ; {
		piece, err := x.FetchPart(ctx, uid, at, size)
		if err != nil || fn(piece) || int64(len(piece)) < size {
			return err
		}
		at += int64(len(piece))
	}
}

// fetchPart gets what the server gives at a time.
func (x *Selected) fetchPart(ctx context.Context, uid uint32, offset, count int64) ([]byte, error) {
	w := wanted{partial: true, origin: offset, maxBody: count}
	for try := 1; ; try++ {
		item := fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[]<%d.%d>)", uid, offset, count)
		switch { // something to hold the octets against
		case offset == 0 && x.sized.uid != uid:
			item = fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[]<%d.%d> RFC822.SIZE)", uid, offset, count)
		case try > 1:
			item = fmt.Sprintf("UID FETCH %d (UID RFC822.SIZE BODY.PEEK[]<%d.%d>)", uid, offset, count)
		}
		body, err := x.part(ctx, uid, item, &w)
		if err == nil {
			x.s.calm()
			return body, nil
		}
		if again, held := x.s.given(ctx, err); held != nil {
			return nil, held
		} else if again {
			try--
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !isLost(err):
			return nil, x.partError(uid, err)
		case try == attempts:
			return nil, &PartError{UID: uid, State: Failed, Reason: Unreadable, Text: lossText(err, x.s.c)}
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
func (x *Selected) partError(uid uint32, err error) error {
	var no *imap.Error
	switch {
	case IsBusy(err):
		return opaque(refused(err, exit.Temporary, "read message %d", uid))
	case errors.As(err, &no):
		return &PartError{UID: uid, State: Failed, Reason: Refused, Text: no.Text}
	}
	return err
}

func (x *Selected) part(ctx context.Context, uid uint32, item string, w *wanted) ([]byte, error) {
	changed, err := x.ready(ctx)
	switch {
	case err != nil:
		return nil, err
	case changed:
		return nil, &PartError{UID: uid, State: Failed, Reason: UIDValidityChanged}
	}
	c := x.s.c
	defer c.watch(ctx)()
	found := false
	m := fetched{body: x.s.part[:0]}
	_, err = c.run(c.command(item), func(resp *response) error {
		if resp.typ != "FETCH" || found {
			return nil
		}
		err := c.fetchResponse(&m, w)
		whole := int64(len(m.Body)) == m.Literal
		if found = err == nil && m.UID == uid && m.got&gotBody != 0 && whole; found {
			c.progress()
		}
		if m.UID == uid && m.got&gotSize != 0 {
			x.sized.uid, x.sized.octets = uid, m.Size
		}
		return err
	})
	x.s.part = m.body
	switch {
	case found && err == nil:
		return m.Body, nil
	case err != nil:
		return nil, err
	}
	present, err := x.lookUp(ctx, []uint32{uid})
	switch {
	case err != nil:
		return nil, err
	case !present.has(uid):
		gone, err := x.expunged(ctx, []uint32{uid}, present)
		switch {
		case err != nil:
			return nil, err
		case gone.has(uid):
			return nil, &PartError{UID: uid, State: Gone}
		}
		return nil, &PartError{UID: uid, State: Failed, Reason: Contradiction, Text: "neither FETCH nor SEARCH knows the message, and EXISTS still counts it"}
	}
	return nil, &PartError{UID: uid, State: Failed, Reason: NotReturned}
}
