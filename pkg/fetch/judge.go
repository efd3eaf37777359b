package fetch

import (
	"bytes"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// judge decides on the messages of one folder, by what a server's SEARCH and the
// listing left open. The nil judge takes all. It is safe for concurrent use.
type judge struct {
	filter  export.MessageFilter
	needs   search.Needs // of it
	largest uint64       // UID of the folder, where it is needed
}

// looksAhead reports whether headers decide. They are read apart from the
// messages, so that no message is read in vain.
func (j *judge) looksAhead() bool { return j != nil && j.needs.Header && !j.needs.Body }

// glance decides by what a listing tells, as far as that can be done.
func (j *judge) glance(m *imapconn.Message, w *want) {
	matches, decided := j.filter.Criteria.Glance(j.facts(m))
	w.left = decided && !matches
	w.open = !w.left && (!decided || !j.filter.Skip.IsZero())
}

// settle notes what is decided on a message.
func (j *judge) settle(w *want, facts search.Message) error {
	v, err := j.filter.Judge(facts)
	if err == nil {
		w.open, w.left, w.skip = false, v == export.Excluded, v == export.Skipped
	}
	return err
}

// decide judges a message that was fetched by its octets.
func (j *judge) decide(it *item, octets io.ReaderAt) (export.Verdict, error) {
	facts := search.Message{UID: it.uid, LargestUID: j.largest, Flags: it.flags, InternalDate: stream.Date(it.date),
		Size:         it.size,
		FlagsUnknown: it.unknown.Has(imapconn.UnknownFlags), DateUnknown: it.unknown.Has(imapconn.UnknownDate)}
	facts.Octets = octets
	return j.filter.Judge(facts)
}

// sift decides on the messages of a batch that are open, now that their octets
// are in hand.
func (j *judge) sift(b *batch, wants []want) error {
	if j == nil {
		return nil
	}
	kept := b.items[:0]
	for _, it := range b.items {
		v := export.Included
		if it.kind == itemMessage && wants[find(wants, it.uid)].open {
			var err error
			if v, err = j.decide(&it, bytes.NewReader(it.octets)); err != nil {
				return err
			}
		}
		if v == export.Included {
			kept = append(kept, it)
			continue
		}
		b.excluded++
		if v == export.Skipped {
			kept = append(kept, j.skipped(it.uid))
		}
	}
	b.items = kept
	return nil
}

// leaveOut adds to the batch what becomes of a large message that is not taken.
func (j *judge) leaveOut(b *batch, it *item, v export.Verdict) {
	b.excluded++
	it.kind = itemSkipped
	if v == export.Skipped {
		b.add(j.skipped(it.uid))
	}
}

// facts are what can be said of a message without its octets.
func (j *judge) facts(m *imapconn.Message) search.Message {
	return search.Message{UID: m.UID, LargestUID: j.largest, Flags: m.Flags,
		InternalDate: stream.Date(m.InternalDate), Size: m.Size,
		FlagsUnknown: m.Unknown.Has(imapconn.UnknownFlags), DateUnknown: m.Unknown.Has(imapconn.UnknownDate)}
}

// skipped names a message that is skipped.
func (j *judge) skipped(uid uint64) item {
	return item{kind: itemSkipped, uid: uid, text: j.filter.SkipText}
}
