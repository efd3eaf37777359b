package tie

import (
	"encoding/hex"
	"slices"
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

// TestCopiesBeyondThePlan: in two plans joined, messages that come beyond what the
// first has counted find their copies, though the tie was decided before.
func TestCopiesBeyondThePlan(t *testing.T) {
	const a, b = "X: 1\r\n\r\naa\r\n", "X: 1\r\n\r\nbb\r\n"
	there := &stream.Tie{ID: 1, Of: 2}
	for uid := range uint64(2) {
		l := loose(t, a)
		there.There = append(there.There, stream.Tied{UID: uid + 5, Size: l.Size,
			Digest: hex.EncodeToString(l.Whole[:]), Body: hex.EncodeToString(l.Body[:])})
	}
	var index Index
	var got []Answer
	for range 2 {
		index.Begin()
		index.Add(there)
		x := index.Find(&stream.Message{Tie: &stream.TieOf{ID: 1}})
		for _, content := range []string{a, b} {
			got = append(got, x.See([]Form{{Loose: loose(t, content)}}))
			if x.Complete() {
				x.Decide(nil)
			}
		}
	}
	if want := []Answer{Present, Missing, Present, Missing}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
