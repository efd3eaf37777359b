package files_test

import (
	"context"
	"errors"
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

func mustOutput(t *testing.T, path string) *files.Output {
	t.Helper()
	out, err := files.NewOutput(context.Background(), path, files.OutputOptions{Binary: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Abort)
	return out
}

func put(t *testing.T, out *files.Output, text string) {
	t.Helper()
	if n, err := out.Write([]byte(text)); err != nil || n != len(text) {
		t.Fatalf("Write = %d, %v", n, err)
	}
}

func TestOutputNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.zst")
	out := mustOutput(t, path)
	if !out.IsFile() || out.IsTerminal() || out.Name() != path {
		t.Errorf("IsFile %t, IsTerminal %t, Name %q", out.IsFile(), out.IsTerminal(), out.Name())
	}
	clitest.WantFile(t, path+".partial", "-") // nothing before the first Write
	put(t, out, "one")
	clitest.WantFile(t, path+".partial", "one")
	clitest.WantFile(t, path, "-")
	put(t, out, "two")
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "onetwo")
	clitest.WantFile(t, path+".partial", "-")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := out.Write([]byte("x")); !errors.Is(err, files.ErrClosed) {
		t.Errorf("Write after Commit: %v", err)
	}
	if err := out.Commit(); !errors.Is(err, files.ErrClosed) {
		t.Errorf("second Commit: %v", err)
	}
	out.Abort()
	clitest.WantFile(t, path, "onetwo")
}

func TestOutputEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := mustOutput(t, path).Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "")
}

func TestOutputAbort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path, "old")
	out := mustOutput(t, path)
	out.Abort()
	clitest.WantFile(t, path+".partial", "-")
	out = mustOutput(t, path)
	put(t, out, "new")
	out.Abort()
	out.Abort()
	clitest.WantFile(t, path, "old")
	clitest.WantFile(t, path+".partial", "new")
}

func TestOutputReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path, "old")
	clitest.WriteFile(t, path+".partial", "an older failure, and longer")
	out := mustOutput(t, path)
	put(t, out, "new")
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "new")
}

func TestOutputSymlinks(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("real/target", "link")               // relative, dangling at first
	link(filepath.Join(dir, "link"), "chain") // absolute
	link("real", "folder")                    // of a folder
	link("../other", "real/up")               // the dots are those of real
	link("folder/../other", "through")        // and these go through a symlink
	link("loop", "loop")                      //
	link("no-such-folder/x", "nowhere")       //
	for name, target := range map[string]string{"link": "real/target", "chain": "real/target", "folder/y": "real/y", "folder/up": "other", "through": "other"} {
		path := filepath.Join(dir, name)
		before, _ := os.Readlink(path)
		for _, text := range []string{"first " + name, "second " + name} {
			out := mustOutput(t, path)
			put(t, out, text)
			clitest.WantFile(t, filepath.Join(dir, target)+".partial", text)
			if err := out.Commit(); err != nil {
				t.Fatal(err)
			}
			clitest.WantFile(t, filepath.Join(dir, target), text)
		}
		if after, _ := os.Readlink(path); after != before {
			t.Errorf("the symlink %s pointed to %q, now to %q", name, before, after)
		}
	}
	for name, text := range map[string]string{"loop": "too many levels", "nowhere": "no such file"} {
		_, err := files.NewOutput(context.Background(), filepath.Join(dir, name), files.OutputOptions{})
		clitest.WantCode(t, err, exit.CantCreate, text)
	}
}

func TestOutputCannotCreate(t *testing.T) {
	dir := t.TempDir()
	clitest.WriteFile(t, filepath.Join(dir, "file"), "")
	for path, text := range map[string]string{
		dir:                                  "is a directory",
		dir + "/new/":                        "is a directory",
		filepath.Join(dir, "none", "x"):      "no such file",
		filepath.Join(dir, "file", "x"):      "not a directory",
		"/dev/fd/987":                        "descriptor 987 is not open",
		"/proc/self/fd/987":                  "descriptor 987 is not open",
		dir + "/" + strings.Repeat("x", 300): "file name too long",
	} {
		_, err := files.NewOutput(context.Background(), path, files.OutputOptions{})
		clitest.WantCode(t, err, exit.CantCreate, text)
	}
}

func TestOutputWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	clitest.WriteFile(t, path, "old")
	os.Chmod(path, 0o400)
	_, err := files.NewOutput(context.Background(), path, files.OutputOptions{})
	clitest.WantCode(t, err, exit.CantCreate, "permission denied")
	os.Chmod(dir, 0o500)
	defer os.Chmod(dir, 0o700)
	_, err = files.NewOutput(context.Background(), filepath.Join(dir, "y"), files.OutputOptions{})
	clitest.WantCode(t, err, exit.CantCreate, "permission denied")
}

func TestOutputContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	out := mustOutput(t, path)
	if f, err := out.Partial(); f != nil || err != nil {
		t.Fatalf("Partial = %v, %v", f, err)
	}
	put(t, out, "whole|cut")
	out.Abort()

	out = mustOutput(t, path)
	f, err := out.Partial()
	if err != nil || f == nil {
		t.Fatalf("Partial = %v, %v", f, err)
	}
	have, err := io.ReadAll(f)
	if err != nil || string(have) != "whole|cut" {
		t.Fatalf("read %q, %v", have, err)
	}
	if f, err = out.Partial(); err != nil || f == nil { // a second look is from the beginning again
		t.Fatalf("Partial = %v, %v", f, err)
	}
	if have, _ = io.ReadAll(f); string(have) != "whole|cut" {
		t.Fatalf("read %q", have)
	}
	if err := out.TruncateTo(6); err != nil {
		t.Fatal(err)
	}
	put(t, out, "more")
	if f, err := out.Partial(); f != nil || err != nil {
		t.Fatalf("Partial after Write = %v, %v", f, err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "whole|more")
}

func TestOutputBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path+".partial", "a long earlier part")
	out := mustOutput(t, path)
	if f, err := out.Partial(); f == nil || err != nil {
		t.Fatalf("Partial = %v, %v", f, err)
	}
	put(t, out, "new")
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "new")
}

func TestOutputContinuesWithNothingToAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path+".partial", "all of it")
	out := mustOutput(t, path)
	if _, err := out.Partial(); err != nil {
		t.Fatal(err)
	}
	if err := out.TruncateTo(9); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	clitest.WantFile(t, path, "all of it")
}

func TestPartialOfOthers(t *testing.T) {
	plant := map[string]func(path string) error{
		"symlink":   func(p string) error { clitest.WriteFile(t, p+".victim", "victim"); return os.Symlink(p+".victim", p) },
		"hard link": func(p string) error { clitest.WriteFile(t, p+".victim", "victim"); return os.Link(p+".victim", p) },
		"FIFO":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"folder":    func(p string) error { return os.Mkdir(p, 0o700) },
		"other user": func(p string) error {
			clitest.WriteFile(t, p, "victim")
			return os.Chown(p, 12345, 12345)
		},
	}
	for name, fn := range plant {
		path := filepath.Join(t.TempDir(), "x")
		if err := fn(path + ".partial"); err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		out := mustOutput(t, path)
		_, err := out.Partial()
		clitest.WantCode(t, err, exit.CantCreate, "")
		_, err = out.Write([]byte("x"))
		clitest.WantCode(t, err, exit.CantCreate, "")
		if name != "other user" && name != "FIFO" && name != "folder" {
			clitest.WantFile(t, path+".partial.victim", "victim")
		}
	}
}

func TestPartialIsMadePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	clitest.WriteFile(t, path+".partial", "x")
	os.Chmod(path+".partial", 0o666)
	put(t, mustOutput(t, path), "y")
	if info, err := os.Stat(path + ".partial"); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestPartialIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	first, second := mustOutput(t, path), mustOutput(t, path)
	put(t, first, "first")
	_, err := second.Write([]byte("second"))
	clitest.WantCode(t, err, exit.Temporary, "another process is writing "+path+".partial")
	_, err = mustOutput(t, path).Partial()
	clitest.WantCode(t, err, exit.Temporary, "another process")
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	third := mustOutput(t, path)
	put(t, third, "third")
	clitest.WantFile(t, path, "first")
}

func TestPartialReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	out := mustOutput(t, path)
	put(t, out, "x")
	os.Remove(path + ".partial")
	clitest.WantCode(t, out.Commit(), exit.IO, "was removed or replaced")
	out = mustOutput(t, path)
	put(t, out, "x")
	os.Rename(path+".partial", path+".moved")
	clitest.WriteFile(t, path+".partial", "another")
	clitest.WantCode(t, out.Commit(), exit.IO, "was removed or replaced")
	clitest.WantFile(t, path, "-")
}

func TestOutputDevices(t *testing.T) {
	out := mustOutput(t, "/dev/full")
	if out.IsFile() {
		t.Error("/dev/full is a file")
	}
	_, err := out.Write([]byte("x"))
	clitest.WantCode(t, err, exit.IO, "write to /dev/full: no space left on device")
	_, again := out.Write([]byte("x"))
	clitest.WantCode(t, again, exit.IO, "no space left")
	clitest.WantCode(t, out.Commit(), exit.IO, "no space left")
	clitest.WantFile(t, "/dev/full.partial", "-")

	out = mustOutput(t, "/dev/null")
	put(t, out, "x")
	if f, err := out.Partial(); f != nil || err != nil {
		t.Errorf("Partial = %v, %v", f, err)
	}
	clitest.WantCode(t, out.TruncateTo(5), exit.Bug, "cannot be continued")
	if err := out.Commit(); err != nil {
		t.Error(err)
	}
}

func TestOutputFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	out := mustOutput(t, path) // does not wait for the reader
	read := make(chan string)
	go func() {
		text, _ := os.ReadFile(path)
		read <- string(text)
	}()
	put(t, out, "through the pipe")
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "through the pipe" {
		t.Errorf("read %q", got)
	}
	clitest.WantFile(t, path+".partial", "-")
}

func TestOutputFIFOWithoutReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	out, err := files.NewOutput(ctx, path, files.OutputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { cancel(exit.Errorf(exit.Interrupted, "interrupted")) })
	_, err = out.Write([]byte("x"))
	clitest.WantCode(t, err, exit.Interrupted, "interrupted")
	if r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		r.Close() // lets the waiting goroutine end
	}
}

// TestOutputDescriptor writes where the shell's redirection stands, and
// neither renames nor truncates.
func TestOutputDescriptor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	clitest.WriteFile(t, path, "before ")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 256 << 10
	for i, args := range [][]string{{"-o", "/dev/fd/3"}, {"-o", "/proc/self/fd/3"}, {"-o", "/dev/stdout"}, {}} {
		cmd := clitest.Command(t, append([]string{"--do", "write"}, args...)...)
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		cmd.Stdout = f
		clitest.Finish(t, cmd).Check(t, 0, "")
		if info, err := os.Stat(path); err != nil || info.Size() != int64(7+(i+1)*size) {
			t.Errorf("%q: size %d, %v", args, info.Size(), err)
		}
	}
	clitest.WantFile(t, path+".partial", "-")
}

// TestOutputOwnDescriptor refuses what the process opened by itself.
func TestOutputOwnDescriptor(t *testing.T) {
	for _, n := range []string{"3", "4", "5", "6", "7"} {
		clitest.Run(t, "--do", "write", "-o", "/dev/fd/"+n).Check(t, 73, "descriptor "+n+" is not open")
	}
}

func TestOutputFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	cmd := clitest.Command(t)
	self := cmd.Path
	cmd.Path = "/bin/bash"
	if _, err := os.Stat(cmd.Path); err != nil {
		t.Skip(err)
	}
	cmd.Args = []string{"bash", "-c", `ulimit -f 100; exec "$0" --do write -o "$1"`, self, path}
	clitest.Finish(t, cmd).Check(t, 74, "file too large\nimap-test: hint: what was written is kept in "+path+".partial\n")
	clitest.WantFile(t, path, "-")
	clitest.Run(t, "--do", "write", "--continue", "-o", path).Check(t, 0, "")
	if info, err := os.Stat(path); err != nil || info.Size() != 256<<10 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestKilledAndContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	cmd := clitest.Command(t, "--do", "flood", "-o", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if info, err := os.Stat(path + ".partial"); err == nil && info.Size() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	clitest.WantFile(t, path, "-")
	os.Truncate(path+".partial", 100<<10)
	clitest.Run(t, "--do", "write", "--continue", "-o", path).Check(t, 0, "")
	if info, err := os.Stat(path); err != nil || info.Size() != 256<<10 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestApart: a file is not read and written, whichever is opened first and
// whatever its names are.
func TestApart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	clitest.WriteFile(t, path, "x")
	clitest.WriteFile(t, path+".partial", "x")
	clitest.WriteFile(t, filepath.Join(dir, "other"), "x")
	os.Symlink("x", filepath.Join(dir, "link"))
	os.Link(path, filepath.Join(dir, "hard"))
	tests := []struct {
		in, out string
		refused bool
	}{
		{"x", "x", true}, {"link", "x", true}, {"x", "link", true}, {"hard", "x", true},
		{"x.partial", "x", true}, {"other", "x", false}, {"x", "new", false},
	}
	for _, tt := range tests {
		for _, order := range []string{"rw", "wr"} {
			var err error
			ctx := files.KeepApart(context.Background())
			for _, what := range order {
				if what == 'r' {
					_, opened := files.OpenInput(ctx, filepath.Join(dir, tt.in))
					err = errors.Join(err, opened)
				} else {
					_, opened := files.NewOutput(ctx, filepath.Join(dir, tt.out), files.OutputOptions{})
					err = errors.Join(err, opened)
				}
			}
			if refused := exit.CodeOf(err) == exit.Usage; refused != tt.refused || !refused && err != nil {
				t.Errorf("%s to %s, %s: %v", tt.in, tt.out, order, err)
			}
		}
	}
	ctx := files.KeepApart(context.Background())
	for _, out := range []string{"x", "other", "new"} {
		if _, err := files.NewOutput(ctx, filepath.Join(dir, out), files.OutputOptions{}); err != nil {
			t.Errorf("%s: %v", out, err)
		}
	}
	if _, err := files.NewOutput(ctx, filepath.Join(dir, "hard"), files.OutputOptions{}); exit.CodeOf(err) != exit.Usage {
		t.Errorf("two outputs to one file: %v", err)
	}
	both, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	cmd := clitest.Command(t, "--do", "copy")
	cmd.Stdin, cmd.Stdout = both, both
	clitest.Finish(t, cmd).Check(t, 64, "stdin is both input and output")
	cmd = clitest.Command(t, "--do", "copy", "/dev/null")
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd.Stdout = null
	clitest.Finish(t, cmd).Check(t, 0, "ready\n")
}
