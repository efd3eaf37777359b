// Package clitest runs commands of tests: as processes, in pipes and on terminals.
// The command is the test binary itself, in which TestMain asks IsChild.
package clitest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ChildKey makes the test binary behave as the command imap-test.
const ChildKey = "IMAP_PIPE_TEST_COMMAND"

// IsChild reports whether the test binary is to behave as the command.
func IsChild() bool { return os.Getenv(ChildKey) != "" }

// Result is how a command ended.
type Result struct {
	Code   int
	Stdout string
	Stderr string
}

// Command prepares imap-test with args, in a session without a terminal.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(CleanEnv(), ChildKey+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// CleanEnv is the environment without what the commands look at.
func CleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "IMAP_") && !strings.HasPrefix(v, "GOTRACEBACK=") {
			env = append(env, v)
		}
	}
	return env
}

// Finish runs cmd to its end.
func Finish(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return Result{Wait(t, cmd), stdout.String(), stderr.String()}
}

// Wait returns the exit code; a death by signal is a failure of the test.
func Wait(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		t.Errorf("%v was killed by %v", cmd.Args[1:], status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// Run runs the command with args to its end.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	return Finish(t, Command(t, args...))
}

// Background is a command that has said "ready" on stderr.
type Background struct {
	*exec.Cmd
	Out *Watched // stdout
	Err *Watched // stderr
}

// Watched collects what a command writes.
type Watched struct {
	chunks chan []byte
	all    bytes.Buffer
}

// Write takes what a command writes.
func (w *Watched) Write(p []byte) (int, error) {
	w.chunks <- bytes.Clone(p)
	return len(p), nil
}

// Until waits for text.
func (w *Watched) Until(t testing.TB, text string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for !strings.Contains(w.all.String(), text) {
		select {
		case p := <-w.chunks:
			w.all.Write(p)
		case <-deadline:
			t.Fatalf("no %q in %q", text, w.all.String())
		}
	}
}

// Rest returns all that has come.
func (w *Watched) Rest() string {
	for {
		select {
		case p := <-w.chunks:
			w.all.Write(p)
		default:
			return w.all.String()
		}
	}
}

// Forget drops what has come.
func (w *Watched) Forget() { w.all.Reset() }

// NewWatched returns a Watched to be the stdout or stderr of a command.
func NewWatched() *Watched { return &Watched{chunks: make(chan []byte, 1<<16)} }

// Start starts cmd and waits until it is ready.
func Start(t testing.TB, cmd *exec.Cmd) *Background {
	t.Helper()
	b := &Background{cmd, NewWatched(), NewWatched()}
	if cmd.Stdout == nil {
		cmd.Stdout = b.Out
	}
	cmd.Stderr = b.Err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.Err.Until(t, "ready\n")
	return b
}

// Signal sends it a signal.
func (b *Background) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := b.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// End waits until it has ended.
func (b *Background) End(t testing.TB) Result {
	t.Helper()
	code := Wait(t, b.Cmd)
	return Result{code, b.Out.Rest(), b.Err.Rest()}
}

// Check compares a result; wantErr is a part of stderr, "" for none at all.
func (r Result) Check(t testing.TB, code int, wantErr string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit code %d, want %d; stderr %q", r.Code, code, r.Stderr)
	}
	if wantErr == "" && r.Stderr != "" || !strings.Contains(r.Stderr, wantErr) {
		t.Errorf("stderr is %q, want %q in it", r.Stderr, wantErr)
	}
}
