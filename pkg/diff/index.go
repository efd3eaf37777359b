package diff

import (
	"encoding/binary"
	"math"
	"runtime/debug"
)

// entry is one message of the destination.
type entry struct {
	evidence
	claimant uint32 // see matcher.claimant
	next     uint32 // the next entry of the same bucket, plus one
	flags    uint16 // index into the set of flag lists
	claimed  claim
}

// claim says what an entry has been taken for.
type claim uint8

const (
	unclaimed claim = iota
	reserved        // receipts name it: it waits for the message that it is
	certain         // by its sha256
	likely          // by its look alone; sha is the claimant's unless it is known
	loose           // for want of a better; whoever looks like it may have it
	keyAlone        // likewise, and nothing but the key speaks for it
)

// chunkSize is how many entries are allocated at a time: a slice that grows by
// doubling would need three times the memory while it is copied.
const chunkSize = 1 << 13

// entryOctets is about what a message takes, with its buckets.
const entryOctets = 72

// raiseMemoryGoal tells the collector that so much more is going to stay in
// use, where it was given a limit.
func raiseMemoryGoal(octets int64) {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64-octets {
		debug.SetMemoryLimit(limit + octets)
	}
}

// index holds the messages of one destination folder, about 68 octets each.
type index struct {
	chunks  [][]entry
	n       int
	buckets []uint32 // entry number plus one
}

func (x *index) at(i uint32) *entry { return &x.chunks[i/chunkSize][i%chunkSize] }

// add takes a message; the pointer stays valid.
func (x *index) add(e entry) *entry {
	if x.n == len(x.chunks)*chunkSize {
		x.chunks = append(x.chunks, make([]entry, 0, chunkSize))
		raiseMemoryGoal(chunkSize * entryOctets)
	}
	last := &x.chunks[len(x.chunks)-1]
	*last = append(*last, e)
	x.n++
	if x.n > len(x.buckets) {
		x.grow()
	} else {
		x.link(uint32(x.n - 1))
	}
	return x.at(uint32(x.n - 1))
}

// grow doubles the buckets and links every entry again.
func (x *index) grow() {
	x.buckets = make([]uint32, max(64, 2*len(x.buckets)))
	for i := range uint32(x.n) {
		x.link(i)
	}
}

func (x *index) link(i uint32) {
	e := x.at(i)
	b := x.bucket(&e.evidence)
	e.next = *b
	*b = i + 1
}

func (x *index) bucket(e *evidence) *uint32 {
	h := binary.LittleEndian.Uint64(e.key[:]) ^ binary.LittleEndian.Uint64(e.key[8:])
	h = (h ^ uint64(e.rung)) * 0x9e3779b97f4a7c15
	return &x.buckets[(h>>32)&uint64(len(x.buckets)-1)]
}

// group returns the entries with the key of e, in the order they were added,
// appended to dst: all, or the last limit of them.
func (x *index) group(dst []*entry, e *evidence, limit int) []*entry {
	if x.n == 0 {
		return dst
	}
	start := len(dst)
	for i := *x.bucket(e); i != 0 && len(dst)-start < limit; {
		o := x.at(i - 1)
		if o.key == e.key && o.rung == e.rung {
			dst = append(dst, o)
		}
		i = o.next
	}
	for i, j := start, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

// each calls fn for every entry, in the order they were added.
func (x *index) each(fn func(*entry)) {
	for _, c := range x.chunks {
		for i := range c {
			fn(&c[i])
		}
	}
}
