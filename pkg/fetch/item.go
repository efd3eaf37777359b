package fetch

import (
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

	uid    uint32
	flags  []string
	date   string
	size   int64
	twin   bool
	gmail  imapconn.Gmail
	news   bool   // see want
	bare   bool   // it is told without its octets
	octets []byte // in the batch's slab
	// identity is what the header says, nil where the emitter is to read it
	// from the octets.
	identity *identity

	reason stream.Reason // of itemFailed
	text   string
	record stream.Record // of itemRecord
	passed bool          // the record is not ours, but of the stream that selects
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
	slices.SortFunc(b.items, func(x, y item) int { return int(int64(x.uid) - int64(y.uid)) })
}
