package destination

import (
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Source is a folder of the same account that messages are copied from. It is
// opened read-only.
type Source struct {
	Name   string
	Box    *imapconn.Selected // nil: it cannot be opened
	Reason stream.Reason      // why
	Text   string
}

// Source opens a folder that messages are copied from.
func (s *Session) Source(name string) (*Source, error) {
	if s.source != nil && s.source.Name == name {
		return s.source, nil
	}
	s.Leave()
	from := &Source{Name: name}
	mailbox, there := s.Boxes[name]
	if !there { // it may be somebody else's
		if err := s.List(folder.AllSpaces); err != nil {
			return nil, err
		}
		mailbox, there = s.Boxes[name]
	}
	s.source = from
	if !there || !mailbox.Selectable() {
		from.Reason, from.Text = stream.ReasonNoFolder, "the folder is not there"
		return from, nil
	}
	box, err := s.IMAP.Examine(s.Ctx, mailbox.Wire)
	switch {
	case Refused(err):
		from.Reason, from.Text = stream.ReasonFolderLost, err.Error()
	case err != nil:
		s.source = nil
		return nil, err
	}
	from.Box = box
	return from, nil
}

// ForgetSource makes Source open the folder anew.
func (s *Session) ForgetSource() { s.source = nil }

// SeenAtSource is what is seen of a message that is to be copied.
type SeenAtSource struct {
	State             imapconn.State
	Reason, Text, Key string
	Flags             []string
}

// LookAtSource looks at messages of a source folder, whose UIDs must be sorted, and
// returns what is seen, by UID.
func (s *Session) LookAtSource(from *Source, ms []*batch.Message) (map[uint64]*SeenAtSource, error) {
	s.Leave()
	seen := map[uint64]*SeenAtSource{}
	err := keys.Of(s.Ctx, from.Box, batch.UIDs(ms), s.Recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		x := &SeenAtSource{State: m.State, Reason: string(m.Reason), Text: m.Text, Flags: slices.Clone(m.Flags)}
		if id != nil {
			x.Key = id.Key
		}
		seen[m.UID] = x
		return nil
	})
	return seen, err
}

// HashAtSource reads messages of one folder for what they are known by, as far as
// they can be read.
func (s *Session) HashAtSource(ms []*batch.Message) error {
	if len(ms) == 0 {
		return nil
	}
	from, err := s.Source(ms[0].Folder)
	if err != nil || from.Box == nil {
		return err
	}
	byUID := map[uint64]*batch.Message{}
	for _, m := range ms {
		if m.UIDValidity == from.Box.UIDValidity {
			byUID[m.UID] = m
		}
	}
	s.Leave()
	size := func(uid uint64) int64 { return byUID[uid].Size }
	err = hashMessages(s, from.Box, slices.Sorted(maps.Keys(byUID)), size,
		func(uid uint64, l *headerkey.Loose, _ imapconn.State, _ string) {
			if m := byUID[uid]; m != nil {
				m.Loose = l
			}
		})
	if OfFolder(err) {
		return nil
	}
	return err
}
