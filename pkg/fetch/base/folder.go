package base

import (
	"cmp"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// Folder is what the base has of a folder.
type Folder struct {
	Entry    stream.Folder // the newest
	Messages []Message     // ascending by UID
	Whole    bool          // nothing of it failed when it was looked at last

	Doubted bool // STATUS says that it is as it was, and EXAMINE does not
}

// Message is a message that the base has.
type Message struct {
	flags    uint64 // hash of them, 0 where they are not known
	UID      uint64
	Key      uint32 // KeyHash of its key
	expunged bool   // only while the base is read
}

func byUID(a, b Message) int { return cmp.Compare(a.UID, b.UID) }

// find returns where a UID stands, or would.
func (f *Folder) find(uid uint64) (int, bool) {
	return slices.BinarySearchFunc(f.Messages, uid, func(m Message, uid uint64) int { return cmp.Compare(m.UID, uid) })
}

// Knows reports whether the base has a message.
func (f *Folder) Knows(uid uint64) bool {
	_, known := f.find(uid)
	return known
}

// FlagsDiffer reports whether the base has a message with other flags.
func (f *Folder) FlagsDiffer(uid uint64, flags []string) bool {
	i, known := f.find(uid)
	return known && f.Messages[i].flags != flagsHash(flags)
}

// Unlisted returns the messages of the base that are not among the listed UIDs,
// which are sorted.
func (f *Folder) Unlisted(listed []uint64) map[uint64]bool {
	unlisted := map[uint64]bool{}
	at := 0
	for _, m := range f.Messages {
		for at < len(listed) && listed[at] < m.UID {
			at++
		}
		if at == len(listed) || listed[at] != m.UID {
			unlisted[m.UID] = true
		}
	}
	return unlisted
}

// HasAll reports whether the base has as many messages as there were. One that was
// filtered lacks some, so that equal counts say nothing of what came and went.
func (f *Folder) HasAll() bool { return f.Whole && len(f.Messages) == int(f.Entry.Messages) }

// Sample returns the keys of up to n messages by UID, from the first to the last:
// of those whose key is known and which are not missing.
func (f *Folder) Sample(n int, missing map[uint64]bool) map[uint64]uint32 {
	candidates := func(yield func(Message) bool) {
		for _, m := range f.Messages {
			if m.Key != 0 && !missing[m.UID] && !yield(m) {
				return
			}
		}
	}
	count := 0
	for range candidates {
		count++
	}
	sample := map[uint64]uint32{}
	i := 0
	for m := range candidates {
		if len(sample) <= i*(n-1)/max(count-1, 1) {
			sample[m.UID] = m.Key
		}
		i++
	}
	return sample
}

// uids returns the UIDs of its messages as a set.
func (f *Folder) uids() string {
	uids := make([]uint64, len(f.Messages))
	for i := range f.Messages {
		uids[i] = f.Messages[i].UID
	}
	set, _ := uidset.Append(nil, uids, math.MaxInt, math.MaxInt)
	return string(set)
}

// LooksUnchanged reports whether a folder looks from outside as the base says.
func (f *Folder) LooksUnchanged(now *stream.Folder) bool {
	was := &f.Entry
	return now.UIDNext != 0 && now.UIDNext == was.UIDNext && now.Messages == was.Messages && now.HighestModSeq != "" &&
		now.HighestModSeq == was.HighestModSeq
}

// Continues reports whether what was known of the folder holds still: it is the same,
// and its UIDs have gone up.
func (f *Folder) Continues(now *stream.Folder) bool {
	return now.UIDValidity != 0 && now.UIDValidity == f.Entry.UIDValidity && !now.Unstable && !f.Entry.Unstable &&
		now.HoldsMessages() &&
		(now.UIDNext == 0 || now.UIDNext >= f.Entry.UIDNext)
}

// ModSeq returns the HIGHESTMODSEQ of a folder, 0 where that is not known.
func ModSeq(f *stream.Folder) uint64 {
	n, err := strconv.ParseUint(f.HighestModSeq, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

func flagsHash(flags []string) uint64 {
	h := fnv.New64a()
	for _, f := range flags {
		io.WriteString(h, f)
		h.Write([]byte{0})
	}
	return max(h.Sum64(), 1)
}

// KeyHash returns the hash of a key, 0 where there is none.
func KeyHash(key string) uint32 {
	if key == "" {
		return 0
	}
	h := fnv.New32a()
	io.WriteString(h, key)
	return max(h.Sum32(), 1)
}
