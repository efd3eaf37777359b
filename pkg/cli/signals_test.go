package cli

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFirstSignal(t *testing.T) {
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
		b := start(t, command(t, "--do", tt.do))
		b.signal(t, tt.sig)
		got := b.end(t)
		// On a machine that is busy, the word for the impatient comes first.
		got.stderr = strings.Replace(got.stderr, "imap-test: stopping after what is in flight; once more to stop at once\n", "", 1)
		if got.code != tt.code || got.stderr != "ready\n"+tt.want {
			t.Errorf("%s, %v: code %d, stderr %q", tt.do, tt.sig, got.code, got.stderr)
		}
	}
}

func TestSecondSignal(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		b := start(t, command(t, "--do", "stubborn"))
		b.signal(t, syscall.SIGINT)
		b.stderr.until(t, "stopping after what is in flight; once more to stop at once\n")
		b.signal(t, sig)
		if got := b.end(t); got.code != code {
			t.Errorf("%v: code %d", sig, got.code)
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
	cmd := command(t)
	cmd.Path, err = exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	cmd.Args = []string{"sh", "-c", `trap "" INT HUP; exec "$0" --do wait`, self}
	b := start(t, cmd)
	b.signal(t, syscall.SIGINT)
	b.signal(t, syscall.SIGHUP)
	time.Sleep(100 * time.Millisecond)
	b.signal(t, syscall.SIGTERM)
	if got := b.end(t); got.code != 143 || !strings.Contains(got.stderr, "terminated") {
		t.Errorf("code %d, stderr %q", got.code, got.stderr)
	}
}

func TestReportBeforeProgress(t *testing.T) {
	b := start(t, command(t, "--do", "wait"))
	b.signal(t, syscall.SIGUSR1)
	b.stderr.until(t, "imap-test: nothing done yet\n")
	b.signal(t, syscall.SIGTERM)
	b.end(t)
}

func TestReaderGone(t *testing.T) {
	for _, do := range []string{"flood", "println"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := command(t, "--do", do)
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if code := wait(t, cmd); code != 141 {
			t.Errorf("%s: code %d", do, code)
		}
	}
}

func TestReaderGoneFromTheStart(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := command(t, "--do", "write")
	cmd.Stdout = w
	finish(t, cmd).check(t, 141, "")
}

func TestStopWhileReading(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := command(t, "--do", "copy")
	cmd.Stdin = r
	b := start(t, cmd)
	r.Close()
	io.WriteString(w, "some of it")
	b.stdout.until(t, "some of it")
	b.signal(t, syscall.SIGINT)
	if got := b.end(t); got.code != 130 || !strings.Contains(got.stderr, "imap-test: interrupted\n") {
		t.Errorf("code %d, stderr %q", got.code, got.stderr)
	}
}

// TestEndInBand writes after the signal, later than one write's grace.
func TestEndInBand(t *testing.T) {
	b := start(t, command(t, "--do", "abort"))
	b.signal(t, syscall.SIGTERM)
	if got := b.end(t); got.code != 143 || got.stdout != "begin\nabort\n" {
		t.Errorf("code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
	}
}
