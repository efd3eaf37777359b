package plan

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// ties are the choices of a plan that are left to whoever has the bytes. Each
// stream of the plan has a record of each choice that its messages may be part of,
// before these: what is there is known whichever of them can be read.
type ties struct {
	members map[uint32]member // by ordinal
	choices []*choice
	last    uint64 // id
}

// member is a message that is part of a choice.
type member struct {
	choice *choice
	spare  bool // it counts as there
}

// choice is what becomes of a tie in a plan.
type choice struct {
	id       uint64
	ordinals []uint32 // ascending
	there    []stream.Tied
}

// addTies takes ties over into the plan, and returns what they are there.
func (s *ties) addTies(all []match.Tie) (added []*choice) {
	for _, t := range all {
		s.last++
		c := &choice{id: s.last, ordinals: t.Ordinals, there: t.There}
		for _, ordinal := range t.Ordinals {
			if before, known := s.members[ordinal]; known {
				s.absorb(c, before.choice)
			}
		}
		if s.members == nil {
			s.members = map[uint32]member{}
		}
		for _, ordinal := range c.ordinals {
			s.members[ordinal] = member{c, s.members[ordinal].spare}
		}
		for _, ordinal := range t.Spare {
			s.members[ordinal] = member{c, true}
		}
		added = append(added, c)
	}
	s.choices = append(s.choices, added...)
	return added
}

// absorb makes one choice of two that have a message in common.
func (s *ties) absorb(c, other *choice) {
	c.ordinals = append(slices.Clone(c.ordinals), other.ordinals...)
	slices.Sort(c.ordinals)
	c.ordinals = slices.Compact(c.ordinals)
	for _, x := range other.there {
		if !slices.ContainsFunc(c.there, func(y stream.Tied) bool { return x.UID == y.UID }) {
			c.there = append(c.there, x)
		}
	}
	s.choices = slices.DeleteFunc(s.choices, func(x *choice) bool { return x == other })
	for _, ordinal := range other.ordinals {
		s.members[ordinal] = member{c, s.members[ordinal].spare}
	}
}

// since returns the choices with messages from an ordinal on.
func (s *ties) since(first uint32) (some []*choice) {
	for _, c := range s.choices {
		if c.ordinals[len(c.ordinals)-1] >= first {
			some = append(some, c)
		}
	}
	return some
}

// introduce writes the records of choices.
func (p *planner) introduce(some []*choice) error {
	for _, c := range some {
		tie := stream.Tie{ID: c.id, Of: len(c.ordinals), There: c.there}
		if err := p.write(tie.Split()); err != nil {
			return err
		}
	}
	return nil
}
