package fetch

import (
	"context"
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// large reads a message in pieces, so that memory is bounded, a lost
// connection costs one piece, and nobody waits inside a literal.
//
// Its record, which stands before the pieces, needs the true size and the key.
// Where the first piece and the server's word for the size cannot give them,
// the message is read twice.
func (r *windowReader) large(ctx context.Context, w window, message want) error {
	it := message.item(itemLarge)
	it.size = message.size
	err := r.batch(ctx, w, func(b *batch) error { return r.firstPiece(ctx, w, message, &it, b) })
	if err != nil || it.kind != itemLarge {
		return err
	}
	return r.pieces(ctx, w, it)
}

// firstPiece adds the beginning of a large message to a batch, or what became of
// it.
func (r *windowReader) firstPiece(ctx context.Context, w window, message want, it *item, b *batch) error {
	err := r.attributes(ctx, it, &message)
	switch {
	case err != nil:
		return b.addLost(it, err)
	case it.kind != itemLarge:
		b.add(*it)
		return nil
	}
	r.box.Expect(it.uid, max(message.claim, message.size))
	if message.open {
		v, err := w.judge.decide(it, &remote{ctx: ctx, reader: r, uid: it.uid})
		if err != nil {
			return b.addLost(it, err)
		}
		if v != export.Included {
			w.judge.leaveOut(b, it, v)
			return nil
		}
	}
	if err := r.begin(ctx, it, b); err != nil {
		return b.addLost(it, err)
	}
	r.limits.count(1, 0)
	r.limits.refuse(it)
	b.add(*it)
	return nil
}

// begin reads the first piece of a message, and what it takes to know its size and
// key.
func (r *windowReader) begin(ctx context.Context, it *item, b *batch) error {
	first, err := r.piece(ctx, it.uid, 0)
	if err != nil {
		return err
	}
	first = b.keep(first)
	scan := headerkey.NewScanner(r.recipe)
	scan.Write(first)
	probe, err := r.box.FetchPart(ctx, it.uid, it.size-1, 2)
	if err != nil {
		return err
	}
	if len(probe) != 1 || !scan.HeaderDone() || scan.NeedsBody() {
		if it.size, err = r.measure(ctx, it.uid, scan, first); err != nil {
			return err
		}
	}
	it.identity = identityOf(scan, new([]byte))
	it.octets = first[:min(int64(len(first)), it.size)]
	return nil
}

// attributes asks for what the record needs beside the octets. An item of another
// kind is what became of the message.
func (r *windowReader) attributes(ctx context.Context, it *item, message *want) error {
	return r.box.Fetch(ctx, []uint64{it.uid}, imapconn.Items{Flags: true, InternalDate: true, Gmail: r.gmail}, 0,
		func(m *imapconn.Message) error {
			it.take(m, message)
			if it.claim = -1; message.claim > 0 {
				it.claim = message.claim
			}
			if m.State != imapconn.Have {
				it.missing(m)
			}
			return nil
		})
}

// measure reads the whole message for its size and key.
func (r *windowReader) measure(ctx context.Context, uid uint64, scan *headerkey.Scanner, first []byte) (int64, error) {
	size := int64(len(first))
	for n := len(first); n == slabSize; {
		p, err := r.piece(ctx, uid, size)
		if err != nil {
			return 0, err
		}
		scan.Write(p)
		n = len(p)
		size += int64(n)
	}
	return size, nil
}

func (r *windowReader) piece(ctx context.Context, uid uint64, offset int64) ([]byte, error) {
	if err := r.limits.wait(ctx, r.keep); err != nil {
		return nil, err
	}
	p, err := r.box.FetchPart(ctx, uid, offset, slabSize)
	r.limits.count(0, int64(len(p)))
	return p, err
}

// pieces reads what follows the first piece.
func (r *windowReader) pieces(ctx context.Context, w window, first item) error {
	ended := false
	for at := int64(len(first.octets)); at < first.size && !ended; {
		err := r.batch(ctx, w, func(b *batch) error {
			next := item{kind: itemPiece, base: first.base, uid: first.uid}
			p, err := r.piece(ctx, first.uid, at)
			if err == nil && (len(p) == 0 || at+int64(len(p)) > first.size) {
				err = errSize
			}
			if err != nil {
				ended = true
				return b.addLost(&next, err)
			}
			at += int64(len(p))
			next.octets = b.keep(p)
			b.add(next)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

var errSize = errors.New("the message changed its size while it was read")

// addLost ends a large message that cannot be had to its end; err is returned
// where it concerns more than this message.
func (b *batch) addLost(it *item, err error) error {
	begun := it.kind == itemPiece
	if err := it.lost(err); err != nil {
		return err
	}
	if begun && it.reason != stream.ReasonContradiction {
		// What stands in the stream already is taken back by a failure only.
		it.kind, it.reason = itemFailed, stream.ReasonTruncated
	}
	b.add(*it)
	return nil
}
