package imaptest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestTrace: each fault does what it says to a process that writes and renames.
func TestTrace(t *testing.T) {
	const script = `printf abcd >part && mv part whole && printf done >last`
	run := func(fault Fault) (dir string, steps []Step, status syscall.WaitStatus) {
		dir = t.TempDir()
		c := exec.Command("/bin/sh", "-c", script)
		c.Dir = dir
		steps, status, err := Trace(c, dir, fault, nil)
		if errors.Is(err, ErrNoTrace) {
			t.Skip("SKIPPED: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir, steps, status
	}
	content := func(dir, name string) string {
		octets, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "none"
		}
		return string(octets)
	}
	_, steps, status := run(Fault{})
	write := slices.Index(steps, Step{"write", "file"}) + 1
	if write == 0 || status.ExitStatus() != 0 {
		t.Fatalf("%v, %v", steps, status)
	}
	for _, c := range []struct {
		what   Happening
		part   string
		killed bool
	}{{KillBefore, "", true}, {KillHalf, "ab", true}, {KillAfter, "abcd", true}, {Fail, "", false}} {
		dir, _, status := run(Fault{N: write, What: c.what, Errno: syscall.ENOSPC})
		if got := content(dir, "part"); got != c.part || status.Signaled() != c.killed || content(dir, "last") != "none" {
			t.Errorf("%v: %q is there, %v", c.what, got, status)
		}
	}
}

// TestTraceAfterExec: what a shell does before it becomes another program does not
// count.
func TestTraceAfterExec(t *testing.T) {
	for after, want := range map[bool]int{false: 2, true: 1} {
		dir := t.TempDir()
		c := exec.Command("/bin/sh", "-c", "exec /bin/echo word >file")
		c.Dir = dir
		steps, _, err := Trace(c, dir, Fault{AfterExec: after}, nil)
		if errors.Is(err, ErrNoTrace) {
			t.Skip("SKIPPED: ", err)
		}
		if err != nil || len(steps) != want {
			t.Errorf("after exec %v: %v, %v", after, steps, err)
		}
	}
}
