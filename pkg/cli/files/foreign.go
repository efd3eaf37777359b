package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
)

// errForeign is the error for what may be a trap.
var errForeign = errors.New("it belongs to another user, in a folder that all users may write to")

// foreign refuses what another user has put into a folder in which all make
// files, such as /tmp. A symlink there could lead to any file of ours, and who
// made a FIFO or a file there could read what is written to it. A Linux kernel
// has the same rule (fs.protected_symlinks and its kin), where it is turned on
// and a path is opened as it was given. info is what os.Lstat says of path.
func foreign(path string, info fs.FileInfo) error {
	folder, _ := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	dir, err := os.Stat(folder)
	if err != nil || dir.Mode()&fs.ModeSticky == 0 || dir.Mode().Perm()&0o002 == 0 {
		return nil
	}
	switch Owner(info) {
	case os.Geteuid(), Owner(dir):
		return nil
	}
	return errForeign
}

// Owner is the user that a file belongs to, -1 where that is not known.
func Owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// followOutput is follow for what is written to. What it leads to may be
// another's as little as the symlinks that lead there.
func followOutput(path string) (string, error) {
	target, err := follow(path)
	if err != nil {
		return "", err
	}
	if _, ok := descriptor.Number(target); ok {
		return target, nil
	}
	if info, err := os.Lstat(target); err == nil {
		return target, foreign(target, info)
	}
	return target, nil
}
