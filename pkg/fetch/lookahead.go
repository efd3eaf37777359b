package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// look decides on those of a window that are open, before they are exported. It
// returns the window's messages without what is left out. Of a message that cannot
// be had the export will tell.
func (r *windowReader) look(ctx context.Context, w window) (taken []want, excluded int, err error) {
	var together, alone []uint64
	for _, one := range w.wants {
		switch {
		case !one.open:
		case one.size > slabSize, one.size <= 0 && w.judge.needs.Size:
			alone = append(alone, one.uid)
		default:
			together = append(together, one.uid)
		}
	}
	more, err := r.lookTogether(ctx, w, together)
	for _, uid := range append(alone, more...) {
		if err == nil {
			err = r.lookAlone(ctx, w, uid)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	return slices.DeleteFunc(w.wants, func(one want) bool {
		if one.left || one.skip {
			excluded++
		}
		return one.left
	}), excluded, nil
}

// lookTogether decides on messages that are not too large to be read as they
// come. It returns those that are.
func (r *windowReader) lookTogether(ctx context.Context, w window, uids []uint64) (large []uint64, err error) {
	needs := w.judge.needs
	items := imapconn.Items{Flags: needs.Flags, InternalDate: needs.InternalDate, Header: !needs.Body,
		Body: needs.Body, Listed: listedSizes(w.wants)}
	var failure error
	err = r.box.Fetch(ctx, uids, items, slabSize, func(m *imapconn.Message) error {
		one := &w.wants[find(w.wants, m.UID)]
		facts := w.judge.facts(m)
		switch facts.Size = one.size; {
		case m.State != imapconn.Have || failure != nil:
			return nil
		case !needs.Body:
			facts.Octets = bytes.NewReader(m.Header)
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
			return nil
		default:
			facts.Size, facts.Octets = int64(len(m.Body)), bytes.NewReader(m.Body)
		}
		failure = w.judge.settle(one, facts)
		return nil
	})
	return large, errors.Join(err, failure)
}

// lookAlone decides on a message that is read in pieces.
func (r *windowReader) lookAlone(ctx context.Context, w window, uid uint64) error {
	one := &w.wants[find(w.wants, uid)]
	var facts search.Message
	err := r.box.Fetch(ctx, []uint64{uid}, imapconn.Items{Flags: true, InternalDate: true}, 0,
		func(m *imapconn.Message) error {
			facts = w.judge.facts(m)
			facts.Flags = slices.Clone(facts.Flags)
			return nil
		})
	if err != nil {
		return err
	}
	r.box.Expect(uid, max(one.claim, one.size))
	facts.Size, facts.Octets = one.size, &remote{ctx: ctx, reader: r, uid: uid}
	err = w.judge.settle(one, facts)
	var part *imapconn.PartError
	if errors.As(err, &part) {
		return nil
	}
	return err
}

// remote are the octets of a message, read from the server in pieces. One piece
// is at hand.
type remote struct {
	ctx    context.Context
	reader *windowReader
	uid    uint64
	at     int64 // where the piece begins
	piece  []byte
	read   bool // there is a piece, be it empty
}

// ReadAt reads octets of the message from an offset on. The error may be an
// *imapconn.PartError.
func (o *remote) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		at := (offset + int64(n)) / slabSize * slabSize
		if !o.read || o.at != at {
			if o.piece, err = o.reader.piece(o.ctx, o.uid, at); err != nil {
				o.read = false
				return n, err
			}
			o.at, o.read = at, true
		}
		from := offset + int64(n) - at
		if from >= int64(len(o.piece)) {
			return n, io.EOF
		}
		n += copy(p[n:], o.piece[from:])
	}
	return n, nil
}
