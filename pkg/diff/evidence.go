// Package diff compares a stream with a destination and plans what the
// destination lacks.
//
// Messages are matched by key as a multiset. Within one key they are paired by
// what else is known of them, so that never one message is lost and another
// doubled in its place.
package diff

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// evidence is what is known of one message, packed: there may be millions.
type evidence struct {
	key      [16]byte
	sha      [16]byte // first half of the sha256
	received uint32   // digest of the Received lines, 0 if not known
	date     uint32   // INTERNALDATE in seconds since 1970, 0 if not known
	size     uint32   // octets, at most 2^32-1; 0 if not known
	packedUID
	rung  uint8 // of the key's ladder
	known uint8
}

// packedUID is a UID in 8 octets at a place that is a multiple of 4: a uint64
// would make each entry 4 octets larger.
type packedUID struct{ low, high uint32 }

func packUID(uid uint64) packedUID { return packedUID{uint32(uid), uint32(uid >> 32)} }

func (p packedUID) uid() uint64 { return uint64(p.high)<<32 | uint64(p.low) }

const (
	knownSHA uint8 = 1 << iota
	knownTwin
	askedReceived // received is what there is: 0 means that it has no Received lines
	dateUnknown   // the server does not say its INTERNALDATE
)

// evidenceOf packs a message record.
func evidenceOf(m *stream.Message) evidence {
	e := evidence{packedUID: packUID(m.UID), date: seconds(m.InternalDate), size: uint32(min(m.Size, 1<<32-1))}
	e.setKey(m.Key)
	e.setReceived(m.Received)
	e.setSHA(m.SHA256)
	if m.Twin {
		e.known |= knownTwin
	}
	if m.Lacks(stream.ItemDate) {
		e.known |= dateUnknown
	}
	return e
}

// setKey packs a key: the rung of the ladder and 32 hexadecimal digits.
func (e *evidence) setKey(key string) {
	rung, digits, _ := strings.Cut(key, ":")
	for _, c := range []byte(rung) {
		e.rung = e.rung*31 + c
	}
	if len(digits) == 32 {
		if _, err := hex.Decode(e.key[:], []byte(digits)); err == nil {
			return
		}
	}
	copy(e.key[:], digits) // of a program that makes keys in another way
}

func (e *evidence) setReceived(digest string) {
	v, _ := strconv.ParseUint(digest, 16, 64)
	e.received = uint32(v ^ v>>32)
}

func (e *evidence) setSHA(digest string) {
	if len(digest) == 64 {
		if _, err := hex.Decode(e.sha[:], []byte(digest[:32])); err == nil {
			e.known |= knownSHA
		}
	}
}

func (e *evidence) has(bit uint8) bool { return e.known&bit != 0 }

// seconds reads an RFC 3339 date; what is none, or before 1970, is 0.
func seconds(date string) uint32 {
	t, err := time.Parse(time.RFC3339, date)
	if err != nil || t.Unix() < 0 || t.Unix() > 1<<32-1 {
		return 0
	}
	return uint32(t.Unix())
}

// looksLike tells whether everything that is known of both speaks for one
// message: the same size, INTERNALDATE and, where known, Received lines.
func (e *evidence) looksLike(o *evidence) bool {
	return e.size == o.size && e.date == o.date && (e.received == o.received || e.received == 0 || o.received == 0) && e.agrees(o)
}

// agrees reports whether anything but the key speaks for one message: the size,
// INTERNALDATE, Received lines or octets are known of both and the same. What is
// unknown of one of them neither agrees nor differs.
func (e *evidence) agrees(o *evidence) bool {
	return e.size != 0 && e.size == o.size || e.date != 0 && e.date == o.date ||
		e.received != 0 && e.received == o.received || e.bothSHA(o) && e.sha == o.sha
}

// differs names what is known of both messages and is not the same.
func (e *evidence) differs(o *evidence) (names []string) {
	for _, x := range []struct {
		name string
		a, b uint32
	}{{"size", e.size, o.size}, {"internaldate", e.date, o.date}, {"received", e.received, o.received}} {
		if x.a != 0 && x.b != 0 && x.a != x.b {
			names = append(names, x.name)
		}
	}
	return names
}

// bothSHA tells whether the octets of the two can be compared.
func (e *evidence) bothSHA(o *evidence) bool { return e.has(knownSHA) && o.has(knownSHA) }

// trait is a set of things that two messages can have in common. As a number
// it says how much that speaks for their being one.
type trait uint8

const (
	sameSize trait = 1 << iota
	sameDate
	sameReceived
	sameOctets
	allTraits = sameOctets | sameReceived | sameDate | sameSize
)

// signature is what a message has of some traits. Two messages have those
// traits in common when their signatures are equal and ok.
type signature struct {
	sha                  [16]byte
	received, date, size uint32
}

func (e *evidence) signature(of trait) (s signature, ok bool) {
	if of&sameSize != 0 {
		s.size = e.size
	}
	if of&sameDate != 0 {
		s.date = e.date
	}
	if of&sameReceived != 0 {
		s.received = e.received
	}
	if of&sameOctets != 0 {
		s.sha = e.sha
	}
	return s, (of&sameSize == 0 || e.size != 0) && (of&sameDate == 0 || e.date != 0) && (of&sameReceived == 0 || e.received != 0) && (of&sameOctets == 0 || e.has(knownSHA))
}
