//go:build linux

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ended waits for cmd and returns its code.
func (p *pty) ended(t *testing.T, cmd *exec.Cmd, code int) {
	t.Helper()
	if got := wait(t, cmd); got != code {
		t.Errorf("code %d, want %d; screen %q", got, code, p.screen.rest())
	}
}

func begin(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestBinaryToTerminal(t *testing.T) {
	p := newPTY(t)
	for _, args := range [][]string{{}, {"-o", "-"}, {"-o", "/dev/stdout"}, {"-o", "/dev/tty"}, {"-o", "/dev/fd/1"}, {"-o", p.terminal.Name()}} {
		cmd := begin(t, p.session(command(t, append([]string{"--do", "write", "--binary"}, args...)...)))
		p.ended(t, cmd, 64)
		p.screen.until(t, "is a terminal, and the stream is compressed\r\nimap-test: hint: ")
		p.screen.all.Reset()
	}
	cmd := begin(t, p.session(command(t, "--do", "write", "--binary", "-o", filepath.Join(t.TempDir(), "x"))))
	p.ended(t, cmd, 0)
	cmd = p.session(command(t, "--do", "copy"))
	cmd.Stdin = strings.NewReader("plain text")
	begin(t, cmd)
	p.ended(t, cmd, 0)
	p.screen.until(t, "plain text")
}

func TestStreamFromTerminal(t *testing.T) {
	p := newPTY(t)
	for _, args := range [][]string{{}, {"-"}, {"/dev/tty"}, {p.terminal.Name()}} {
		cmd := begin(t, p.session(command(t, append([]string{"--do", "copy"}, args...)...)))
		p.ended(t, cmd, 64)
		p.screen.until(t, "a stream is expected on ")
		p.screen.until(t, "but it is a terminal\r\nimap-test: hint: name a FILE")
		p.screen.all.Reset()
	}
}

func TestProgressOnTerminal(t *testing.T) {
	p := newPTY(t)
	p.resize(t, 60)
	cmd := begin(t, p.session(command(t, "--do", "progress")))
	p.screen.until(t, "\rimap-test: reading: 1,234/20,000 messages, 1.0 MB/5.0 MB,")
	p.ended(t, cmd, 0)
	p.screen.until(t, "\rimap-test: warning: a word in between\r\n")
	p.screen.until(t, "imap-test: done\r\n")
	screen := p.screen.rest()
	if strings.Contains(screen, "\x1b") {
		t.Errorf("an escape on the screen: %q", screen)
	}
	for _, line := range strings.FieldsFunc(screen, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len(line) > 59 && !strings.Contains(line, "\b") {
			t.Errorf("a line of %d columns: %q", len(line), line)
		}
	}
}

func TestNoProgressInThePipe(t *testing.T) {
	p := newPTY(t)
	for _, args := range [][]string{{}, {"--quiet"}, {"--progress=none"}} {
		cmd := p.session(command(t, append([]string{"--do", "progress"}, args...)...))
		if len(args) == 0 {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			cmd.Stdout = w
		}
		begin(t, cmd)
		p.ended(t, cmd, 0)
		p.screen.until(t, "a word in between\r\n")
		if screen := p.screen.rest(); strings.Contains(screen, "messages") {
			t.Errorf("%q: progress on the screen: %q", args, screen)
		}
		p.screen.all.Reset()
	}
}

var account42 = []string{"--do", "connect", "--host", "old.example", "--user", "joe\u202e"}

func TestPrompt(t *testing.T) {
	p := newPTY(t)
	cmd := p.session(command(t, account42...))
	out := newWatched()
	cmd.Stdin = strings.NewReader("not the password\n")
	cmd.Stdout = out
	cmd.Stderr = newWatched()
	begin(t, cmd)
	p.screen.until(t, `imap-test: password for joe\u202e@old.example: `)
	waitForEcho(t, p, false)
	p.typed(t, "tiger 123\r")
	p.ended(t, cmd, 0)
	out.until(t, "old.example 0 joe\u202e \"tiger 123\" \"tiger 123\"\n") // asked once
	if !p.echo(t) {
		t.Error("the echo is off")
	}
	if screen := p.screen.rest(); strings.Contains(screen, "tiger") {
		t.Errorf("the password is on the screen: %q", screen)
	}
}

func waitForEcho(t *testing.T, p *pty, want bool) {
	t.Helper()
	for range 500 {
		if p.echo(t) == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the echo is never %t", want)
}

func TestPromptAnswers(t *testing.T) {
	tests := []struct {
		keys string
		code int
		want string
	}{
		{"\r", 66, "the password that was typed holds no password"},
		{"\x04", 66, "no password was typed"},
		{"\x03", 130, "interrupted"},
	}
	for _, tt := range tests {
		p := newPTY(t)
		cmd := begin(t, p.session(command(t, account42...)))
		p.screen.until(t, "old.example: ")
		waitForEcho(t, p, false)
		p.typed(t, tt.keys)
		p.ended(t, cmd, tt.code)
		p.screen.until(t, tt.want)
		if !p.echo(t) {
			t.Errorf("%q: the echo is off", tt.keys)
		}
	}
}

func TestPromptHangsUp(t *testing.T) {
	p := newPTY(t)
	cmd := begin(t, p.session(command(t, account42...)))
	p.screen.until(t, "old.example: ")
	p.keyboard.Close() // the window is closed
	if code := wait(t, cmd); code != 143 && code != 66 {
		t.Errorf("code %d", code)
	}
}

// TestPromptsOneAfterTheOther runs a pipe whose commands all ask.
func TestPromptsOneAfterTheOther(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := newPTY(t)
	cmd := p.session(command(t))
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `
		{ "$0" --do connect --host a.example --user joe; echo "1:$?"; } 2>&1 |
		{ "$0" --do connect --host b.example --user joe; echo "2:$?"; } 2>/dev/null |
		{ "$0" --do connect --host c.example --user joe; echo "3:$?"; }`, self}
	out := newWatched()
	cmd.Stdout = out
	begin(t, cmd)
	for n := range 3 {
		p.screen.until(t, ".example: ")
		waitForEcho(t, p, false)
		time.Sleep(150 * time.Millisecond) // longer than the others wait before they look again
		screen := p.screen.rest()
		if asked := strings.Count(screen, "password for"); asked != 1 {
			t.Fatalf("%d at once: %q", asked, screen)
		}
		p.screen.all.Reset()
		p.typed(t, "secret"+string(rune('0'+n))+"\r")
	}
	p.ended(t, cmd, 0)
	out.until(t, "3:0\n")
	if !p.echo(t) {
		t.Error("the echo is off")
	}
}

func TestPromptLockIsGivenUp(t *testing.T) {
	p := newPTY(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.session(command(t))
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `
		"$0" --do connect --host a.example --user joe; echo "code:$?"; exit 0`, self}
	cmd.Args[2] = strings.TrimSpace(`"$0" --do connect --host a.example --user joe | "$0" --do connect --host a.example --user joe`)
	begin(t, cmd)
	p.screen.until(t, "a.example: ")
	waitForEcho(t, p, false)
	p.typed(t, "\x03") // for both, the one that waits too
	if err := cmd.Wait(); err == nil {
		t.Error("the pipe ended well")
	}
	p.screen.until(t, "imap-test: interrupted\r\n")
	if !p.echo(t) {
		t.Error("the echo is off")
	}
}

func TestPasswordOverTerminalDescriptor(t *testing.T) {
	p := newPTY(t)
	cmd := begin(t, p.session(command(t, append(account42, "--password-fd", "0")...)))
	p.ended(t, cmd, 64)
	p.screen.until(t, "--password-fd 0 is a terminal")
}

// TestSecondSignalAtPrompt ends at once, with the echo on.
func TestSecondSignalAtPrompt(t *testing.T) {
	p := newPTY(t)
	cmd := begin(t, p.session(command(t, account42...)))
	p.screen.until(t, "old.example: ")
	waitForEcho(t, p, false)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Process.Signal(syscall.SIGTERM)
	p.ended(t, cmd, 143)
	if !p.echo(t) {
		t.Error("the echo is off")
	}
}
