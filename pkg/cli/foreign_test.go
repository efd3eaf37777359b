package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestForeign: what another user has put into a folder that all may write to
// leads nowhere: symlinks, FIFOs and files, of -o, --trace and inputs.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can make files of another user")
	}
	clearEnv(t)
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	sticky := filepath.Join(dir, "sticky")
	path := func(name string) string { return filepath.Join(sticky, name) }
	another := func(name string, err error) {
		t.Helper()
		if err := errors.Join(err, os.Lchown(path(name), 12345, 12345)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(sticky, 0o700), os.Chmod(sticky, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	another("link", os.Symlink(victim, path("link")))
	another("dangling", os.Symlink(victim+".new", path("dangling")))
	another("file", os.WriteFile(path("file"), nil, 0o666))
	another("fifo", syscall.Mkfifo(path("fifo"), 0o666))
	if err := os.Symlink("link", path("chain")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "dangling", "chain", "file", "fifo"} {
		clitest.WriteFile(t, victim, "victim")
		_, err := NewOutput(context.Background(), path(name), OutputOptions{})
		clitest.WantCode(t, err, exit.CantCreate, "belongs to another user")
		_, _, err = parse(t, "--host=old.example", "--user=joe", "--trace", path(name))
		clitest.WantCode(t, err, exit.CantCreate, "belongs to another user")
		clitest.WantFile(t, victim, "victim")
	}
	if _, err := OpenInput(context.Background(), path("link")); err == nil {
		t.Error("the symlink of another user was read")
	}

	// The same is good elsewhere, and so are our own.
	if err := os.Symlink(victim, path("own")); err != nil {
		t.Fatal(err)
	}
	out := mustOutput(t, path("own"))
	put(t, out, "own")
	out.Abort()
	if err := os.Chmod(sticky, 0o777); err != nil {
		t.Fatal(err)
	}
	put(t, mustOutput(t, path("link")), "link")
	clitest.WantFile(t, victim+".partial", "link")
}

// TestTraceIsMadePrivate: a trace that others could read cannot be read by them
// any more.
func TestTraceIsMadePrivate(t *testing.T) {
	clearEnv(t)
	path := filepath.Join(t.TempDir(), "trace")
	clitest.WriteFile(t, path, "before\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	opt, _, err := parse(t, "--host=old.example", "--user=joe", "--trace", path)
	if err != nil {
		t.Fatal(err)
	}
	opt.Trace.(io.Closer).Close()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
