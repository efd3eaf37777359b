// Package fault says of what kind an error is, and what can be done about it. What a
// command makes of that is the command's business: see package exit.
package fault

import (
	"errors"
	"fmt"
)

// Kind is what an error means to whoever called.
type Kind uint8

// The kinds.
const (
	None        Kind = iota // no error
	Bug                     // a defect of ours, and what nobody gave a kind
	Usage                   // what is asked for cannot be, or not of such a stream
	Data                    // a stream is damaged, cut or incomplete
	NoInput                 // an input is missing, unreadable or names nothing
	Unavailable             // cannot connect
	CantCreate              // the destination is full or cannot create
	IO                      // local read or write error
	Temporary               // a limit was reached or the server is busy: try again
	Protocol                // TLS or protocol error
	Login                   // login refused
	Partial                 // finished, but some messages or folders failed; each is listed
	Aborted                 // whoever wrote the input stopped early
	Stopped                 // this process was told to stop, or nobody reads its output
)

// Classified is an error that knows its kind.
type Classified interface {
	error
	Kind() Kind
	Hint() string // one line without a full stop, or empty
}

// Error gives another error a kind.
type Error struct {
	kind Kind
	err  error
	hint string

	cause   error
	details []any
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Kind returns the kind of the error.
func (e *Error) Kind() Kind { return e.kind }

// Hint returns what can be done about the error, or "".
func (e *Error) Hint() string { return e.hint }

// WithHint adds what can be done about the error.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// Because names the cause of the error, which errors.Is finds: for commands, who know
// which of their options help. The details are what their advice has to repeat.
func (e *Error) Because(cause error, details ...any) *Error {
	e.cause, e.details = cause, details
	return e
}

// Is reports whether target is the cause of the error.
func (e *Error) Is(target error) bool { return e.cause != nil && e.cause == target }

// New gives err a kind, whichever it had.
func New(kind Kind, err error) *Error { return &Error{kind: kind, err: err} }

// Errorf makes an error of a kind; the format is that of fmt.Errorf.
func Errorf(kind Kind, format string, args ...any) *Error {
	return New(kind, fmt.Errorf(format, args...))
}

// Wrap gives err a kind unless it has one already. Wrap(kind, nil) is nil.
func Wrap(kind Kind, err error) error {
	var known Classified
	if err == nil || errors.As(err, &known) {
		return err
	}
	return New(kind, err)
}

// KindOf returns the kind of err: None for nil, Bug where nobody gave it one.
func KindOf(err error) Kind {
	var known Classified
	switch {
	case err == nil:
		return None
	case errors.As(err, &known):
		return known.Kind()
	}
	return Bug
}

// HintOf returns the hint that err carries, or "".
func HintOf(err error) string {
	var known Classified
	if errors.As(err, &known) {
		return known.Hint()
	}
	return ""
}

// CauseOf returns the cause of err that Because named, or nil.
func CauseOf(err error) error {
	if known := caused(err); known != nil {
		return known.cause
	}
	return nil
}

// DetailsOf returns the details of the cause of err, if it has any.
func DetailsOf(err error) []any {
	if known := caused(err); known != nil {
		return known.details
	}
	return nil
}

// caused returns the outermost error in err that has a cause, or nil.
func caused(err error) *Error {
	for known := (*Error)(nil); errors.As(err, &known); err = known.err {
		if known.cause != nil {
			return known
		}
	}
	return nil
}

// Instead gives an error the kind, the hint and the cause of another, and hides what
// else that one is.
func Instead(hidden, err error) *Error {
	return New(KindOf(hidden), err).WithHint("%s", HintOf(hidden)).
		Because(CauseOf(hidden), DetailsOf(hidden)...)
}

// ExitCode says with which code a process ends for an error: commands have one, for
// what is written about how a run ended. The nil ExitCode knows 0 and 1.
type ExitCode func(error) int

// Of returns the code of err.
func (c ExitCode) Of(err error) int {
	switch {
	case err == nil:
		return 0
	case c == nil:
		return 1
	}
	return c(err)
}
