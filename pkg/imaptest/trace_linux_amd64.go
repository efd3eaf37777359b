package imaptest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

const (
	ptraceExitKill = 0x100000   // PTRACE_O_EXITKILL
	waitNoThread   = 0x20000000 // __WNOTHREAD: no children of other threads
	sysgood        = 0x80       // of the signal of a stop at a system call
)

// calls are the system calls that are steps, by number, and whether the first
// argument is a descriptor that tells what they are about.
var calls = map[uint64]struct {
	name string
	fd   bool
}{
	0: {"read", true}, 17: {"read", true}, 19: {"read", true}, 45: {"read", true},
	1: {"write", true}, 18: {"write", true}, 20: {"write", true}, 44: {"write", true},
	74: {"fsync", true}, 75: {"fsync", true}, 77: {"truncate", true}, 42: {"connect", true},
	82: {"rename", false}, 264: {"rename", false}, 316: {"rename", false},
	86: {"link", false}, 265: {"link", false}, 87: {"remove", false}, 263: {"remove", false},
	257: {"create", false},
}

// tracer follows one process and its threads.
type tracer struct {
	pid     int
	dir     string // files are steps only below it, or unlinked
	fault   Fault
	steps   []Step
	threads map[int]*tracedThread
	waits   bool // for the program whose steps count
}

// tracedThread is a thread between two stops.
type tracedThread struct {
	inside bool // a system call
	step   Step
	isStep bool
	fails  bool // the call was replaced, and is to fail
	dies   bool // after the call
}

// Trace runs a command whose files are all of type *os.File, and has a fault
// befall it. It returns the steps that the command has made, and how it ended.
// Files outside of dir are not looked at. started, if not nil, is called once the
// process is there, or cannot be.
func Trace(c *exec.Cmd, dir string, fault Fault, started func()) ([]Step, syscall.WaitStatus, error) {
	var steps []Step
	var status syscall.WaitStatus
	if started == nil {
		started = func() {}
	}
	started = sync.OnceFunc(started)
	defer started()
	err := onThreadWithoutChildren(func() (err error) {
		steps, status, err = trace(c, dir, fault, started)
		return err
	})
	return steps, status, err
}

// onThreadWithoutChildren calls f on a thread of the system that has no child
// processes: whoever waits for any child would take those from their parents.
func onThreadWithoutChildren(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // which alone may talk to what it traces
		defer runtime.UnlockOSThread()
		children, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", syscall.Gettid()))
		switch {
		case err != nil:
			done <- fmt.Errorf("%w: %w", ErrNoTrace, err)
		case len(children) > 0:
			done <- onThreadWithoutChildren(f) // on another one, as this is taken
		default:
			done <- f()
		}
	}()
	return <-done
}

func trace(c *exec.Cmd, dir string, fault Fault, started func()) ([]Step, syscall.WaitStatus, error) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Ptrace = true
	err := c.Start()
	started()
	if err != nil {
		return nil, 0, err
	}
	t := &tracer{pid: c.Process.Pid, dir: dir, fault: fault, threads: map[int]*tracedThread{}, waits: fault.AfterExec}
	status, err := t.follow()
	if err != nil {
		syscall.Kill(t.pid, syscall.SIGKILL)
	}
	return t.steps, status, err
}

// follow runs the process to its end.
func (t *tracer) follow() (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &status, 0, nil); err != nil {
		return 0, err
	}
	options := syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEEXEC | ptraceExitKill
	if err := syscall.PtraceSetOptions(t.pid, options); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	t.threads[t.pid] = &tracedThread{}
	if err := syscall.PtraceSyscall(t.pid, 0); err != nil {
		return 0, err
	}
	for {
		tid, err := syscall.Wait4(-1, &status, syscall.WALL|waitNoThread, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case status.Exited() || status.Signaled():
			if delete(t.threads, tid); tid == t.pid {
				return status, nil
			}
		case status.Stopped():
			t.waits = t.waits && status.TrapCause() != syscall.PTRACE_EVENT_EXEC
			t.resume(tid, status.StopSignal())
		}
	}
}

// resume sees to a thread that has stopped, and lets it go on. Whoever is killed
// meanwhile is no error.
func (t *tracer) resume(tid int, signal syscall.Signal) {
	thread := t.threads[tid]
	deliver := 0
	switch {
	case thread == nil: // a new thread begins with a stop
		t.threads[tid] = &tracedThread{}
	case signal == syscall.SIGTRAP|sysgood:
		thread.inside = !thread.inside
		if thread.inside {
			t.enter(tid, thread)
		} else {
			t.leave(tid, thread)
		}
	case signal == syscall.SIGTRAP || signal == syscall.SIGSTOP: // of the tracing itself
	default:
		deliver = int(signal)
	}
	syscall.PtraceSyscall(tid, deliver)
}

// enter looks at a system call before it is made.
func (t *tracer) enter(tid int, thread *tracedThread) {
	*thread = tracedThread{inside: true}
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	thread.step, thread.isStep = t.stepOf(&regs)
	if !thread.isStep || thread.step.Call == "read" {
		return
	}
	t.steps = append(t.steps, thread.step)
	if len(t.steps) != t.fault.N {
		return
	}
	switch t.fault.What {
	case KillBefore:
		syscall.Kill(t.pid, syscall.SIGKILL)
	case KillHalf:
		if thread.step.Writes() {
			regs.Rdx /= 2
			syscall.PtraceSetRegs(tid, &regs)
		}
		thread.dies = true
	case KillAfter:
		thread.dies = true
	case Fail:
		regs.Orig_rax = ^uint64(0) // no such call
		syscall.PtraceSetRegs(tid, &regs)
		thread.fails = true
	}
}

// leave looks at a system call that was made.
func (t *tracer) leave(tid int, thread *tracedThread) {
	if thread.dies {
		syscall.Kill(t.pid, syscall.SIGKILL)
		return
	}
	var regs syscall.PtraceRegs
	if !thread.isStep || syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	if thread.step.Call == "read" {
		if int64(regs.Rax) < 0 { // nothing yet
			return
		}
		t.steps = append(t.steps, thread.step)
		if len(t.steps) != t.fault.N {
			return
		}
		if thread.fails = t.fault.What == Fail; !thread.fails {
			if t.fault.What != Nothing {
				syscall.Kill(t.pid, syscall.SIGKILL)
			}
			return
		}
	}
	if thread.fails {
		regs.Rax = uint64(-int64(t.fault.Errno))
		syscall.PtraceSetRegs(tid, &regs)
	}
}

// stepOf reports whether a system call is a step.
func (t *tracer) stepOf(regs *syscall.PtraceRegs) (Step, bool) {
	call, known := calls[regs.Orig_rax]
	switch {
	case !known || t.waits:
		return Step{}, false
	case call.name == "create":
		return Step{call.name, "file"}, regs.Rdx&syscall.O_CREAT != 0
	case !call.fd:
		return Step{call.name, "file"}, true
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(regs.Rdi)))
	switch {
	case err != nil:
		return Step{}, false
	case strings.HasPrefix(name, "socket:"):
		return Step{call.name, "socket"}, true
	case strings.HasPrefix(name, "pipe:"):
		return Step{call.name, "pipe"}, true
	case strings.HasPrefix(name, t.dir+"/") || strings.HasSuffix(name, " (deleted)"):
		return Step{call.name, "file"}, true
	}
	return Step{}, false
}
