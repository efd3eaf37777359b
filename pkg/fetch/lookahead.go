package fetch

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// look decides on those of a window that are open, before they are exported. It
// returns the window without what is left out. Of a message that cannot be had
// the export will tell.
func (c *chooser) look(wants []want) ([]want, error) {
	var together, alone []uint64
	for _, w := range wants {
		switch {
		case !w.open:
		case w.size > slabSize, w.size <= 0 && c.needs.Size:
			alone = append(alone, w.uid)
		default:
			together = append(together, w.uid)
		}
	}
	more, err := c.lookTogether(wants, together)
	for _, uid := range append(alone, more...) {
		if err == nil {
			err = c.lookAlone(wants, uid)
		}
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(wants, func(w want) bool {
		if w.left || w.skip {
			c.leave(1)
		}
		return w.left
	}), nil
}

// lookTogether decides on messages that are not too large to be read as they
// come. It returns those that are.
func (c *chooser) lookTogether(wants []want, uids []uint64) (large []uint64, err error) {
	items := imapconn.Items{Flags: c.needs.Flags, InternalDate: c.needs.InternalDate, Header: !c.needs.Body,
		Body: c.needs.Body, Listed: listedSizes(wants)}
	var failure error
	err = c.box.Fetch(c.ctx, uids, items, slabSize, func(m *imapconn.Message) error {
		w := &wants[find(wants, m.UID)]
		facts := c.facts(m)
		switch facts.Size = w.size; {
		case m.State != imapconn.Have || failure != nil:
			return nil
		case !c.needs.Body:
			facts.Octets = bytes.NewReader(m.Header)
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
			return nil
		default:
			facts.Size, facts.Octets = int64(len(m.Body)), bytes.NewReader(m.Body)
		}
		failure = c.settle(w, facts)
		return nil
	})
	return large, errors.Join(err, failure)
}

// settle notes what is decided on a message.
func (c *chooser) settle(w *want, facts search.Message) error {
	v, err := c.rest.Judge(facts)
	if err == nil {
		w.open, w.left, w.skip = false, v == export.Excluded, v == export.Skipped
	}
	return err
}

// lookAlone decides on a message that is read in pieces.
func (c *chooser) lookAlone(wants []want, uid uint64) error {
	w := &wants[find(wants, uid)]
	var facts search.Message
	err := c.box.Fetch(c.ctx, []uint64{uid}, imapconn.Items{Flags: true, InternalDate: true}, 0,
		func(m *imapconn.Message) error {
			facts = c.facts(m)
			facts.Flags = slices.Clone(facts.Flags)
			return nil
		})
	if err != nil {
		return err
	}
	c.box.Expect(uid, max(w.claim, w.size))
	facts.Size, facts.Octets = w.size, &remote{source: c.source, uid: uid}
	err = c.settle(w, facts)
	var one *imapconn.PartError
	if errors.As(err, &one) {
		return nil
	}
	return err
}

// remote are the octets of a message, read from the server in pieces. One piece
// is at hand.
type remote struct {
	source *source
	uid    uint64
	at     int64 // where the piece begins
	piece  []byte
	read   bool // there is a piece, be it empty
}

// ReadAt reads octets of the message from an offset on. The error may be an
// *imapconn.PartError.
func (r *remote) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		at := (offset + int64(n)) / slabSize * slabSize
		if !r.read || r.at != at {
			if r.piece, err = r.source.piece(r.uid, at); err != nil {
				r.read = false
				return n, err
			}
			r.at, r.read = at, true
		}
		from := offset + int64(n) - at
		if from >= int64(len(r.piece)) {
			return n, io.EOF
		}
		n += copy(p[n:], r.piece[from:])
	}
	return n, nil
}
