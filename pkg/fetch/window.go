package fetch

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// fetch reads the wanted messages in windows, large ones alone.
func (s *source) fetch(wants []want) error {
	for len(wants) > 0 {
		n, err := s.some(wants)
		if err != nil {
			return err
		}
		wants = wants[n:]
	}
	return nil
}

// some reads as many of the wanted messages as go together, and returns how
// many it is done with.
func (s *source) some(wants []want) (int, error) {
	if s.budget.FitsNever(wants[0].size) {
		if wants[0].open { // perhaps nobody wants it
			return 1, s.large(wants[0])
		}
		return 1, s.leave(wants[0])
	}
	n, octets := 0, int64(0)
	for n < len(wants) && n < windowMessages && octets+wants[n].size <= slabSize {
		octets += max(wants[n].size, 1)
		n++
	}
	m, err := s.may(wants[:max(n, 1)])
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 1, s.large(wants[0])
	}
	return s.window(wants[:m])
}

// window reads messages that fit into one slab together, if the server's
// sizes are true. It stops before the first that does not fit, corrects its
// size, and returns how many it is done with.
func (s *source) window(wants []want) (int, error) {
	b, err := s.take()
	if err != nil {
		return 0, err
	}
	done := len(wants)
	items := imapconn.Items{Flags: true, InternalDate: true, Body: true, Gmail: s.gmail, Listed: listedSizes(wants)}
	err = s.box.Fetch(s.ctx, uids(wants), items, slabSize, func(m *imapconn.Message) error {
		i := find(wants, m.UID)
		it := item{base: wants[i].base, uid: m.UID, twin: wants[i].twin, news: wants[i].news}
		it.take(m, &wants[i])
		switch {
		case m.State != imapconn.Have:
			missing(&it, m)
		case m.Body == nil && m.Literal > 0, len(b.slab)+len(m.Body) > slabSize+slabSlack:
			wants[i].size, wants[i].claim, done = m.Literal, m.Size, min(done, i)
			return nil
		default:
			it.octets = b.keep(m.Body)
			it.size = int64(len(it.octets))
			wants[i].size = it.size // in case the window has to be read again
		}
		b.items = append(b.items, it)
		return nil
	})
	if err != nil {
		if folderReason(err) == "" {
			return 0, err
		}
		b.failRest(wants, err)
	}
	if err := s.sameAgain(b.items); err != nil {
		return 0, err
	}
	b.sort()
	if done < len(wants) {
		b.items = slices.DeleteFunc(b.items, func(it item) bool { return it.uid >= wants[done].uid })
	}
	if s.chooser != nil {
		if err := s.chooser.sift(b, wants); err != nil {
			return 0, err
		}
	}
	done, over := s.spend(b, wants, done)
	if err := s.give(b); err != nil {
		return 0, err
	}
	return done, over
}

// failAll hands over that none of some messages can be had, because the folder
// cannot be read any more. What was decided on some of them counts no more.
func (s *source) failAll(wants []want, err error) error {
	b, takeErr := s.take()
	if takeErr != nil {
		return takeErr
	}
	for i := range wants {
		wants[i].skip = false
	}
	b.failRest(wants, err)
	return s.give(b)
}

// failRest makes items of those messages that have none, because the folder
// cannot be read any more.
func (b *batch) failRest(wants []want, err error) {
	came := map[uint64]bool{}
	for i := range b.items {
		came[b.items[i].uid] = true
	}
	for _, w := range wants {
		if !came[w.uid] && !w.skip {
			b.items = append(b.items, item{kind: itemFailed, base: w.base, uid: w.uid, twin: w.twin, news: w.news,
				reason: folderReason(err), text: err.Error()})
		}
	}
}

// listedSizes returns what RFC822.SIZE was when messages were listed.
func listedSizes(wants []want) func(uint64) int64 {
	return func(uid uint64) int64 { return wants[find(wants, uid)].claim }
}

// missing makes an item of a message that could not be had.
func missing(it *item, m *imapconn.Message) {
	if m.State == imapconn.Expunged {
		it.kind = itemGone
		return
	}
	it.kind, it.reason, it.text = itemFailed, stream.Reason(m.Reason), m.Text
}
