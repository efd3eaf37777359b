// Package exit holds the exit codes that the commands share, and says which of them an
// error is. Libraries give errors a kind (package fault); codes are for commands.
package exit

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Code is a process exit code. The values are part of the user's contract:
// see the table in README.md.
type Code int

// The exit codes, in the numbering of sysexits(3) where it has one.
const (
	OK          Code = 0
	Different   Code = 1   // imap-diff, where it was asked to tell
	Partial     Code = 3   // finished, but some messages or folders failed; each is listed
	Usage       Code = 64  // the command line, or a stream of the wrong kind
	Data        Code = 65  // a stream is damaged, cut or incomplete
	NoInput     Code = 66  // an input is missing, unreadable or names nothing
	Unavailable Code = 69  // cannot connect
	Bug         Code = 70  // a defect of ours
	CantCreate  Code = 73  // the destination is full or cannot create
	IO          Code = 74  // local read or write error
	Temporary   Code = 75  // a limit was reached or the server is busy: run again
	Protocol    Code = 76  // TLS or protocol error
	Login       Code = 77  // login refused
	Interrupted Code = 130 // SIGINT
	BrokenPipe  Code = 141 // the reader of our output went away
	Terminated  Code = 143 // SIGTERM
)

// precedence lists the codes from the one that hides all others to the least.
var precedence = []Code{Interrupted, Terminated, BrokenPipe, Bug, Usage, NoInput, Login, Protocol, Unavailable,
	CantCreate, IO, Temporary, Data, Partial, Different, OK}

// Worse returns the code that wins when both apply. A code that is not in the
// table (from an abort record of a later version) wins over Partial.
func Worse(a, b Code) Code {
	if rank(b) < rank(a) {
		return b
	}
	return a
}

func rank(c Code) int {
	for i, p := range precedence {
		if p == c {
			return 2 * i
		}
	}
	return 2*len(precedence) - 7 // between Data and Partial
}

// codes are the exit codes of errors that have a kind.
var codes = map[fault.Kind]Code{
	fault.None: OK, fault.Bug: Bug, fault.Usage: Usage, fault.Data: Data, fault.NoInput: NoInput,
	fault.Unavailable: Unavailable, fault.CantCreate: CantCreate, fault.IO: IO, fault.Temporary: Temporary,
	fault.Protocol: Protocol, fault.Login: Login, fault.Partial: Partial, fault.Stopped: Interrupted,
}

// Error is a failure with its exit code.
type Error struct {
	Code Code
	Err  error
	hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ExitCode returns the code as a number.
func (e *Error) ExitCode() int { return int(e.Code) }

// Hint returns what the user can do about the error, or "".
func (e *Error) Hint() string { return e.hint }

// Kind returns what the code means to packages that know no codes.
func (e *Error) Kind() fault.Kind {
	for kind, code := range codes {
		if code == e.Code {
			return kind
		}
	}
	return fault.Stopped
}

// Errorf makes an error with a code; the format is that of fmt.Errorf.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Wrap gives err a code unless it has a code or a kind already. Wrap(c, nil) is nil.
func Wrap(code Code, err error) error {
	if err == nil || HasCode(err) {
		return err
	}
	return &Error{Code: code, Err: err}
}

// HasCode reports whether err has a code or a kind.
func HasCode(err error) bool {
	var known fault.Classified
	return errors.As(err, &known)
}

// WithHint adds what the user can do about the error.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// CodeOf returns the code of err: OK for nil, that of its kind, or Bug for an error
// that has none. An error that brings a code along, as an abort record does, has that.
func CodeOf(err error) Code {
	var known fault.Classified
	if errors.As(err, &known) {
		if own, ok := known.(interface{ ExitCode() int }); ok {
			return Code(own.ExitCode())
		}
	}
	if code, known := codes[fault.KindOf(err)]; known {
		return code
	}
	return Bug
}

// NumberOf returns the code of err as a number.
func NumberOf(err error) int { return int(CodeOf(err)) }

// HintOf returns the hint that err carries, or "".
func HintOf(err error) string { return fault.HintOf(err) }
