package imapconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// fallBack asks in other ways for a message that the server has and did not
// send when it was asked for alone, before the verdict on it.
func (f *fetcher) fallBack(uid uint64, no *imap.Error) error {
	m := f.parts[uid]
	if no == nil && len(f.want.Fields) > 0 && !f.x.wholeHeaders && (m == nil || m.got&gotHeader == 0) {
		f.x.wholeHeaders = true
		for uid, s := range f.special {
			s.alone = s.kills > 0
			f.special[uid] = s
		}
		return nil // ask anew
	}
	b := fallback{f, uid}
	if no == nil {
		done, err := b.byNumber()
		if done || err != nil {
			return err
		}
	}
	if done, err := b.inPieces(false); done || err != nil {
		return err
	}
	return f.judge(uid, no)
}

// fallback asks for one message in other ways.
type fallback struct {
	*fetcher
	uid uint64
}

// byNumber asks for a message by its sequence number. An answer without a UID is
// believed if the number is surely the message's: no message was expunged since
// the server told it, and a body is as long as RFC822.SIZE says.
func (b *fallback) byNumber() (done bool, err error) {
	c := b.x.s.c
	if changed, err := b.x.ready(b.ctx); changed || err != nil || b.x.s.c != c {
		return false, b.toleratesLoss(err)
	}
	defer c.watch(b.ctx)()
	expunges := c.expunges
	seq, err := sequenceNumber(c, b.uid)
	if err != nil || seq == 0 {
		return false, b.toleratesLoss(err)
	}
	want := b.wanted()
	var all fetched
	all.reset()
	_, err = c.run(c.command(fmt.Sprintf("FETCH %d", seq)).text(want.request()), func(resp *response) error {
		if resp.typ != "FETCH" || resp.num != seq || c.expunges != expunges {
			return nil
		}
		if err := c.fetch.read(&b.m, want); err != nil {
			return err
		}
		if b.m.got&gotUID != 0 && b.m.UID != b.uid {
			return nil
		}
		if b.m.got&^all.got != 0 {
			c.progress()
		}
		all.merge(&b.m)
		return nil
	})
	switch {
	case b.ctx.Err() != nil:
		return false, context.Cause(b.ctx)
	case err != nil:
		return false, b.toleratesLoss(err)
	case all.got&gotBody != 0 && all.Size != all.Literal && (all.Size >= 0 || all.got&gotUID == 0):
		return false, nil
	}
	all.UID, all.got = b.uid, all.got|gotUID
	need := b.want.items()
	if all.got|optional&need != all.got|need {
		return false, nil
	}
	all.Unknown = all.got.unknown(need)
	return true, b.tell(&all.Message)
}

// toleratesLoss hides what ended a second way: the first one has the last word.
func (b *fallback) toleratesLoss(err error) error {
	var no *imap.Error
	switch {
	case b.ctx.Err() != nil:
		return context.Cause(b.ctx)
	case isLost(err) && !errors.Is(err, errUnreachable), errors.As(err, &no) && !IsBusy(err):
		return nil
	}
	return err
}

// sequenceNumber learns the sequence number of a message, 0 if the server does
// not tell.
func sequenceNumber(c *conn, uid uint64) (seq uint32, err error) {
	for _, text := range []string{"UID FETCH %d (UID)", "SEARCH UID %d"} {
		var m fetched
		_, err = c.run(c.command(fmt.Sprintf(text, uid)), func(resp *response) error {
			switch resp.typ {
			case "FETCH":
				err := c.fetch.read(&m, &wanted{})
				if err == nil && m.UID == uid {
					seq = resp.num
				}
				return err
			case "SEARCH":
				readNumbers(c.tokenizer, func(n uint64) {
					if n <= 1<<32-1 {
						seq = uint32(n)
					}
				})
			}
			return nil
		})
		if seq != 0 || c.err != nil {
			break
		}
	}
	return seq, err
}

// How much is asked for at a time of a message that cannot be had as a whole, and
// of a part that cannot be had, at least, in octets.
const (
	pieceSize = 1 << 20
	minPart   = 256 << 10
)

// inPieces gets a message whose body or header does not come as a whole, piece by
// piece. With exact, its length must be what RFC822.SIZE says.
func (b *fallback) inPieces(exact bool) (done bool, err error) {
	items := b.want.Items
	if items.Body == (items.Header || len(items.Fields) > 0) {
		return false, nil
	}
	items.Body, items.Header, items.Fields = false, false, nil
	items.Size = items.Size || b.want.Body
	all := fetched{}
	all.reset()
	err = b.x.Fetch(b.ctx, []uint64{b.uid}, items, 0, func(m *Message) error {
		all.Message = *m
		all.Flags = append([]string(nil), m.Flags...)
		return nil
	})
	if err != nil || all.State != Have {
		return false, b.toleratesLoss(err)
	}
	if b.want.Body {
		all.Size = max(all.Size, b.short.claimOf(b.uid))
	}
	b.x.Expect(b.uid, all.Size)
	if b.want.Body {
		b.x.partsOf(b.uid).wholeTried = true // it was asked for whole
	}
	switch {
	case !b.want.Body:
		err = b.headerPieces(&all)
	case all.Size > b.want.maxBody:
		all.Literal = all.Size // FetchPart gets it
	default:
		err = b.bodyPieces(&all, exact)
	}
	var one *PartError
	switch {
	case errors.As(err, &one) && one.State == Expunged:
		return true, b.tell(&Message{UID: b.uid, State: Expunged, Size: -1, Literal: -1})
	case errors.As(err, &one):
		return false, nil
	case err != nil:
		return false, b.toleratesLoss(err)
	}
	return true, b.tell(&all.Message)
}

// headerPieces reads the header of a message, or a message without a body.
func (b *fallback) headerPieces(m *fetched) error {
	m.header = m.header[:0]
	err := b.x.ReadParts(b.ctx, m.UID, minPart, func(piece []byte) bool {
		from := max(0, len(m.header)-3)
		m.header = append(m.header, piece...)
		end := bytes.Index(m.header[from:], []byte("\r\n\r\n"))
		if end >= 0 {
			m.header = m.header[:from+end+4]
		}
		return end >= 0 || len(m.header) > maxHeader
	})
	m.Header = m.header
	return err
}

func (b *fallback) bodyPieces(m *fetched, exact bool) error {
	m.body = m.body[:0]
	err := b.x.ReadParts(b.ctx, m.UID, min(pieceSize, max(b.want.maxBody, 1)), func(piece []byte) bool {
		m.body = append(m.body, piece...)
		return int64(len(m.body)) > b.want.maxBody
	})
	switch m.Literal = int64(len(m.body)); {
	case err != nil:
		return err
	case m.Literal > b.want.maxBody: // FetchPart gets it
		m.body = nil
	case m.Size >= 0 && (exact && m.Size != m.Literal || contradicts(m.Literal, m.Size)):
		return &PartError{UID: m.UID, State: Failed, Reason: Unreadable}
	default:
		if m.Body = m.body; b.short.answered[m.UID] != nil && m.Size == m.Literal {
			b.x.s.sizeTolerance.corrected()
		}
	}
	return nil
}
