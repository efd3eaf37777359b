package tie

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// maxExisting is how many messages at the destination an Index remembers. What is
// beyond is in doubt.
const maxExisting = 1 << 18

// Index finds the ties of a plan's messages. A tie of several streams has its
// record in each.
type Index struct {
	now, before map[uint64]*Tie // of this stream, and of the one before it
	joined      map[uint64]bool // it is known whether the one of this stream continues one before
	old         map[string]*Tie // of a plan of an earlier version, by target and key
	size        int             // of this stream
}

// Begin begins a stream.
func (s *Index) Begin() {
	for id := range s.now {
		s.join(id)
	}
	s.before, s.now, s.joined, s.old, s.size = s.now, map[uint64]*Tie{}, map[uint64]bool{}, map[string]*Tie{}, 0
}

// Add takes a record of a tie.
func (s *Index) Add(r *stream.Tie) {
	x, known := s.now[r.ID]
	if s.size += len(r.There); s.size > maxExisting || s.joined[r.ID] || known && x == nil {
		s.now[r.ID] = nil // not all of it is known
		return
	}
	if !known {
		x = &Tie{of: r.Of}
		s.now[r.ID] = x
	}
	for i := range r.There {
		y := &r.There[i]
		e := existing{uid: int64(y.UID), date: y.Date, size: y.Size, read: y.Digest != "", hasBody: y.Body != ""}
		hex.Decode(e.digest[:], []byte(y.Digest))
		hex.Decode(e.body[:], []byte(y.Body))
		x.there = append(x.there, e)
	}
}

// join lets a tie continue that the stream before had.
func (s *Index) join(id uint64) {
	if s.joined[id] {
		return
	}
	s.joined[id] = true
	if x, was := s.now[id], s.before[id]; x != nil && was != nil && x.of == was.of && slices.Equal(x.there, was.there) {
		s.now[id] = was
	}
}

// Find returns the tie of a message, or nil if it has none or the plan does not
// say what is there.
func (s *Index) Find(m *stream.Message) *Tie {
	switch {
	case m.Tie == nil:
		return nil
	case m.Tie.ID == 0:
		return s.findOld(m)
	}
	s.join(m.Tie.ID)
	return s.now[m.Tie.ID]
}

// findOld is Find for a plan in which the first message of a tie says what is there.
func (s *Index) findOld(m *stream.Message) *Tie {
	place := m.Target + "\x00" + m.Key
	if m.Tie.Digests == nil {
		return s.old[place]
	}
	x := &Tie{of: m.Tie.Of}
	if s.size += m.Tie.Drop; s.size > maxExisting {
		x = nil
	}
	for i := 0; x != nil && i < max(m.Tie.Drop, len(m.Tie.Digests)); i++ {
		var e existing
		if i < len(m.Tie.Digests) {
			digest, date, _ := strings.Cut(m.Tie.Digests[i], "@")
			n, err := hex.Decode(e.digest[:], []byte(digest[:min(len(digest), 2*len(e.digest))]))
			e.read = err == nil && n == len(e.digest)
			e.date, _ = strconv.ParseInt(date, 10, 64)
		}
		x.there = append(x.there, e)
	}
	s.old[place] = x
	return x
}
