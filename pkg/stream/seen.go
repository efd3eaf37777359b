package stream

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Seen remembers the messages of a stream by identity, so that one which a
// concatenation holds twice counts once. It takes about 12 octets a message.
type Seen struct {
	folders map[identity]*seenFolder
	last    *seenFolder
	where   identity
}

// identity is what a UID means something in.
type identity struct {
	user, host, folder string
	validity           uint32
}

type seenFolder struct {
	uids []uint32 // ascending
	sums [][8]byte
	late map[uint32][8]byte // came out of order
}

// Again tells whether a message of the stream that b began has come before.
// The same message with another sha256 is damage.
func (s *Seen) Again(b *Begin, m *Message) (bool, error) {
	f := s.folder(identity{b.User, b.Host, m.Folder, m.UIDValidity})
	var sum [8]byte
	if len(m.SHA256) == 64 {
		hex.Decode(sum[:], []byte(m.SHA256[:16]))
	}
	if n := len(f.uids); n == 0 || m.UID > f.uids[n-1] {
		f.uids, f.sums = append(f.uids, m.UID), append(f.sums, sum)
		return false, nil
	}
	before, ok := f.late[m.UID]
	if i, found := slices.BinarySearch(f.uids, m.UID); found {
		before, ok = f.sums[i], true
	}
	if !ok {
		if f.late == nil {
			f.late = map[uint32][8]byte{}
		}
		f.late[m.UID] = sum
		return false, nil
	}
	if zero := [8]byte{}; before != sum && before != zero && sum != zero {
		return true, exit.Wrap(exit.Data, &Error{Corrupt, fmt.Errorf("%s UID %d stands twice with different octets", quote(m.Folder), m.UID)})
	}
	return true, nil
}

func (s *Seen) folder(p identity) *seenFolder {
	if s.last != nil && s.where == p {
		return s.last
	}
	if s.folders == nil {
		s.folders = map[identity]*seenFolder{}
	}
	f := s.folders[p]
	if f == nil {
		f = &seenFolder{}
		s.folders[p] = f
	}
	s.last, s.where = f, p
	return f
}
