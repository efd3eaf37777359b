// Package match pairs the messages of a source with those of a destination folder,
// by key as a multiset. Within one key they are paired by what else is known of
// them, so that never one message is lost and another doubled in its place.
package match

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Evidence is what is known of one message, packed: there may be millions.
type Evidence struct {
	Key      [16]byte
	SHA      [16]byte // first half of the sha256
	Received uint32   // digest of the Received lines, 0 if not known
	Date     uint32   // INTERNALDATE in seconds since 1970, 0 if not known
	Size     uint32   // bytes, at most 2^32-1; 0 if not known
	PackedUID
	Rung  uint8 // of the key's ladder
	Known uint8
	Flags uint16 // number in the FlagLists of the folder; of a source message: of the flags it is to have
}

// PackedUID is a UID in 8 bytes at a place that is a multiple of 4: a uint64
// would make each entry 4 bytes larger.
type PackedUID struct{ low, high uint32 }

// PackUID packs a UID.
func PackUID(uid uint64) PackedUID { return PackedUID{uint32(uid), uint32(uid >> 32)} }

func (p PackedUID) UID() uint64 { return uint64(p.high)<<32 | uint64(p.low) }

const (
	KnownSHA uint8 = 1 << iota
	KnownTwin
	ReceivedRead // received is what there is: 0 means that it has no Received lines
	DateUnknown  // the server does not say its INTERNALDATE
)

// EvidenceOf packs a message record.
func EvidenceOf(m *stream.Message) Evidence {
	e := Evidence{PackedUID: PackUID(m.UID), Date: Seconds(m.InternalDate), Size: uint32(min(m.Size, 1<<32-1))}
	e.SetKey(m.Key)
	e.SetReceived(m.Received)
	e.SetSHA(m.SHA256)
	if m.Twin {
		e.Known |= KnownTwin
	}
	if m.Lacks(stream.ItemDate) {
		e.Known |= DateUnknown
	}
	return e
}

// SetKey packs a key: the rung of the ladder and 32 hexadecimal digits.
func (e *Evidence) SetKey(key string) {
	rung, digits, _ := strings.Cut(key, ":")
	for _, c := range []byte(rung) {
		e.Rung = e.Rung*31 + c
	}
	if len(digits) == 32 {
		if _, err := hex.Decode(e.Key[:], []byte(digits)); err == nil {
			return
		}
	}
	copy(e.Key[:], digits) // of a program that makes keys in another way
}

func (e *Evidence) SetReceived(digest string) {
	v, _ := strconv.ParseUint(digest, 16, 64)
	e.Received = uint32(v ^ v>>32)
}

func (e *Evidence) SetSHA(digest string) {
	if len(digest) == 64 {
		if _, err := hex.Decode(e.SHA[:], []byte(digest[:32])); err == nil {
			e.Known |= KnownSHA
		}
	}
}

func (e *Evidence) Has(bit uint8) bool { return e.Known&bit != 0 }

// DateText returns the INTERNALDATE as RFC 3339 in UTC, "" if it is not known.
func (e *Evidence) DateText() string {
	if e.Date == 0 {
		return ""
	}
	return time.Unix(int64(e.Date), 0).UTC().Format(time.RFC3339)
}

// Seconds reads an RFC 3339 date; what is none, or before 1970, is 0.
func Seconds(date string) uint32 {
	seconds := stream.Date(date).Unix()
	if seconds < 0 || seconds > 1<<32-1 {
		return 0
	}
	return uint32(seconds)
}

// looksLike reports whether everything that is known of both speaks for one
// message: the same size, INTERNALDATE and, where known, Received lines.
func (e *Evidence) looksLike(o *Evidence) bool {
	sameWay := e.Received == o.Received || e.Received == 0 || o.Received == 0
	return e.Size == o.Size && e.Date == o.Date && sameWay && e.agrees(o)
}

// agrees reports whether anything but the key speaks for one message: the size,
// INTERNALDATE, Received lines or bytes are known of both and the same. What is
// unknown of one of them neither agrees nor differs.
func (e *Evidence) agrees(o *Evidence) bool {
	return e.Size != 0 && e.Size == o.Size || e.Date != 0 && e.Date == o.Date ||
		e.Received != 0 && e.Received == o.Received || e.BothHashed(o) && e.SHA == o.SHA
}

// Differs names what is known of both messages and is not the same.
func (e *Evidence) Differs(o *Evidence) (names []string) {
	for _, x := range []struct {
		name string
		a, b uint32
	}{{"size", e.Size, o.Size}, {"internaldate", e.Date, o.Date}, {"received", e.Received, o.Received}} {
		if x.a != 0 && x.b != 0 && x.a != x.b {
			names = append(names, x.name)
		}
	}
	return names
}

// BothHashed reports whether the bytes of the two can be compared.
func (e *Evidence) BothHashed(o *Evidence) bool { return e.Has(KnownSHA) && o.Has(KnownSHA) }

// Trait is a set of things that two messages can have in common. As a number
// it says how much that speaks for their being one.
type Trait uint8

const (
	SameSize Trait = 1 << iota
	SameDate
	sameReceived
	sameOctets
	allTraits = sameOctets | sameReceived | SameDate | SameSize
)

// signature is what a message has of some traits. Two messages have those
// traits in common when their signatures are equal and ok.
type signature struct {
	sha                  [16]byte
	received, date, size uint32
	flags                uint16 // where pairs with equal flags go first
}

func (e *Evidence) signature(of Trait) (s signature, ok bool) {
	if of&SameSize != 0 {
		s.size = e.Size
	}
	if of&SameDate != 0 {
		s.date = e.Date
	}
	if of&sameReceived != 0 {
		s.received = e.Received
	}
	if of&sameOctets != 0 {
		s.sha = e.SHA
	}
	known := (of&SameSize == 0 || e.Size != 0) && (of&SameDate == 0 || e.Date != 0) &&
		(of&sameReceived == 0 || e.Received != 0) && (of&sameOctets == 0 || e.Has(KnownSHA))
	return s, known
}

// rungs are the names of the rungs of the ladder that keys come from.
var rungs = []string{"recipe", "origin", "header", "body"}

// KeyText spells a key, "" where it is none of ours.
func (e *Evidence) KeyText() string {
	for _, rung := range rungs {
		o := Evidence{}
		if o.SetKey(rung + ":"); o.Rung == e.Rung {
			return rung + ":" + hex.EncodeToString(e.Key[:])
		}
	}
	return ""
}

func (e *Evidence) SetDigest(sum [sha256.Size]byte) {
	copy(e.SHA[:], sum[:])
	e.Known |= KnownSHA
}

// ShortKey is a part of a key, never 0.
func (e *Evidence) ShortKey() uint32 {
	return max(1, binary.LittleEndian.Uint32(e.Key[:])^uint32(e.Rung))
}
