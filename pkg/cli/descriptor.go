package cli

import (
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

// descriptorNumber returns N for /dev/fd/N and its other names.
func descriptorNumber(name string) (n int, ok bool) {
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

// descriptor opens once more what the process was started with as descriptor
// n. Writes and reads then honour deadlines if it is a pipe: the pipe is
// opened anew, without blocking, because the mode of the old one is shared
// with whoever gave it to us.
func descriptor(n int, flag int, name string) (*os.File, error) {
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

func isTerminal(f *os.File) bool {
	terminal := false
	control(f, func(fd int) { terminal = term.IsTerminal(fd) })
	return terminal
}

// control calls fn with the descriptor of f. (File.Fd would turn off the
// deadlines.)
func control(f *os.File, fn func(fd int)) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { fn(int(fd)) })
	}
}
