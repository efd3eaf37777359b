package fetch

import (
	"context"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
)

// shown are the header fields that a record has beside those of the key.
var shown = []string{"MESSAGE-ID", "DATE", "FROM", "SUBJECT", "RECEIVED"}

// headers reads the headers of one window of messages. A message whose key
// cannot be told from the fields that the server gave is read until its header
// ends, so that it has the key that its body would give.
func (r *windowReader) headers(ctx context.Context, w window) error {
	return r.batch(ctx, w, func(b *batch) error {
		err := r.headerFields(ctx, w, b)
		if err != nil {
			if folderReason(err) == "" {
				return err
			}
			b.failRest(w.wants, err)
		}
		if err := r.sameAgain(ctx, b.items); err != nil {
			return err
		}
		for _, one := range w.wants {
			if one.skip {
				b.add(w.judge.skipped(one.uid))
			}
		}
		b.sort()
		if err := r.deepen(ctx, b); err != nil {
			if folderReason(err) == "" {
				return err
			}
			b.items = slices.DeleteFunc(b.items,
				func(it item) bool { return it.kind == itemMessage && it.identity == nil })
			b.failRest(w.wants, err)
			b.sort()
		}
		return nil
	})
}

// headerFields makes items of what one command says of the messages.
func (r *windowReader) headerFields(ctx context.Context, w window, b *batch) error {
	items := keys.Items(r.recipe, shown...)
	items.Gmail = r.gmail
	return r.box.Fetch(ctx, uids(w.wants), items, 0, func(m *imapconn.Message) error {
		one := &w.wants[find(w.wants, m.UID)]
		if one.news && m.Unknown.Has(imapconn.UnknownFlags) {
			b.unlisted++ // flags that are not known are no news
			return nil
		}
		it := one.item(itemMessage)
		it.bare, it.size = true, max(m.Size, one.claim, 0)
		it.take(m, one)
		if it.size > 0 {
			it.unknown &^= imapconn.UnknownSize
		}
		if m.State != imapconn.Have {
			it.missing(m)
		} else {
			r.scan.Reset()
			r.scan.Write(m.Header)
			if r.scan.Sum().Complete {
				it.identity = identityOf(r.scan, &b.slab)
			}
		}
		b.add(it)
		return nil
	})
}

// deepen reads the messages of a batch whose key is not known yet. The items are
// sorted.
func (r *windowReader) deepen(ctx context.Context, b *batch) error {
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
	return keys.DeepenAll(ctx, r.box, uids, func(uid uint64) int64 { return of(uid).size }, r.scan,
		func(uid uint64, err error) error {
			if err != nil {
				return of(uid).lost(err)
			}
			of(uid).identity = identityOf(r.scan, &b.slab)
			return nil
		})
}
