package imaptest

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNoTrace is returned where processes cannot be traced.
var ErrNoTrace = errors.New("imaptest: no tracing of processes on this system")

// Step is a system call by which a traced process reaches outside of itself: it
// reads or writes a socket, a pipe or a file, flushes, cuts, makes, renames or
// removes a file, or connects. A read counts once it has given something, or the
// end.
type Step struct {
	Call string // "read", "write", "fsync", ...
	On   string // "socket", "pipe" or "file"
}

func (s Step) String() string { return s.Call + " " + s.On }

// Writes reports whether the step writes octets, so that it may be done by half.
func (s Step) Writes() bool { return s.Call == "write" }

// Happening is what befalls a traced process.
type Happening int

const (
	Nothing    Happening = iota
	KillBefore           // SIGKILL; the step is not done
	KillHalf             // SIGKILL after the first half of the octets was written
	KillAfter            // SIGKILL after the step
	Fail                 // the step fails; what a read has given is lost
)

func (h Happening) String() string {
	return [...]string{"nothing", "killed before", "killed in the middle of", "killed after", "failure of"}[h]
}

// Fault is what befalls a traced process at its nth step, from 1.
type Fault struct {
	N     int
	What  Happening
	Errno syscall.Errno // of Fail

	// AfterExec has the steps counted once the process has become another program,
	// as of a shell that ends in exec.
	AfterExec bool
}

func (f Fault) String() string {
	text := fmt.Sprintf("%v step %d", f.What, f.N)
	if f.What == Fail {
		text += ": " + f.Errno.Error()
	}
	return text
}
