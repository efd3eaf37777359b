package fetch

import (
	"cmp"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// item is one thing that the connection gave: a message with its octets, a
// piece of a large one, or that it could not be had.
type item struct {
	kind itemKind
	base *stream.Message // the record of a selection, or nil

	uid   uint64
	flags []string
	date  string
	size  int64
	twin  bool
	gmail imapconn.Gmail
	// What the server did not say, and RFC822.SIZE: -1 where that is not known.
	unknown imapconn.Unknown
	claim   int64
	news    bool   // see want
	bare    bool   // it is told without its octets
	octets  []byte // in the batch's slab
	// identity is what the header says, nil where the emitter is to read it
	// from the octets.
	identity *identity

	reason stream.Reason // of itemFailed
	text   string
	record stream.Record // of itemRecord
	passed bool          // the record is not ours, but of the stream that selects
}

// take takes over what the server said of a message beside its octets. The date
// may be known from the listing.
func (it *item) take(m *imapconn.Message, w *want) {
	it.flags, it.date, it.gmail, it.unknown = slices.Clone(m.Flags), m.InternalDate, m.Gmail, m.Unknown
	it.claim = m.Size
	if listed := unpackDate(w.date); m.Unknown.Has(imapconn.UnknownDate) && listed != "" {
		it.date = listed
		it.unknown &^= imapconn.UnknownDate
	}
}

// unknownItems returns how a record names what is unknown.
func unknownItems(u imapconn.Unknown) (names []string) {
	for _, e := range []struct {
		item imapconn.Unknown
		name string
	}{
		{imapconn.UnknownFlags, stream.ItemFlags}, {imapconn.UnknownLabels, stream.ItemLabels},
		{imapconn.UnknownDate, stream.ItemDate}, {imapconn.UnknownSize, stream.ItemSize},
	} {
		if u.Has(e.item) {
			names = append(names, e.name)
		}
	}
	return names
}

// identity is what a header says of its message.
type identity struct {
	key, received string
	header        []headerkey.Field
}

func identityOf(scan *headerkey.Scanner) *identity {
	return &identity{scan.Sum().Key, scan.Received(), scan.Header()}
}

type itemKind byte

const (
	itemMessage itemKind = iota // octets are the message; none where only headers are wanted
	itemLarge                   // a message begins; octets are its first piece
	itemPiece                   // octets go on with it
	itemGone
	itemFailed
	itemSkipped
	itemRecord // a record that passes through
)

// batch is what one window of a folder gave, in the order of the stream.
type batch struct {
	folder *stream.Folder
	items  []item
	slab   []byte
}

// keep copies octets into the slab and returns the copy.
func (b *batch) keep(octets []byte) []byte {
	start := len(b.slab)
	b.slab = append(b.slab, octets...)
	return b.slab[start:len(b.slab):len(b.slab)]
}

// sort puts the items into the order of the stream.
func (b *batch) sort() {
	slices.SortFunc(b.items, func(x, y item) int { return cmp.Compare(x.uid, y.uid) })
}
