package harness

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// build returns a folder that holds the commands, and what gives it back. Packages
// that are tested at the same time build them once: the folder is named by a hash of
// the sources, and stays for the next run. One that nobody uses any more is removed
// when another is made.
func build() (dir string, release func(), err error) {
	if dir := os.Getenv("IMAPPIPE_BIN"); dir != "" {
		return dir, func() {}, nil
	}
	sum, err := hashSources()
	if err != nil {
		return "", nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "imap-pipe-e2e")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, err
	}
	making, err := lock(filepath.Join(cache, "lock"), unix.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	defer making.Close()

	dir = filepath.Join(cache, sum)
	if _, err := os.Stat(dir); err != nil {
		removeUnused(cache)
		if err := buildInto(dir); err != nil {
			return "", nil, err
		}
	}
	used, err := lock(filepath.Join(dir, "lock"), unix.LOCK_SH)
	if err != nil {
		return "", nil, err
	}
	return dir, func() { used.Close() }, nil
}

// lock opens a file and locks it until it is closed.
func lock(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), how); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func removeUnused(cache string) {
	dirs, _ := filepath.Glob(filepath.Join(cache, "*", "lock"))
	for _, path := range dirs {
		if file, err := lock(path, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			os.RemoveAll(filepath.Dir(path))
			file.Close()
		}
	}
}

// buildInto makes the folder whole or not at all.
func buildInto(dir string) error {
	partial := dir + ".partial"
	os.RemoveAll(partial)
	build := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", partial+string(filepath.Separator),
		"./cmd/...", "./scripts/imap-migrate")
	build.Dir = Root
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // they start sooner
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// hashSources returns a hash of all that the commands are made of.
func hashSources() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), os.Getenv("GOFLAGS"))
	for _, name := range []string{"go.mod", "go.sum", "cmd", "pkg", filepath.Join("scripts", "imap-migrate")} {
		err := filepath.WalkDir(filepath.Join(Root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return hashFile(sum, path)
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:16]), nil
}

func hashFile(sum hash.Hash, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintln(sum, path)
	_, err = io.Copy(sum, file)
	return err
}
