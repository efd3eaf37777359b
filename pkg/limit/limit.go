// Package limit bounds a run: how fast messages may go, how many octets of
// them, and how many refusals are too many.
package limit

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Limits bound a run. The zero value bounds nothing.
type Limits struct {
	Rates  []Rate // all of them hold
	Octets int64  // of message bodies; 0: no bound
	Errors int64  // messages that fail before the run stops; 0: no bound
}

// Causes of errors, for commands: the bound at which a run stopped.
var (
	ErrOctets = errors.New("the bound on octets is reached")
	ErrErrors = errors.New("the bound on failures is reached")
)

// ReachedError says that a run stopped at a bound that the user set. It is
// fault.Temporary: what was done is done, and another run does more.
type ReachedError struct {
	text string
}

func (e *ReachedError) Error() string { return e.text }

// OctetsReached is the error of a run that stopped before its octets were more
// than limit.
func OctetsReached(limit int64) error {
	text := fmt.Sprintf("stopped: the next message would make it more than %d octets", limit)
	return fault.New(fault.Temporary, &ReachedError{text}).Because(ErrOctets)
}

// ErrorsReached is the error of a run that stopped after so many failures.
// It is not fault.Partial, for that says that a run came to its end.
func ErrorsReached(limit int64) error {
	text := fmt.Sprintf("stopped: %s %s failed", text.Count(limit, "message or folder"),
		text.Either(limit, "has", "have"))
	return fault.New(fault.Temporary, &ReachedError{text}).Because(ErrErrors)
}

// Budget counts octets against a bound.
type Budget struct {
	bound, spent int64
}

// NewBudget makes a Budget of so many octets; 0 is no bound.
func NewBudget(octets int64) Budget { return Budget{bound: octets} }

// Fits reports whether so many octets more stay within the bound.
func (b *Budget) Fits(octets int64) bool { return b.bound == 0 || octets <= b.bound-b.spent }

// FitsNever reports whether a message is above the bound by itself: no run with
// this bound could take it.
func (b *Budget) FitsNever(octets int64) bool { return b.bound > 0 && octets > b.bound }

// Spend counts octets.
func (b *Budget) Spend(octets int64) { b.spent += octets }

// TooLarge says why a message that fits never is left out.
func (b *Budget) TooLarge(octets int64) string {
	return fmt.Sprintf("it has %d octets, more than the %d that a run may move", octets, b.bound)
}
