//go:build linux

package files_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

// TestStalledReader stops a command whose output nobody reads.
func TestStalledReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := clitest.Command(t, "--do", "flood")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntilFull(t, r)
	began := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	if code := clitest.Wait(t, cmd); code != 143 {
		t.Errorf("code %d", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// waitUntilFull waits until nothing more arrives in a pipe that nobody reads.
func waitUntilFull(t *testing.T, r *os.File) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for before := -1; time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		waiting, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if waiting > 0 && waiting == before {
			return
		}
		before = waiting
	}
	t.Fatal("the pipe never fills")
}
