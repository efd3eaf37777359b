package stream

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// AbortedError is what an abort record in an input means for whoever reads it.
type AbortedError struct{ Abort }

// Err returns the error that the record stands for.
func (a *Abort) Err() error { return &AbortedError{*a} }

func (e *AbortedError) Error() string { return fmt.Sprintf("%s stopped early: %s", e.Command, e.Text) }

// Kind is fault.Aborted.
func (e *AbortedError) Kind() fault.Kind { return fault.Aborted }

// Hint is empty: what can be done was said by whoever stopped.
func (e *AbortedError) Hint() string { return "" }

// ExitCode is the one that every command after the aborted one ends with.
func (e *AbortedError) ExitCode() int { return e.Exit }
