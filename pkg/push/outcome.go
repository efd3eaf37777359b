package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Outcome is what a run has done.
type Outcome struct {
	receipt.Sums
	Source, Destination string // user@host
	Begun               bool   // there was a plan to carry out
	Whole               bool   // and it was read to a good end
}

// String is the sum of a run: what was listed is what became of it.
func (o *Outcome) String() string {
	s := fmt.Sprintf("%s -> %s: %s listed = %s present + %s appended + %s rejected", o.Source, o.Destination,
		text.Thousands(o.Listed), text.Thousands(o.Present), text.Thousands(o.Appended), text.Thousands(o.Rejected))
	for _, more := range []struct {
		n    int64
		name string
	}{{o.Expunged, "expunged"}, {o.Failed, "failed"}, {o.Skipped, "skipped"}} {
		if more.n > 0 {
			s += fmt.Sprintf(" + %s %s", text.Thousands(more.n), more.name)
		}
	}
	if o.Deleted > 0 {
		s += fmt.Sprintf("; %s deleted", text.Thousands(o.Deleted))
	}
	if !o.Whole {
		s += " (the plan was not read to its end)"
	}
	return s
}
