package match

import (
	"encoding/binary"
	"sort"

	"github.com/imap-pipe/imap-pipe/pkg/memory"
)

// Entry is one message of the destination.
type Entry struct {
	Evidence
	Claimant uint32 // see matcher.claimant
	next     uint32 // the next entry of the same bucket, plus one
	Claimed  Claim
}

// Claim says what an entry has been taken for.
type Claim uint8

const (
	Unclaimed Claim = iota
	Reserved        // receipts name it: it waits for the message that it is
	Certain         // by its sha256
	Likely          // by its look alone; sha is the claimant's unless it is known
	Loose           // for want of a better; whoever looks like it may have it
	KeyOnly         // likewise, and nothing but the key speaks for it
)

// ChunkSize is how many entries are allocated at a time: a slice that grows by
// doubling would need three times the memory while it is copied.
const ChunkSize = 1 << 13

// entryOctets is about what a message takes, with its buckets.
const entryOctets = 72

// Store allocates the entries of many folders, so that a folder takes memory for the
// messages that it holds and no more. It is not safe for concurrent use.
type Store struct {
	free []Entry // of the last allocation
	last *index  // whose entries end where free begins
}

// index holds the messages of one destination folder, about 72 bytes each.
type index struct {
	store   *Store
	chunks  []chunk
	n       int
	buckets []uint32 // entry number plus one
}

// chunk is a run of entries whose numbers and places follow each other.
type chunk struct {
	first   uint32 // number
	entries []Entry
}

func (x *index) at(i uint32) *Entry {
	c := sort.Search(len(x.chunks), func(c int) bool { return x.chunks[c].first > i }) - 1
	return &x.chunks[c].entries[i-x.chunks[c].first]
}

// add takes a message; the pointer stays valid.
func (x *index) add(e Entry) *Entry {
	if x.store == nil {
		x.store = &Store{}
	}
	added := x.store.next(x)
	*added = e
	x.n++
	if x.n > len(x.buckets) {
		x.grow()
	} else {
		x.link(uint32(x.n - 1))
	}
	return added
}

// next returns the next free entry, which becomes the last of x.
func (s *Store) next(x *index) *Entry {
	if len(s.free) == 0 {
		s.free, s.last = make([]Entry, ChunkSize), nil
		memory.Keep(ChunkSize * entryOctets)
	}
	e := &s.free[0]
	if s.last == x {
		last := &x.chunks[len(x.chunks)-1].entries
		*last = (*last)[:len(*last)+1]
	} else {
		x.chunks = append(x.chunks, chunk{uint32(x.n), s.free[:1]})
	}
	s.free, s.last = s.free[1:], x
	return e
}

// grow doubles the buckets and links every entry again.
func (x *index) grow() {
	x.buckets = make([]uint32, max(1, 2*len(x.buckets)))
	for i := range uint32(x.n) {
		x.link(i)
	}
}

func (x *index) link(i uint32) {
	e := x.at(i)
	b := x.bucket(&e.Evidence)
	e.next = *b
	*b = i + 1
}

func (x *index) bucket(e *Evidence) *uint32 {
	h := binary.LittleEndian.Uint64(e.Key[:]) ^ binary.LittleEndian.Uint64(e.Key[8:])
	h = (h ^ uint64(e.Rung)) * 0x9e3779b97f4a7c15
	return &x.buckets[(h>>32)&uint64(len(x.buckets)-1)]
}

// Group returns the entries with the key of e, in the order they were added,
// appended to dst: all, or the last limit of them.
func (x *index) Group(dst []*Entry, e *Evidence, limit int) []*Entry {
	if x.n == 0 {
		return dst
	}
	start := len(dst)
	for i := *x.bucket(e); i != 0 && len(dst)-start < limit; {
		o := x.at(i - 1)
		if o.Key == e.Key && o.Rung == e.Rung {
			dst = append(dst, o)
		}
		i = o.next
	}
	for i, j := start, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

// Each calls fn for every entry, in the order they were added.
func (x *index) Each(fn func(*Entry)) {
	for _, c := range x.chunks {
		for i := range c.entries {
			fn(&c.entries[i])
		}
	}
}
