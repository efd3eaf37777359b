//go:build linux

package clitest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"golang.org/x/sys/unix"
)

// PTY is a terminal and the hand on its keyboard.
type PTY struct {
	Keyboard *os.File
	Terminal *os.File
	Screen   *Watched
}

// NewPTY opens a terminal, or skips the test where there is none.
func NewPTY(t testing.TB) *PTY {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var n int
	descriptor.Control(keyboard, func(fd int) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Skip(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { terminal.Close() })
	p := &PTY{keyboard, terminal, NewWatched()}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			if err != nil {
				return
			}
			p.Screen.Write(buf[:n])
		}
	}()
	return p
}

// Session makes cmd the first process of a session on the terminal; what
// of its streams is not set already is the terminal too.
func (p *PTY) Session(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	cmd.ExtraFiles = []*os.File{p.Terminal}
	if cmd.Stdin == nil {
		cmd.Stdin = p.Terminal
	}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Terminal
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Terminal
	}
	return cmd
}

// Typed types keys.
func (p *PTY) Typed(t testing.TB, keys string) {
	t.Helper()
	if _, err := p.Keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// Echo reports whether the terminal shows what is typed.
func (p *PTY) Echo(t testing.TB) bool {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(p.Terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

// Resize makes the terminal so wide.
func (p *PTY) Resize(t testing.TB, columns int) {
	t.Helper()
	size := &unix.Winsize{Row: 24, Col: uint16(columns)}
	if err := unix.IoctlSetWinsize(int(p.Terminal.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}

// Ended waits for cmd, which has to end with that code.
func (p *PTY) Ended(t *testing.T, cmd *exec.Cmd, code int) {
	t.Helper()
	if got := Wait(t, cmd); got != code {
		t.Errorf("code %d, want %d; screen %q", got, code, p.Screen.Rest())
	}
}

// Begin starts cmd.
func Begin(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// WaitForEcho waits until the terminal shows what is typed, or hides it.
func WaitForEcho(t *testing.T, p *PTY, want bool) {
	t.Helper()
	for range 500 {
		if p.Echo(t) == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the echo is never %t", want)
}
