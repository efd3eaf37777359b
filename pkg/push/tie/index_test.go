package tie

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A tie whose messages stand in several streams is one. Two of the same number are
// two, and one of which not all is known is none.
func TestTieIndex(t *testing.T) {
	var s Index
	of := func(id uint64) *Tie { return s.Find(&stream.Message{Tie: &stream.TieOf{ID: id}}) }
	one := &stream.Tie{ID: 1, Of: 2, There: []stream.Tied{{UID: 3}}}
	s.Begin()
	s.Add(one)
	first := of(1)
	if first == nil || of(2) != nil {
		t.Fatal("not found")
	}
	for range 2 {
		s.Begin()
		s.Add(one)
	}
	if of(1) != first {
		t.Error("the tie does not go on")
	}
	s.Begin()
	if of(1) != nil {
		t.Error("a tie without a record in the stream")
	}
	s.Add(&stream.Tie{ID: 1, Of: 2, There: []stream.Tied{{UID: 4}}})
	if of(1) != nil { // it was asked for before
		t.Error("a record behind a message of its tie")
	}
	s.Begin()
	s.Add(&stream.Tie{ID: 1, Of: 2, There: []stream.Tied{{UID: 4}}})
	if x := of(1); x == nil || x == first {
		t.Error("another tie is taken for the first")
	}
	s.Begin()
	s.Add(&stream.Tie{ID: 5, Of: 2, There: make([]stream.Tied, maxExisting)})
	s.Add(&stream.Tie{ID: 5, Of: 2, There: make([]stream.Tied, 1)})
	s.Add(&stream.Tie{ID: 5, Of: 2, There: make([]stream.Tied, 1)})
	if of(5) != nil {
		t.Error("more than the bound is remembered")
	}
}
