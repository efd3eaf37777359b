package fetch

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
)

// shown are the header fields that a record has beside those of the key.
var shown = []string{"MESSAGE-ID", "DATE", "FROM", "SUBJECT", "RECEIVED"}

// headers reads the headers of one window of messages. A message whose key
// cannot be told from the fields that the server gave is read until its header
// ends, so that it has the key that its body would give.
func (s *source) headers(wants []want) error {
	b, err := s.take()
	if err != nil {
		return err
	}
	items := keys.Items(s.recipe, shown...)
	items.Gmail = s.gmail
	err = s.box.Fetch(s.ctx, uids(wants), items, 0, func(m *imapconn.Message) error {
		w := &wants[find(wants, m.UID)]
		if w.news && m.Unknown.Has(imapconn.UnknownFlags) {
			s.listed-- // flags that are not known are no news
			return nil
		}
		it := item{uid: m.UID, twin: w.twin, news: w.news, bare: true, size: max(m.Size, w.claim, 0)}
		it.take(m, w)
		if it.size > 0 {
			it.unknown &^= imapconn.UnknownSize
		}
		if m.State != imapconn.Have {
			missing(&it, m)
		} else {
			s.scan.Reset()
			s.scan.Write(m.Header)
			if s.scan.Sum().Complete {
				it.identity = identityOf(s.scan)
			}
		}
		b.items = append(b.items, it)
		return nil
	})
	if err != nil {
		if folderReason(err) == "" {
			return err
		}
		b.failRest(wants, err)
	}
	if err := s.sameAgain(b.items); err != nil {
		return err
	}
	for _, w := range wants {
		if w.skip {
			b.items = append(b.items, s.chooser.skip(w.uid))
		}
	}
	b.sort()
	if err := s.deepen(b); err != nil {
		if folderReason(err) == "" {
			return err
		}
		b.items = slices.DeleteFunc(b.items, func(it item) bool { return it.kind == itemMessage && it.identity == nil })
		b.failRest(wants, err)
		b.sort()
	}
	return s.give(b)
}

// deepen reads the messages of a batch whose key is not known yet. The items are
// sorted.
func (s *source) deepen(b *batch) error {
	var some []*item
	var uids []uint64
	for i := range b.items {
		if it := &b.items[i]; it.kind == itemMessage && it.identity == nil {
			some, uids = append(some, it), append(uids, it.uid)
		}
	}
	of := func(uid uint64) *item {
		i, _ := slices.BinarySearch(uids, uid)
		return some[i]
	}
	return keys.DeepenAll(s.ctx, s.box, uids, func(uid uint64) int64 { return of(uid).size }, s.scan,
		func(uid uint64, err error) error {
			if err != nil {
				return of(uid).lost(err)
			}
			of(uid).identity = identityOf(s.scan)
			return nil
		})
}
