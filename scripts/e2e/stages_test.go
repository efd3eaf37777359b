package e2e

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

// stages are the commands of a pipeline, each a process that can be reached,
// joined by pipes of the operating system, and one process group.
type stages struct {
	t      testing.TB
	cmds   []*exec.Cmd
	errors []*growingText
	stdout bytes.Buffer
	ended  []chan struct{}
	lived  []time.Duration // each process, once it has ended
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

// straightStages are the four of the straight-through pipeline.
var straightStages = []string{"imap-fetch --headers $SRC", "imap-diff $DST", "imap-fetch --select - $SRC", "imap-push $DST"}

// start starts a pipeline.
func (b *bench) start(lines ...string) *stages { return b.startTraced(-1, imaptest.Fault{}, lines...) }

// startTraced starts a pipeline, and a fault befalls one of its processes.
func (b *bench) startTraced(at int, fault imaptest.Fault, lines ...string) *stages {
	b.t.Helper()
	s := &stages{t: b.t, lived: make([]time.Duration, len(lines)), codes: make([]int, len(lines))}
	began := time.Now()
	var in *os.File
	var waits []func()
	for i, line := range lines {
		c := exec.Command("sh", "-c", "exec "+line) // the process is the command
		c.Dir, c.Env = b.dir, b.environ()
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if i > 0 {
			c.Stdin = in
			c.SysProcAttr.Pgid = s.cmds[0].Process.Pid
		}
		errors := &growingText{}
		var out, next *os.File
		if i < len(lines)-1 {
			var err error
			if next, out, err = os.Pipe(); err != nil {
				b.t.Fatal(err)
			}
			c.Stdout = out
		} else {
			c.Stdout = &s.stdout
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
		s.cmds, s.errors = append(s.cmds, c), append(s.errors, errors)
		s.ended = append(s.ended, make(chan struct{}))
		waits = append(waits, wait)
	}
	for i, wait := range waits { // not before, for the group must not go away
		go func() {
			wait()
			s.lived[i] = time.Since(began)
			close(s.ended[i])
		}()
	}
	b.t.Cleanup(func() {
		for _, c := range s.cmds {
			c.Process.Kill()
		}
	})
	return s
}

// launch starts process i, and returns what waits for its end.
func (s *stages) launch(i int, c *exec.Cmd, errors *growingText) (wait func()) {
	c.Stderr = errors
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		c.Wait()
		s.codes[i] = exitCode(c.ProcessState)
	}
}

// launchTraced is launch for a process that a fault befalls. What the last process
// of a pipeline prints is not kept.
func (s *stages) launchTraced(i int, c *exec.Cmd, errors *growingText, fault imaptest.Fault) (wait func()) {
	file, err := os.CreateTemp(c.Dir, "stderr")
	if err != nil {
		s.t.Fatal(err)
	}
	if c.Stderr = file; c.Stdout == &s.stdout {
		c.Stdout = nil
	}
	fault.AfterExec = true // of the shell
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, status, err := imaptest.Trace(c, c.Dir, fault, func() { close(started) })
		if err != nil {
			s.t.Errorf("trace %v: %v", c.Args, err)
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

// kill ends one process as a crash would.
func (s *stages) kill(i int) { s.cmds[i].Process.Kill() }

// signal sends a signal to all of them, as a terminal does.
func (s *stages) signal(sig syscall.Signal) {
	for _, c := range s.cmds {
		c.Process.Signal(sig)
	}
}

// wait waits until all have ended and returns their exit codes.
func (s *stages) wait(within time.Duration) []int {
	s.t.Helper()
	late := time.After(within)
	codes := make([]int, len(s.cmds))
	for i, ended := range s.ended {
		select {
		case <-ended:
			codes[i] = s.codes[i]
		case <-late:
			s.t.Fatalf("%v hangs", s.cmds[i].Args)
		}
	}
	return codes
}

// String tells what they said.
func (s *stages) String() string {
	out := ""
	for i, c := range s.cmds {
		out += c.Args[2] + "\n\t" + limit(s.errors[i].String(), 1500) + "\n"
	}
	return out
}
