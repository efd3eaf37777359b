package match

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Message is one message of a destination folder.
type Message struct {
	Evidence Evidence
	Flags    []string

	FlagsUnknown bool
}

// MessageOf returns what is known of a message of an archive.
func MessageOf(m *stream.Message) Message {
	return Message{Evidence: EvidenceOf(m), Flags: m.Flags, FlagsUnknown: m.Lacks(stream.ItemFlags)}
}

// FlagLists keeps each list of flags once, sorted.
type FlagLists struct {
	lists []string
	known map[string]uint16
}

// UnknownFlags is the number of flags that are not known, and of every list
// beyond the first 65,535.
const UnknownFlags = 1<<16 - 1

func (s *FlagLists) number(flags []string) uint16 {
	if !slices.IsSorted(flags) {
		flags = slices.Sorted(slices.Values(flags))
	}
	list := strings.Join(flags, " ")
	if n, ok := s.known[list]; ok {
		return n
	}
	if len(s.lists) == UnknownFlags {
		return UnknownFlags
	}
	if s.known == nil {
		s.known = map[string]uint16{}
	}
	s.lists = append(s.lists, list)
	n := uint16(len(s.lists) - 1)
	s.known[list] = n
	return n
}

func (s *FlagLists) List(n uint16) (string, bool) {
	if n == UnknownFlags {
		return "", false
	}
	return s.lists[n], true
}

// FlagsOf returns the flags of an entry, nil where they are not known.
func (m *Matcher) FlagsOf(e *Entry) []string {
	list, ok := m.Flags.List(e.Flags)
	if !ok {
		return nil
	}
	return strings.Fields(list)
}
