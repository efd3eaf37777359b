package stream

import (
	"encoding/hex"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// Seen remembers the messages of a stream by identity, so that one which a
// concatenation holds twice counts once. It takes about 12 octets a message.
type Seen struct {
	folders map[identity]*seenFolder
	last    *seenFolder
	where   identity
	sum     *[8]byte // of the last message, for when its parts have come
	fresh   uint64   // its UID, if it had not come before, else 0
}

// identity is what a UID means something in.
type identity struct {
	account  account.Account
	folder   string
	validity uint64
}

type seenFolder struct {
	uids uidset.List
	sums [][8]byte
	late map[uint64]*[8]byte // came out of order
}

// Again reports whether a message of the stream that b began has come before.
// The same message with another sha256 is damage.
func (s *Seen) Again(b *Begin, m *Message) (bool, error) {
	f := s.folder(identity{b.Account(), m.Folder, m.UIDValidity})
	again := true
	if n := f.uids.Len(); n == 0 || m.UID > f.uids.Last() {
		f.uids.Append(m.UID)
		f.sums = append(f.sums, [8]byte{})
		s.sum, again = &f.sums[n], false
	} else if i, found := f.uids.Find(m.UID); found {
		s.sum = &f.sums[i]
	} else if s.sum = f.late[m.UID]; s.sum == nil {
		if f.late == nil {
			f.late = map[uint64]*[8]byte{}
		}
		s.sum, again = &[8]byte{}, false
		f.late[m.UID] = s.sum
	}
	if s.fresh = m.UID; again {
		s.fresh = 0
	}
	return again, s.compare(m.Folder, m.UID, m.SHA256)
}

// Part takes the body parts of the message that Again was last asked about:
// the last of them has its sha256.
func (s *Seen) Part(b *Body) error {
	if s.sum == nil {
		return nil
	}
	return s.compare(b.Folder, b.UID, b.SHA256)
}

// ForgetFolder drops a folder that a delta says is expunged: what comes of it after
// that is new.
func (s *Seen) ForgetFolder(b *Begin, v *FolderExpunged) {
	s.last = nil
	delete(s.folders, identity{b.Account(), v.Folder, v.UIDValidity})
}

// Forget takes back the message that Again was last asked about, for its parts
// did not all come: it does not exist, and is new when it comes again.
func (s *Seen) Forget() {
	if s.fresh == 0 {
		return
	}
	f := s.last
	if f.late[s.fresh] != nil {
		delete(f.late, s.fresh)
	} else {
		f.uids.DropLast()
		f.sums = f.sums[:f.uids.Len()]
	}
	s.fresh, s.sum = 0, nil
}

// compare holds a sha256, if there is one, against the one known before.
func (s *Seen) compare(folder string, uid uint64, digest string) error {
	var sum, unknown [8]byte
	if len(digest) == 64 {
		hex.Decode(sum[:], []byte(digest[:16]))
	}
	switch {
	case sum == unknown || sum == *s.sum:
	case *s.sum == unknown:
		*s.sum = sum
	default:
		return damage(Corrupt, fmt.Errorf("%s UID %d stands twice with different octets", quote(folder), uid))
	}
	return nil
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
