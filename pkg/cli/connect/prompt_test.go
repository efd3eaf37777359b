//go:build linux

package connect

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

var account42 = []string{"--do", "connect", "--host", "old.example", "--user", "joe\u202e"}

func TestPrompt(t *testing.T) {
	p := clitest.NewPTY(t)
	cmd := p.Session(clitest.Command(t, account42...))
	out := clitest.NewWatched()
	cmd.Stdin = strings.NewReader("not the password\n")
	cmd.Stdout = out
	cmd.Stderr = clitest.NewWatched()
	clitest.Begin(t, cmd)
	p.Screen.Until(t, `imap-test: password for joe\u202e@old.example: `)
	clitest.WaitForEcho(t, p, false)
	p.Typed(t, "tiger 123\r")
	p.Ended(t, cmd, 0)
	out.Until(t, "old.example 0 joe\u202e \"tiger 123\" \"tiger 123\"\n") // asked once
	if !p.Echo(t) {
		t.Error("the echo is off")
	}
	if screen := p.Screen.Rest(); strings.Contains(screen, "tiger") {
		t.Errorf("the password is on the screen: %q", screen)
	}
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
		p := clitest.NewPTY(t)
		cmd := clitest.Begin(t, p.Session(clitest.Command(t, account42...)))
		p.Screen.Until(t, "old.example: ")
		clitest.WaitForEcho(t, p, false)
		p.Typed(t, tt.keys)
		p.Ended(t, cmd, tt.code)
		p.Screen.Until(t, tt.want)
		if !p.Echo(t) {
			t.Errorf("%q: the echo is off", tt.keys)
		}
	}
}

func TestPromptHangsUp(t *testing.T) {
	p := clitest.NewPTY(t)
	cmd := clitest.Begin(t, p.Session(clitest.Command(t, account42...)))
	p.Screen.Until(t, "old.example: ")
	p.Keyboard.Close() // the window is closed
	if code := clitest.Wait(t, cmd); code != 143 && code != 66 {
		t.Errorf("code %d", code)
	}
}

// TestPromptsOneAfterTheOther runs a pipe whose commands all ask.
func TestPromptsOneAfterTheOther(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := clitest.NewPTY(t)
	cmd := p.Session(clitest.Command(t))
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `
		{ "$0" --do connect --host a.example --user joe; echo "1:$?"; } 2>&1 |
		{ "$0" --do connect --host b.example --user joe; echo "2:$?"; } 2>/dev/null |
		{ "$0" --do connect --host c.example --user joe; echo "3:$?"; }`, self}
	out := clitest.NewWatched()
	cmd.Stdout = out
	clitest.Begin(t, cmd)
	for n := range 3 {
		p.Screen.Until(t, ".example: ")
		clitest.WaitForEcho(t, p, false)
		time.Sleep(150 * time.Millisecond) // longer than the others wait before they look again
		screen := p.Screen.Rest()
		if asked := strings.Count(screen, "password for"); asked != 1 {
			t.Fatalf("%d at once: %q", asked, screen)
		}
		p.Screen.Forget()
		p.Typed(t, "secret"+string(rune('0'+n))+"\r")
	}
	p.Ended(t, cmd, 0)
	out.Until(t, "3:0\n")
	if !p.Echo(t) {
		t.Error("the echo is off")
	}
}

func TestPromptLockIsGivenUp(t *testing.T) {
	p := clitest.NewPTY(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.Session(clitest.Command(t))
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `
		"$0" --do connect --host a.example --user joe; echo "code:$?"; exit 0`, self}
	cmd.Args[2] = strings.TrimSpace(`"$0" --do connect --host a.example --user joe | "$0" --do connect --host a.example --user joe`)
	clitest.Begin(t, cmd)
	p.Screen.Until(t, "a.example: ")
	clitest.WaitForEcho(t, p, false)
	p.Typed(t, "\x03") // for both, the one that waits too
	if err := cmd.Wait(); err == nil {
		t.Error("the pipe ended well")
	}
	p.Screen.Until(t, "imap-test: interrupted\r\n")
	if !p.Echo(t) {
		t.Error("the echo is off")
	}
}

func TestPasswordOverTerminalDescriptor(t *testing.T) {
	p := clitest.NewPTY(t)
	cmd := clitest.Begin(t, p.Session(clitest.Command(t, append(account42, "--password-fd", "0")...)))
	p.Ended(t, cmd, 64)
	p.Screen.Until(t, "--password-fd 0 is a terminal")
}

// TestSecondSignalAtPrompt ends at once, with the echo on.
func TestSecondSignalAtPrompt(t *testing.T) {
	p := clitest.NewPTY(t)
	cmd := clitest.Begin(t, p.Session(clitest.Command(t, account42...)))
	p.Screen.Until(t, "old.example: ")
	clitest.WaitForEcho(t, p, false)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Process.Signal(syscall.SIGTERM)
	p.Ended(t, cmd, 143)
	if !p.Echo(t) {
		t.Error("the echo is off")
	}
}
