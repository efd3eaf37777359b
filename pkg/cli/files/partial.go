package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// partialSuffix marks a file that is not whole.
const partialSuffix = ".partial"

func (o *Output) partial() string { return o.target + partialSuffix }

// Partial opens what an earlier run left in FILE.partial, for the caller to
// read from its beginning and find out how much of it is whole; TruncateTo
// then says so. It returns nil if there is nothing to continue. The file
// stays the Output's: do not close it. A Write without TruncateTo before it
// begins anew.
//
// Errors: exit.Temporary if another process is writing the file,
// exit.CantCreate if it is not ours to continue.
func (o *Output) Partial() (*os.File, error) {
	if o.err != nil || !o.whole || o.began {
		return nil, o.err
	}
	if o.file == nil {
		f, err := openPartial(o.partial(), false)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, o.cannotCreate(err)
		}
		o.use(f)
	}
	info, err := o.file.Stat()
	if err == nil {
		_, err = o.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, o.writeError(err)
	}
	if info.Size() == 0 {
		return nil, nil
	}
	return o.file, nil
}

// TruncateTo keeps the first n octets of FILE.partial; writing goes on from
// there. It is an error for an output that is written straight through, but
// for n = 0.
func (o *Output) TruncateTo(n int64) error {
	if o.err != nil {
		return o.err
	}
	if !o.whole {
		if n == 0 {
			return nil
		}
		return exit.Errorf(exit.Bug, "%s cannot be continued", o.name)
	}
	if o.file == nil {
		if err := o.open(); err != nil {
			o.err = err
			return err
		}
	}
	err := o.file.Truncate(n)
	if err == nil {
		_, err = o.file.Seek(n, io.SeekStart)
	}
	if err != nil {
		o.err = o.writeError(err)
		return o.err
	}
	o.began = true
	return nil
}

// publish gives FILE.partial its name.
func (o *Output) publish() error {
	if err := o.file.Sync(); err != nil {
		return o.writeError(err)
	}
	if !names(o.partial(), o.file) {
		return exit.Errorf(exit.IO, "%s was removed or replaced while it was written", o.partial())
	}
	if err := os.Rename(o.partial(), o.target); err != nil {
		var link *os.LinkError
		if errors.As(err, &link) {
			err = link.Err
		}
		return o.writeError(err)
	}
	if err := syncFolder(filepath.Dir(o.target)); err != nil {
		return o.writeError(err)
	}
	return nil
}

// syncFolder makes a new name in a folder last.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return nil // a folder may be written to without being readable
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// canCreate says early that a new file cannot be made.
func canCreate(path string) error {
	if path != "" && os.IsPathSeparator(path[len(path)-1]) {
		return syscall.EISDIR
	}
	return unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK)
}

// canReplace says early that an existing file is not to be replaced: a
// rename would replace a write-protected file as well.
func canReplace(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return err
	}
	return canCreate(path)
}

// openPartial opens and locks path, which is made if create is set.
func openPartial(path string, create bool) (*os.File, error) {
	flag := os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	if create {
		flag |= os.O_CREATE
	}
	for {
		f, err := os.OpenFile(path, flag, 0o600)
		if errors.Is(err, syscall.ELOOP) {
			return nil, notOurs(path)
		}
		if err != nil {
			return nil, err
		}
		if err := claim(path, f); err != nil {
			f.Close()
			return nil, err
		}
		if names(path, f) {
			return f, nil
		}
		f.Close() // it was renamed before we had the lock: open what is there now
	}
}

// claim takes the lock of a partial file and makes sure that it is ours
// alone: in a folder that others write to, they could have put theirs there.
func claim(path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || !ok || stat.Nlink > 1 || int(stat.Uid) != os.Geteuid() {
		return notOurs(path)
	}
	if err := descriptor.Lock(f); err != nil {
		return exit.Errorf(exit.Temporary, "another process is writing %s", path).
			WithHint("wait for it, or choose another file")
	}
	return f.Chmod(0o600)
}

func notOurs(path string) error {
	return exit.Errorf(exit.CantCreate, "%s is there, and is not a plain file of yours", path).
		WithHint("remove it, or choose another file")
}

// names reports whether path still is the name of f.
func names(path string, f *os.File) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open)
}

// beside returns where a symlink at path points to. The dots of link are the
// kernel's to resolve: a folder on the way may be a symlink itself.
func beside(path, link string) string {
	if filepath.IsAbs(link) {
		return link
	}
	dir, _ := filepath.Split(path)
	return dir + link
}
