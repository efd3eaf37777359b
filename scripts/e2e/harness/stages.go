package harness

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// Stages are the commands of a pipeline, each a process that can be reached,
// joined by pipes of the operating system, and one process group.
type Stages struct {
	T      testing.TB
	Cmds   []*exec.Cmd
	Errors []*growingText
	Stdout bytes.Buffer
	Ended  []chan struct{}
	Lived  []time.Duration // each process, once it has ended
	codes  []int           // of each
}

// growingText is what a process has written so far. It may be read while the
// process runs.
type growingText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (g *growingText) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

func (g *growingText) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// StraightStages are the four of the straight-through pipeline.
var StraightStages = []string{"imap-fetch --headers $SRC", "imap-diff $DST", "imap-fetch --select - $SRC",
	"imap-push $DST"}

// Start starts a pipeline.
func (b *Shell) Start(lines ...string) *Stages { return b.StartTraced(-1, imaptest.Fault{}, lines...) }

// StartTraced starts a pipeline, and a fault befalls one of its processes.
func (b *Shell) StartTraced(at int, fault imaptest.Fault, lines ...string) *Stages {
	b.T.Helper()
	s := &Stages{T: b.T, Lived: make([]time.Duration, len(lines)), codes: make([]int, len(lines))}
	began := time.Now()
	var in *os.File
	var waits []func()
	for i, line := range lines {
		c := exec.Command("sh", "-c", "exec "+line) // the process is the command
		c.Dir, c.Env = b.Dir, b.Environ()
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if i > 0 {
			c.Stdin = in
			c.SysProcAttr.Pgid = s.Cmds[0].Process.Pid
		}
		errors := &growingText{}
		var out, next *os.File
		if i < len(lines)-1 {
			var err error
			if next, out, err = os.Pipe(); err != nil {
				b.T.Fatal(err)
			}
			c.Stdout = out
		} else {
			c.Stdout = &s.Stdout
		}
		launch := s.launch
		if i == at {
			launch = func(i int, c *exec.Cmd, errors *growingText) func() { return s.launchTraced(i, c, errors, fault) }
		}
		wait := launch(i, c, errors)
		for _, f := range []*os.File{in, out} {
			if f != nil {
				f.Close()
			}
		}
		in = next
		s.Cmds, s.Errors = append(s.Cmds, c), append(s.Errors, errors)
		s.Ended = append(s.Ended, make(chan struct{}))
		waits = append(waits, wait)
	}
	for i, wait := range waits { // not before, for the group must not go away
		go func() {
			wait()
			s.Lived[i] = time.Since(began)
			close(s.Ended[i])
		}()
	}
	b.T.Cleanup(func() {
		for _, c := range s.Cmds {
			c.Process.Kill()
		}
	})
	return s
}

// launch starts process i, and returns what waits for its end.
func (s *Stages) launch(i int, c *exec.Cmd, errors *growingText) (wait func()) {
	c.Stderr = errors
	if err := c.Start(); err != nil {
		s.T.Fatal(err)
	}
	return func() {
		c.Wait()
		s.codes[i] = ExitCode(c.ProcessState)
	}
}

// launchTraced is launch for a process that a fault befalls. What the last process
// of a pipeline prints is not kept.
func (s *Stages) launchTraced(i int, c *exec.Cmd, errors *growingText, fault imaptest.Fault) (wait func()) {
	file, err := os.CreateTemp(c.Dir, "stderr")
	if err != nil {
		s.T.Fatal(err)
	}
	if c.Stderr = file; c.Stdout == &s.Stdout {
		c.Stdout = nil
	}
	fault.AfterExec = true // of the shell
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, status, err := imaptest.Trace(c, c.Dir, fault, func() { close(started) })
		if err != nil {
			s.T.Errorf("trace %v: %v", c.Args, err)
		}
		if s.codes[i] = status.ExitStatus(); status.Signaled() {
			s.codes[i] = 128 + int(status.Signal())
		}
	}()
	<-started
	return func() {
		<-ended
		text, _ := os.ReadFile(file.Name())
		file.Close()
		os.Remove(file.Name())
		errors.Write(text)
	}
}

// Kill ends one process as a crash would.
func (s *Stages) Kill(i int) { s.Cmds[i].Process.Kill() }

// Signal sends a signal to all of them, as a terminal does.
func (s *Stages) Signal(sig syscall.Signal) {
	for _, c := range s.Cmds {
		c.Process.Signal(sig)
	}
}

// Wait waits until all have ended and returns their exit codes.
func (s *Stages) Wait(within time.Duration) []int {
	s.T.Helper()
	late := time.After(within)
	codes := make([]int, len(s.Cmds))
	for i, ended := range s.Ended {
		select {
		case <-ended:
			codes[i] = s.codes[i]
		case <-late:
			s.T.Fatalf("%v hangs", s.Cmds[i].Args)
		}
	}
	return codes
}

// String tells what they said.
func (s *Stages) String() string {
	out := ""
	for i, c := range s.Cmds {
		out += c.Args[2] + "\n\t" + Shorten(s.Errors[i].String(), 1500) + "\n"
	}
	return out
}
