// Package descriptor is about descriptors that the process was started with: their
// names, and files that are opened from them.
package descriptor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// descriptorPath matches the names under which a system shows a process its
// own descriptors.
var descriptorPath = lazyregexp.New(`^(?:/dev/fd|/proc/self/fd)/([0-9]{1,6})$`)

// Number returns N for /dev/fd/N and its other names.
func Number(name string) (n int, ok bool) {
	switch name = path.Clean(name); name {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	m := descriptorPath.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// Open opens once more what the process was started with as descriptor
// n. Writes and reads then honour deadlines if it is a pipe: the pipe is
// opened anew, without blocking, because the mode of the old one is shared
// with whoever gave it to us.
func Open(n int, flag int, name string) (*os.File, error) {
	info, err := inherited(n)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe != 0 {
		if f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", n), flag|syscall.O_NONBLOCK, 0); err == nil {
			return f, nil
		}
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", n, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// inherited says what descriptor n is, if the process was started with it.
// What the process opened by itself (a connection, say) is marked to be
// closed in children, and never what was meant.
func inherited(n int) (fs.FileInfo, error) {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || n > 2 && flags&unix.FD_CLOEXEC != 0 {
		return nil, fmt.Errorf("descriptor %d is not open", n)
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", n, err)
	}
	f := os.NewFile(uintptr(fd), "descriptor "+strconv.Itoa(n))
	defer f.Close()
	return f.Stat()
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	terminal := false
	Control(f, func(fd int) { terminal = term.IsTerminal(fd) })
	return terminal
}

// IsPipe reports whether f is a pipe.
func IsPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// Control calls fn with the descriptor of f. (File.Fd would turn off the
// deadlines.)
func Control(f *os.File, fn func(fd int)) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { fn(int(fd)) })
	}
}

// Lock takes the lock of f, or fails if somebody has it. Where a file system
// has no locks there is no protection.
func Lock(f *os.File) error {
	var err error
	Control(f, func(fd int) { err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	return nil
}
