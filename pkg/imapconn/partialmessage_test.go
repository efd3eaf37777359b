package imapconn

import (
	"fmt"
	"testing"
)

// TestPartsGiven: a part that comes again is known by its place and its octets, and
// so is each of many.
func TestPartsGiven(t *testing.T) {
	p := partialMessage{}
	for offset := range int64(maxGiven + 10) {
		if !p.give(offset, []byte(fmt.Sprint("part ", offset))) {
			t.Fatalf("%d is new, and differs", offset)
		}
	}
	for _, test := range []struct {
		offset int64
		octets string
		same   bool
	}{
		{7, "part 7", true},
		{7, "part 8", false},
		{7, "part", true}, // a part of another length says nothing
		{maxGiven - 1, fmt.Sprint("part ", maxGiven-1), true},
		{maxGiven - 1, "part 9999", false},
		{maxGiven, "part 9999", true}, // beyond what is remembered
	} {
		if got := p.give(test.offset, []byte(test.octets)); got != test.same {
			t.Errorf("%d %s: %v", test.offset, test.octets, got)
		}
	}
	if len(p.given) != maxGiven || len(p.places) != maxGiven {
		t.Errorf("%d parts and %d places", len(p.given), len(p.places))
	}
}
