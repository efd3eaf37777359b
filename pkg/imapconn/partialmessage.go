package imapconn

import (
	"context"
	"hash/maphash"
)

// partialMessage is what is known of the message of a mailbox that is read in parts.
type partialMessage struct {
	x          *Selected
	uid        uint64
	claim      int64 // the largest size that was said of it, -1 if none
	asked      bool  // RFC822.SIZE was asked for
	small      bool  // it can be had in small parts only
	given      []givenPart
	places     map[partPlace]int // of those in given
	whole      *wholeFile        // it could be had whole only, and is here
	wholeTried bool
}

// givenPart is a part that was given to who asked for it.
type givenPart struct {
	partPlace
	hash uint64
}

// partPlace is where a part is in its message, in bytes.
type partPlace struct{ offset, count int64 }

var partSeed = maphash.MakeSeed()

// maxGiven bounds what is remembered of the parts of one message.
const maxGiven = 4096

// partsOf returns what is known of a message that is read in parts.
func (x *Selected) partsOf(uid uint64) *partialMessage {
	if x.partly.uid != uid || uid == 0 {
		if x.partly.whole != nil {
			x.partly.whole.file.Close()
		}
		x.partly = partialMessage{x: x, uid: uid, claim: -1}
	}
	return &x.partly
}

// Expect notes a size that is known of a message, from its listing or from a
// record: FetchPart and ReadParts hold its octets against this and RFC822.SIZE.
// 0 or less says nothing. It counts until another message is read in parts.
func (x *Selected) Expect(uid uint64, size int64) {
	if size > 0 {
		p := x.partsOf(uid)
		p.claim = max(p.claim, size)
	}
}

// sizeOf returns the largest size that is known of a message, -1 if none is.
func (p *partialMessage) sizeOf(ctx context.Context) (int64, error) {
	if p.asked {
		return p.claim, nil
	}
	p.asked = true
	err := p.x.Fetch(ctx, []uint64{p.uid}, Items{Size: true}, 0, func(m *Message) error {
		p.claim = max(p.claim, m.Size)
		return nil
	})
	return p.claim, err
}

// give notes a part that is given, and reports whether it is the same as when it
// was given before.
func (p *partialMessage) give(offset int64, octets []byte) bool {
	place, hash := partPlace{offset, int64(len(octets))}, maphash.Bytes(partSeed, octets)
	if i, again := p.places[place]; again {
		return p.given[i].hash == hash
	}
	if len(p.given) < maxGiven {
		if p.places == nil {
			p.places = map[partPlace]int{}
		}
		p.places[place] = len(p.given)
		p.given = append(p.given, givenPart{place, hash})
	}
	return true
}

// differs returns where a message that came whole differs from a part that was
// given of it, -1 if nowhere.
func (p *partialMessage) differs(w *wholeFile) (int64, error) {
	var buffer []byte
	var err error
	for _, g := range p.given {
		if buffer, err = w.part(buffer, g.offset, g.count); err != nil {
			return 0, err
		}
		if int64(len(buffer)) != g.count || maphash.Bytes(partSeed, buffer) != g.hash {
			return g.offset, nil
		}
	}
	return -1, nil
}
