//go:build linux

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pty is a terminal and the hand on its keyboard.
type pty struct {
	keyboard *os.File
	terminal *os.File
	screen   *watched
}

func newPTY(t testing.TB) *pty {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var n int
	control(keyboard, func(fd int) {
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
	p := &pty{keyboard, terminal, newWatched()}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			if err != nil {
				return
			}
			p.screen.Write(buf[:n])
		}
	}()
	return p
}

// session makes cmd the first process of a session on the terminal; what
// of its streams is not set already is the terminal too.
func (p *pty) session(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	cmd.ExtraFiles = []*os.File{p.terminal}
	if cmd.Stdin == nil {
		cmd.Stdin = p.terminal
	}
	if cmd.Stdout == nil {
		cmd.Stdout = p.terminal
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.terminal
	}
	return cmd
}

func (p *pty) typed(t testing.TB, keys string) {
	t.Helper()
	if _, err := p.keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// echo reports whether the terminal shows what is typed.
func (p *pty) echo(t testing.TB) bool {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

func (p *pty) resize(t testing.TB, columns int) {
	t.Helper()
	size := &unix.Winsize{Row: 24, Col: uint16(columns)}
	if err := unix.IoctlSetWinsize(int(p.terminal.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}
