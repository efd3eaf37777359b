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
	if no == nil {
		done, err := f.byNumber(uid)
		if done || err != nil {
			return err
		}
	}
	if done, err := f.inPieces(uid, false); done || err != nil {
		return err
	}
	return f.judge(uid, no)
}

// byNumber asks for a message by its sequence number. An answer without a UID is
// believed if the number is surely the message's: no message was expunged since
// the server told it, and a body is as long as RFC822.SIZE says.
func (f *fetcher) byNumber(uid uint64) (done bool, err error) {
	c := f.x.s.c
	if changed, err := f.x.ready(f.ctx); changed || err != nil || f.x.s.c != c {
		return false, f.toleratesLoss(err)
	}
	defer c.watch(f.ctx)()
	expunges := c.expunges
	seq, err := f.x.sequenceNumber(c, uid)
	if err != nil || seq == 0 {
		return false, f.toleratesLoss(err)
	}
	want := f.wanted()
	var all fetched
	all.reset()
	_, err = c.run(c.command(fmt.Sprintf("FETCH %d", seq)).text(want.request()), func(resp *response) error {
		if resp.typ != "FETCH" || resp.num != seq || c.expunges != expunges {
			return nil
		}
		if err := c.fetch.read(&f.m, want); err != nil {
			return err
		}
		if f.m.got&gotUID != 0 && f.m.UID != uid {
			return nil
		}
		if f.m.got&^all.got != 0 {
			c.progress()
		}
		all.merge(&f.m)
		return nil
	})
	switch {
	case f.ctx.Err() != nil:
		return false, context.Cause(f.ctx)
	case err != nil:
		return false, f.toleratesLoss(err)
	case all.got&gotBody != 0 && all.Size != all.Literal && (all.Size >= 0 || all.got&gotUID == 0):
		return false, nil
	}
	all.UID, all.got = uid, all.got|gotUID
	need := f.want.items()
	if all.got|optional&need != all.got|need {
		return false, nil
	}
	all.Unknown = all.got.unknown(need)
	return true, f.tell(&all.Message)
}

// toleratesLoss hides what ended a second way: the first one has the last word.
func (f *fetcher) toleratesLoss(err error) error {
	var no *imap.Error
	switch {
	case f.ctx.Err() != nil:
		return context.Cause(f.ctx)
	case isLost(err) && !errors.Is(err, errUnreachable), errors.As(err, &no) && !IsBusy(err):
		return nil
	}
	return err
}

// sequenceNumber learns the sequence number of a message, 0 if the server does
// not tell.
func (x *Selected) sequenceNumber(c *conn, uid uint64) (seq uint32, err error) {
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
func (f *fetcher) inPieces(uid uint64, exact bool) (done bool, err error) {
	items := f.want.Items
	if items.Body == (items.Header || len(items.Fields) > 0) {
		return false, nil
	}
	items.Body, items.Header, items.Fields = false, false, nil
	items.Size = items.Size || f.want.Body
	all := fetched{}
	all.reset()
	err = f.x.Fetch(f.ctx, []uint64{uid}, items, 0, func(m *Message) error {
		all.Message = *m
		all.Flags = append([]string(nil), m.Flags...)
		return nil
	})
	if err != nil || all.State != Have {
		return false, f.toleratesLoss(err)
	}
	if f.want.Body {
		all.Size = max(all.Size, f.claimOf(uid))
	}
	f.x.Expect(uid, all.Size)
	if f.want.Body {
		f.x.partsOf(uid).wholeTried = true // it was asked for whole
	}
	switch {
	case !f.want.Body:
		err = f.headerPieces(&all)
	case all.Size > f.want.maxBody:
		all.Literal = all.Size // FetchPart gets it
	default:
		err = f.bodyPieces(&all, exact)
	}
	var one *PartError
	switch {
	case errors.As(err, &one) && one.State == Expunged:
		return true, f.tell(&Message{UID: uid, State: Expunged, Size: -1, Literal: -1})
	case errors.As(err, &one):
		return false, nil
	case err != nil:
		return false, f.toleratesLoss(err)
	}
	return true, f.tell(&all.Message)
}

// headerPieces reads the header of a message, or a message without a body.
func (f *fetcher) headerPieces(m *fetched) error {
	m.header = m.header[:0]
	err := f.x.ReadParts(f.ctx, m.UID, minPart, func(piece []byte) bool {
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

func (f *fetcher) bodyPieces(m *fetched, exact bool) error {
	m.body = m.body[:0]
	err := f.x.ReadParts(f.ctx, m.UID, min(pieceSize, max(f.want.maxBody, 1)), func(piece []byte) bool {
		m.body = append(m.body, piece...)
		return int64(len(m.body)) > f.want.maxBody
	})
	switch m.Literal = int64(len(m.body)); {
	case err != nil:
		return err
	case m.Literal > f.want.maxBody: // FetchPart gets it
		m.body = nil
	case m.Size >= 0 && (exact && m.Size != m.Literal || contradicts(m.Literal, m.Size)):
		return &PartError{UID: m.UID, State: Failed, Reason: Unreadable}
	default:
		if m.Body = m.body; f.answered[m.UID] != nil && m.Size == m.Literal {
			f.x.s.sizeTolerance.corrected()
		}
	}
	return nil
}
