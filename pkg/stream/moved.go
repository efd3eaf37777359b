package stream

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// moved finds folders whose messages stand in a concatenation twice, under two
// UIDVALIDITYs. By the identity of FORMAT.md section 9 they would be other
// messages, and each would count twice. A delta says of the earlier ones that
// they have gone. Streams that say nothing of one another are refused.
type moved map[digest]placed // by account and folder

// placed is where the messages of a folder stand.
type placed struct {
	validity, uid uint64 // of the first one
	key           digest
	unstable      bool
}

// maxMoved bounds it. Beyond that an unstable folder is refused.
const maxMoved = 1 << 18

func placeOf(b *Begin, folder string) digest { return digestOf(b.Account().String(), folder) }

// turn takes the first message of a folder in a stream. unstable is what the
// table of contents says of the folder.
func (x moved) turn(b *Begin, m *Message, unstable bool) error {
	at, now := placeOf(b, m.Folder), placed{m.UIDValidity, m.UID, digestOf(m.Key), unstable}
	was, again := x[at]
	switch {
	case again && was.validity == now.validity:
		was.unstable = was.unstable || unstable
		x[at] = was
		return nil
	case again && (was.unstable || unstable):
		return fmt.Errorf("folder %s stands in two streams, and its UIDVALIDITY is unstable: "+
			"which of its messages are the same cannot be told", quote(m.Folder))
	case again && was.uid == m.UID && was.key == now.key && m.Key != "":
		return fmt.Errorf("folder %s stands in two streams under the UIDVALIDITYs %d and %d, and begins with the same "+
			"message: its messages would count twice", quote(m.Folder), was.validity, m.UIDValidity)
	case !again && len(x) == maxMoved && unstable:
		return errors.New("too many folders to tell which of their messages are the same")
	case again || len(x) < maxMoved:
		x[at] = now
	}
	return nil
}

// forget drops a folder that a delta says is expunged.
func (x moved) forget(b *Begin, v *FolderExpunged) {
	if at := placeOf(b, v.Folder); x[at].validity == v.UIDValidity {
		delete(x, at)
	}
}

// takesTurn notes that the messages of the i-th folder begin.
func (s *section) takesTurn(i int, m *Message) error {
	if i == s.contents.at {
		return nil
	}
	s.contents.at = i
	if err := s.moved.turn(s.begin, m, s.contents.unstable[i]); err != nil {
		return fault.New(fault.Data, &Error{Corrupt, fmt.Errorf("record %d: %w", s.counts.records+1, err)}).
			Because(ErrFolderIsTwo)
	}
	return nil
}
