package fetch

import (
	"errors"

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
func (s *source) large(w want) error {
	b, err := s.take()
	if err != nil {
		return err
	}
	it := item{kind: itemLarge, base: w.base, uid: w.uid, twin: w.twin, news: w.news, size: w.size}
	if done, err := s.flags(&it, &w, b); done || err != nil {
		return err
	}
	s.box.Expect(w.uid, max(w.claim, w.size))
	if s.chooser != nil && w.open {
		if done, err := s.chooser.weigh(b, &it); done || err != nil {
			return err
		}
	}
	first, err := s.piece(w.uid, 0)
	if err != nil {
		return s.lost(b, it, err)
	}
	first = b.keep(first)
	scan := headerkey.NewScanner(s.recipe)
	scan.Write(first)
	probe, err := s.box.FetchPart(s.ctx, w.uid, w.size-1, 2)
	if err != nil {
		return s.lost(b, it, err)
	}
	if len(probe) != 1 || !scan.HeaderDone() || scan.NeedsBody() {
		it.size, err = s.measure(w.uid, scan, first)
		if err != nil {
			return s.lost(b, it, err)
		}
	}
	if done, err := s.spendLarge(b, &it); done || err != nil {
		return err
	}
	it.identity = identityOf(scan)
	it.octets = first[:min(int64(len(first)), it.size)]
	b.items = append(b.items, it)
	if err := s.give(b); err != nil {
		return err
	}
	return s.pieces(it)
}

// flags asks for what the record needs beside the octets. done means that the
// message is not there and that the batch was handed over.
func (s *source) flags(it *item, w *want, b *batch) (done bool, err error) {
	have := false
	err = s.box.Fetch(s.ctx, []uint64{it.uid}, imapconn.Items{Flags: true, InternalDate: true, Gmail: s.gmail}, 0,
		func(m *imapconn.Message) error {
			have = m.State == imapconn.Have
			it.take(m, w)
			if it.claim = -1; w.claim > 0 {
				it.claim = w.claim
			}
			if !have {
				missing(it, m)
			}
			return nil
		})
	if err != nil && folderReason(err) != "" {
		return true, s.lost(b, *it, err)
	}
	if err != nil || have {
		return false, err
	}
	b.items = append(b.items, *it)
	return true, s.give(b)
}

// measure reads the whole message for its size and key.
func (s *source) measure(uid uint64, scan *headerkey.Scanner, first []byte) (int64, error) {
	size := int64(len(first))
	for n := len(first); n == slabSize; {
		p, err := s.piece(uid, size)
		if err != nil {
			return 0, err
		}
		scan.Write(p)
		n = len(p)
		size += int64(n)
	}
	return size, nil
}

func (s *source) piece(uid uint64, offset int64) ([]byte, error) {
	if err := s.pacer.Wait(s.ctx, s.keep); err != nil {
		return nil, err
	}
	p, err := s.box.FetchPart(s.ctx, uid, offset, slabSize)
	s.pacer.Spend(0, int64(len(p)))
	return p, err
}

// pieces reads what follows the first piece.
func (s *source) pieces(it item) error {
	for at := int64(len(it.octets)); at < it.size; {
		b, err := s.take()
		if err != nil {
			return err
		}
		next := item{kind: itemPiece, base: it.base, uid: it.uid}
		p, err := s.piece(it.uid, at)
		if err != nil {
			return s.lost(b, next, err)
		}
		if len(p) == 0 || at+int64(len(p)) > it.size {
			return s.lost(b, next, errSize)
		}
		at += int64(len(p))
		next.octets = b.keep(p)
		b.items = append(b.items, next)
		if err := s.give(b); err != nil {
			return err
		}
	}
	return nil
}

var errSize = errors.New("the message changed its size while it was read")

// lost ends a large message that cannot be had to its end; err is returned
// where it concerns more than this message.
func (s *source) lost(b *batch, it item, err error) error {
	begun := it.kind == itemPiece
	if err := it.lost(err); err != nil {
		return err
	}
	if begun && it.reason != stream.ReasonContradiction {
		// What stands in the stream already is taken back by a failure only.
		it.kind, it.reason = itemFailed, stream.ReasonTruncated
	}
	b.items = append(b.items, it)
	return s.give(b)
}

// lost makes the item one that could not be had, if err concerns it alone.
func (it *item) lost(err error) error {
	var one *imapconn.PartError
	switch {
	case err == errSize:
		it.kind, it.reason, it.text = itemFailed, stream.ReasonTruncated, err.Error()
	case folderReason(err) != "":
		it.kind, it.reason, it.text = itemFailed, folderReason(err), err.Error()
	case !errors.As(err, &one):
		return err
	case one.State == imapconn.Expunged:
		it.kind, it.text = itemGone, "it was expunged while it was read"
	default:
		it.kind, it.reason, it.text = itemFailed, stream.Reason(one.Reason), one.Text
	}
	return nil
}
