package files_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestForeign: what another user has put into a folder that all may write to
// leads nowhere: symlinks, FIFOs and files, of -o, --trace and inputs.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can make files of another user")
	}
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
		_, err := files.NewOutput(context.Background(), path(name), files.OutputOptions{})
		clitest.WantCode(t, err, exit.CantCreate, "belongs to another user")
		_, err = files.OpenAppend("trace", path(name))
		clitest.WantCode(t, err, exit.CantCreate, "belongs to another user")
		clitest.WantFile(t, victim, "victim")
	}
	if _, err := files.OpenInput(context.Background(), path("link")); err == nil {
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
