package files_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

func TestReaderGone(t *testing.T) {
	for _, do := range []string{"flood"} {
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

func TestReaderGoneFromTheStart(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := clitest.Command(t, "--do", "write")
	cmd.Stdout = w
	clitest.Finish(t, cmd).Check(t, 141, "")
}

func TestStopWhileReading(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := clitest.Command(t, "--do", "copy")
	cmd.Stdin = r
	b := clitest.Start(t, cmd)
	r.Close()
	io.WriteString(w, "some of it")
	b.Out.Until(t, "some of it")
	b.Signal(t, syscall.SIGINT)
	if got := b.End(t); got.Code != 130 || !strings.Contains(got.Stderr, "imap-test: interrupted\n") {
		t.Errorf("code %d, stderr %q", got.Code, got.Stderr)
	}
}

// TestEndInBand writes after the signal, later than one write's grace.
func TestEndInBand(t *testing.T) {
	b := clitest.Start(t, clitest.Command(t, "--do", "abort"))
	b.Signal(t, syscall.SIGTERM)
	if got := b.End(t); got.Code != 143 || got.Stdout != "begin\nabort\n" {
		t.Errorf("code %d, stdout %q, stderr %q", got.Code, got.Stdout, got.Stderr)
	}
}

// TestShellSeesCodes proves the codes where users see them.
func TestShellSeesCodes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(bash, "-c", `"$0" --do flood | head -c1; echo " ${PIPESTATUS[0]}"; "$0" --do write >/dev/full; echo $?`, self)
	cmd.Env = append(clitest.CleanEnv(), clitest.ChildKey+"=1")
	out, err := cmd.Output()
	if want := "y 141\n74\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
