// Package terminal asks for passwords on the terminal of the session.
package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// terminalPath is the terminal of the session, whatever stdin and stdout
// are: in a pipe these are streams.
const terminalPath = "/dev/tty"

// Available reports whether there is somebody to ask.
func Available() bool {
	tty, err := os.OpenFile(terminalPath, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	tty.Close()
	return true
}

// ErrNone is the error of Ask where there is nobody to ask.
var ErrNone = errors.New("no terminal to ask on")

// Ask asks a question on the terminal and returns the line that is typed, unseen, of
// which it reads little more than limit bytes. The commands of a pipe ask one after the
// other; before is called when it is this one's turn.
// Errors: errNoTerminal, exit.NoInput, and the cause of ctx.
func Ask(ctx context.Context, question string, limit int, before func()) (string, error) {
	tty, err := os.OpenFile(terminalPath, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return "", ErrNone
	}
	defer tty.Close()
	unlock, err := lockTerminal(ctx, tty)
	if err != nil {
		return "", err
	}
	defer unlock()
	before()
	fmt.Fprint(tty, question)
	return readHidden(ctx, tty, limit)
}

// readHidden reads a line with the echo off. Whatever ends it, the echo is
// on again afterwards.
func readHidden(ctx context.Context, tty *os.File, limit int) (string, error) {
	restore, err := hide(tty)
	if err != nil {
		return "", exit.Errorf(exit.NoInput, "cannot ask for the password: %w", err)
	}
	setRestore(restore)
	defer setRestore(nil)
	defer fmt.Fprintln(tty) // the end of the line was not shown
	defer restore()

	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := readLine(tty, limit)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if cause := context.Cause(ctx); a.err != nil && cause != nil {
			return "", cause
		}
		if a.err != nil {
			return "", exit.Errorf(exit.NoInput, "no password was typed: %w", files.Bare(a.err))
		}
		return a.line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// hide turns the echo off. The terminal goes on to edit the line, and to
// make a signal of Ctrl-C.
func hide(tty *os.File) (restore func(), err error) {
	var before *unix.Termios
	descriptor.Control(tty, func(fd int) {
		if before, err = unix.IoctlGetTermios(fd, getTermios); err != nil {
			return
		}
		hidden := *before
		hidden.Lflag &^= unix.ECHO
		hidden.Lflag |= unix.ICANON | unix.ISIG
		hidden.Iflag |= unix.ICRNL
		err = unix.IoctlSetTermios(fd, setTermios, &hidden)
	})
	return func() {
		descriptor.Control(tty, func(fd int) { unix.IoctlSetTermios(fd, setTermios, before) })
	}, err
}

// readLine reads octet by octet: what comes after the line is for the next
// command that asks.
func readLine(tty *os.File, limit int) (string, error) {
	var line []byte
	octet := make([]byte, 1)
	for len(line) <= limit {
		if _, err := tty.Read(octet); err != nil {
			return "", err
		}
		if octet[0] == '\n' {
			break
		}
		line = append(line, octet[0])
	}
	return string(line), nil
}

// lockTerminal waits until no other command is asking on the terminal.
func lockTerminal(ctx context.Context, tty *os.File) (unlock func(), err error) {
	f := tty
	// The lock is the terminal's own device: /dev/tty is one file for all
	// sessions of a machine, and another user's prompt would hold us up.
	if device, err := os.OpenFile(terminalDevice(), os.O_RDWR|syscall.O_NOCTTY, 0); err == nil {
		f = device
	}
	unlock = func() {
		descriptor.Control(f, func(fd int) { unix.Flock(fd, unix.LOCK_UN) })
		if f != tty {
			f.Close()
		}
	}
	for {
		if descriptor.Lock(f) == nil {
			return unlock, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			unlock()
			return nil, context.Cause(ctx)
		}
	}
}

// terminalDevice returns the device of the session's terminal, or /dev/tty
// where it cannot be told. Linux tells its number in /proc/self/stat.
func terminalDevice() string {
	const ptsMajor, ptsMajors = 136, 8 // the numbers of /dev/pts
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return terminalPath
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the command's name may hold blanks
	fields := bytes.Fields(after)
	if len(fields) < 5 {
		return terminalPath
	}
	number, err := strconv.ParseUint(string(fields[4]), 10, 32)
	major := number >> 8 & 0xfff
	minor := number&0xff | number>>12&0xfff00
	if err != nil || major < ptsMajor || major >= ptsMajor+ptsMajors {
		return terminalPath
	}
	return fmt.Sprintf("/dev/pts/%d", (major-ptsMajor)<<20|minor)
}

// restoring is what puts the terminal right when the process ends in the
// middle of a prompt.
var restoring struct {
	sync.Mutex
	fn func()
}

func setRestore(fn func()) {
	restoring.Lock()
	defer restoring.Unlock()
	restoring.fn = fn
}

// Restore puts the terminal right. It is called before the process ends at once.
func Restore() {
	restoring.Lock()
	defer restoring.Unlock()
	if restoring.fn != nil {
		restoring.fn()
	}
}
