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
	known map[string]uint16 // nil where they are few
}

// UnknownFlags is the number of flags that are not known, and of every list
// beyond the first 65,535.
const UnknownFlags = 1<<16 - 1

func (s *FlagLists) number(flags []string) uint16 {
	if !slices.IsSorted(flags) {
		flags = slices.Sorted(slices.Values(flags))
	}
	list := strings.Join(flags, " ")
	if n, ok := s.find(list); ok {
		return n
	}
	if len(s.lists) == UnknownFlags {
		return UnknownFlags
	}
	s.lists = append(s.lists, list)
	switch {
	case s.known != nil:
		s.known[list] = uint16(len(s.lists) - 1)
	case len(s.lists) == fewLists:
		s.known = map[string]uint16{}
		for n, list := range s.lists {
			s.known[list] = uint16(n)
		}
	}
	return uint16(len(s.lists) - 1)
}

// fewLists is how many lists are looked through without a map: most folders have
// fewer, and there may be many folders.
const fewLists = 8

func (s *FlagLists) find(list string) (uint16, bool) {
	if s.known != nil {
		n, ok := s.known[list]
		return n, ok
	}
	n := slices.Index(s.lists, list)
	return uint16(n), n >= 0
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
