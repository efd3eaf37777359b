package fetch

import (
	"cmp"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// batch is what one command gave of a window, in the order of the stream.
type batch struct {
	folder *stream.Folder
	items  []item
	slab   []byte

	excluded int // messages that the choice left out
	unlisted int // messages that are no news after all
}

// keep copies octets into the slab and returns the copy.
func (b *batch) keep(octets []byte) []byte {
	if full := slabSize + slabSlack; cap(b.slab) < full {
		b.slab = append(make([]byte, 0, full), b.slab...)
	}
	start := len(b.slab)
	b.slab = append(b.slab, octets...)
	return b.slab[start:len(b.slab):len(b.slab)]
}

// add puts an item behind the others.
func (b *batch) add(it item) { b.items = append(b.items, it) }

// messages returns how many messages have octets here, and how many octets.
func (b *batch) messages() (n int, octets int64) {
	for i := range b.items {
		if it := &b.items[i]; it.hasOctets() {
			n++
			octets += it.size
		}
	}
	return n, octets
}

// sort puts the items into the order of the stream.
func (b *batch) sort() {
	slices.SortFunc(b.items, func(x, y item) int { return cmp.Compare(x.uid, y.uid) })
}

// failRest makes items of those messages that have none, because the folder
// cannot be read any more.
func (b *batch) failRest(wants []want, err error) {
	came := map[uint64]bool{}
	for i := range b.items {
		came[b.items[i].uid] = true
	}
	for i := range wants {
		w := &wants[i]
		if !came[w.uid] && !w.skip {
			it := w.item(itemFailed)
			it.fail(folderReason(err), err.Error())
			b.add(it)
		}
	}
}

// doubtGone makes failures of selected messages that are not there: in a folder
// whose UIDVALIDITY does not tell, each may have another UID now.
func (b *batch) doubtGone() {
	for i := range b.items {
		if it := &b.items[i]; it.kind == itemGone && it.base != nil {
			it.fail(stream.ReasonUIDValidity,
				"no message has this UID now, and the UIDs of the folder may be others")
		}
	}
}
