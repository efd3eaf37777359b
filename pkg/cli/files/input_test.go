package files_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestInputFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path, "stream")
	in, err := files.OpenInput(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if !in.Seekable() || in.Size() != 6 || in.Name() != path {
		t.Errorf("Seekable %t, Size %d, Name %q", in.Seekable(), in.Size(), in.Name())
	}
	for range 2 {
		if text, err := io.ReadAll(in); err != nil || string(text) != "stream" {
			t.Errorf("read %q, %v", text, err)
		}
		if err := in.Rewind(); err != nil {
			t.Error(err)
		}
	}
}

func TestInputMissing(t *testing.T) {
	dir := t.TempDir()
	clitest.WriteFile(t, filepath.Join(dir, "file"), "")
	os.Symlink("loop", filepath.Join(dir, "loop"))
	for path, text := range map[string]string{
		filepath.Join(dir, "none"):      "cannot read " + filepath.Join(dir, "none") + ": no such file or directory",
		filepath.Join(dir, "file", "x"): "not a directory",
		filepath.Join(dir, "loop"):      "too many levels",
		dir:                             "is a directory",
		"/dev/fd/987":                   "descriptor 987 is not open",
	} {
		_, err := files.OpenInput(context.Background(), path)
		clitest.WantCode(t, err, exit.NoInput, text)
	}
}

func TestInputFIFOWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(exit.Errorf(exit.Terminated, "terminated")) })
	_, err := files.OpenInput(ctx, path)
	clitest.WantCode(t, err, exit.Terminated, "terminated")

	path += "2" // the first is still being opened
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(path, []byte("came"), 0)
	in, err := files.OpenInput(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if in.Seekable() || in.Size() != -1 {
		t.Errorf("Seekable %t, Size %d", in.Seekable(), in.Size())
	}
	if text, err := io.ReadAll(in); err != nil || string(text) != "came" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestInputCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	writer := make(chan *os.File, 1)
	go func() {
		w, _ := os.OpenFile(path, os.O_WRONLY, 0)
		writer <- w
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	in, err := files.OpenInput(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer (<-writer).Close()
	time.AfterFunc(50*time.Millisecond, func() { cancel(exit.Errorf(exit.Interrupted, "interrupted")) })
	for range 2 {
		_, err = in.Read(make([]byte, 10))
		clitest.WantCode(t, err, exit.Interrupted, "interrupted")
	}
}

// TestInputDescriptors reads from where the shell's redirection stands, and
// once more from there.
func TestInputDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path, "skipped|stream")
	for _, arg := range []string{"-", "", "/dev/stdin", "/dev/fd/0", "/dev/fd/3", "/proc/self/fd/3"} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Seek(8, io.SeekStart)
		args := []string{"--do", "copy"}
		if arg != "" {
			args = append(args, arg)
		}
		cmd := clitest.Command(t, args...)
		cmd.Stdin = f
		cmd.ExtraFiles = []*os.File{f}
		got := clitest.Finish(t, cmd)
		got.Check(t, 0, "ready\n")
		if got.Stdout != "stream" {
			t.Errorf("%q: read %q", arg, got.Stdout)
		}
		f.Close()
	}
}

func TestInputFromPipeline(t *testing.T) {
	cmd := clitest.Command(t, "--do", "copy")
	cmd.Stdin = strings.NewReader(strings.Repeat("z", 1<<20))
	got := clitest.Finish(t, cmd)
	got.Check(t, 0, "ready\n")
	if len(got.Stdout) != 1<<20 {
		t.Errorf("%d octets", len(got.Stdout))
	}
}
