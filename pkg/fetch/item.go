package fetch

import (
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// item is one thing that the connection gave: a message with its octets, a
// piece of a large one, or that it could not be had.
type item struct {
	kind itemKind
	base *stream.Message // the record of a selection, or nil

	uid  uint64
	size int64
	twin bool
	news bool // see want
	bare bool // it is told without its octets
	attributes
	octets []byte // in the batch's slab
	// identity is what the header says, nil where the emitter is to read it
	// from the octets.
	identity *identity

	reason stream.Reason // of itemFailed
	text   string
	record stream.Record // of itemRecord
	passed bool          // the record is not ours, but of the stream that selects
}

// attributes are what the server says of a message beside its octets.
type attributes struct {
	flags []string
	date  string
	gmail imapconn.Gmail
	// What it did not say, and RFC822.SIZE: -1 where that is not known.
	unknown imapconn.Unknown
	claim   int64
}

// take takes over what the server said. The date may be known from the listing.
func (a *attributes) take(m *imapconn.Message, w *want) {
	a.flags, a.date, a.gmail, a.unknown = slices.Clone(m.Flags), m.InternalDate, m.Gmail, m.Unknown
	a.claim = m.Size
	if m.Unknown.Has(imapconn.UnknownDate) && w.date != 0 {
		a.date = unpackDate(w.date)
		a.unknown &^= imapconn.UnknownDate
	}
}

// missing makes the item of a message that could not be had.
func (it *item) missing(m *imapconn.Message) {
	if m.State == imapconn.Expunged {
		it.kind = itemGone
		return
	}
	it.fail(stream.Reason(m.Reason), m.Text)
}

// fail makes the item a failure.
func (it *item) fail(reason stream.Reason, text string) {
	it.kind, it.reason, it.text = itemFailed, reason, text
}

// lost makes the item one that could not be had, if err concerns it alone.
func (it *item) lost(err error) error {
	var one *imapconn.PartError
	switch {
	case err == errSize:
		it.fail(stream.ReasonTruncated, err.Error())
	case folderReason(err) != "":
		it.fail(folderReason(err), err.Error())
	case !errors.As(err, &one):
		return err
	case one.State == imapconn.Expunged:
		it.kind, it.text = itemGone, "it was expunged while it was read"
	default:
		it.fail(stream.Reason(one.Reason), one.Text)
	}
	return nil
}

// hasOctets reports whether the octets of a message begin with the item.
func (it *item) hasOctets() bool { return (it.kind == itemMessage || it.kind == itemLarge) && !it.bare }

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
	header        []byte // what people are shown of it, as JSON
}

// identityOf appends to slab what is kept there.
func identityOf(scan *headerkey.Scanner, slab *[]byte) *identity {
	start := len(*slab)
	*slab = canonical.AppendObject(*slab, scan.Shown())
	return &identity{scan.Sum().Key, scan.Received(), (*slab)[start:len(*slab):len(*slab)]}
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
