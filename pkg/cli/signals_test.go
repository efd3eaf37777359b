package cli

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

func TestFirstSignal(t *testing.T) {
	heeded := make(chan os.Signal, 1) // by the children too, where we were started by nohup
	signal.Notify(heeded, syscall.SIGHUP)
	defer signal.Stop(heeded)
	tests := []struct {
		do   string
		sig  os.Signal
		code int
		want string
	}{
		{"wait", syscall.SIGINT, 130, "imap-test: interrupted\n"},
		{"wait", syscall.SIGTERM, 143, "imap-test: terminated\n"},
		{"wait", syscall.SIGHUP, 143, "imap-test: hung up\n"},
		{"wait-partial", syscall.SIGINT, 130, "imap-test: interrupted: 3 messages failed\n"},
		{"finish", syscall.SIGINT, 0, ""},
	}
	for _, tt := range tests {
		b := clitest.Start(t, clitest.Command(t, "--do", tt.do))
		b.Signal(t, tt.sig)
		got := b.End(t)
		// On a machine that is busy, the word for the impatient comes first.
		got.Stderr = strings.Replace(got.Stderr, "imap-test: stopping after what is in flight; once more to stop at once\n", "", 1)
		if got.Code != tt.code || got.Stderr != "ready\n"+tt.want {
			t.Errorf("%s, %v: code %d, stderr %q", tt.do, tt.sig, got.Code, got.Stderr)
		}
	}
}

func TestSecondSignal(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		b := clitest.Start(t, clitest.Command(t, "--do", "stubborn"))
		b.Signal(t, syscall.SIGINT)
		b.Err.Until(t, "stopping after what is in flight; once more to stop at once\n")
		b.Signal(t, sig)
		if got := b.End(t); got.Code != code {
			t.Errorf("%v: code %d", sig, got.Code)
		}
	}
}

// TestIgnoredSignals starts the command as a shell's background job and
// nohup do.
func TestIgnoredSignals(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := clitest.Command(t)
	cmd.Path, err = exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	cmd.Args = []string{"sh", "-c", `trap "" INT HUP; exec "$0" --do wait`, self}
	b := clitest.Start(t, cmd)
	b.Signal(t, syscall.SIGINT)
	b.Signal(t, syscall.SIGHUP)
	time.Sleep(100 * time.Millisecond)
	b.Signal(t, syscall.SIGTERM)
	if got := b.End(t); got.Code != 143 || !strings.Contains(got.Stderr, "terminated") {
		t.Errorf("code %d, stderr %q", got.Code, got.Stderr)
	}
}

func TestReportBeforeProgress(t *testing.T) {
	b := clitest.Start(t, clitest.Command(t, "--do", "wait"))
	b.Signal(t, syscall.SIGUSR1)
	b.Err.Until(t, "imap-test: nothing done yet\n")
	b.Signal(t, syscall.SIGTERM)
	b.End(t)
}

func TestReaderGone(t *testing.T) {
	for _, do := range []string{"println"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := clitest.Command(t, "--do", do)
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if code := clitest.Wait(t, cmd); code != 141 {
			t.Errorf("%s: code %d", do, code)
		}
	}
}
