package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// childKey makes the test binary behave as the command imap-test.
const childKey = "IMAP_PIPE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(childKey) != "" {
		grace = 300 * time.Millisecond
		os.Exit(Run(testCommand(), os.Args))
	}
	os.Exit(m.Run())
}

// testCommand is a command that does what --do says.
func testCommand() *ucli.App {
	own := []ucli.Flag{
		&ucli.StringFlag{Name: "do", Usage: "`WHAT` to do"},
		&ucli.StringFlag{Name: "o", Usage: "`FILE`: output"},
		&ucli.IntFlag{Name: "code"},
		&ucli.StringSliceFlag{Name: "folder"},
		&ucli.BoolFlag{Name: "binary"},
		&ucli.BoolFlag{Name: "continue"},
		&ucli.BoolFlag{Name: "secret-switch", Hidden: true},
	}
	return New(Command{
		Name:     "imap-test",
		Summary:  "does what a test asks for",
		Operands: []string{"SOURCE", "AGAINST"},
		Examples: []Example{{Line: "imap-test --do nothing", Does: "do nothing"}},
		Notes:    []string{"Exit codes: as the others."},
		Flags:    append(own, ConnectionFlags()...),
		Action:   func(c *ucli.Context) error { return deeds[c.String("do")](c) },
	})
}

var deeds = map[string]func(*ucli.Context) error{
	"":        func(*ucli.Context) error { return nil },
	"folders": func(c *ucli.Context) error { _, err := fmt.Printf("%q\n", c.StringSlice("folder")); return err },
	"operands": func(c *ucli.Context) error {
		_, err := fmt.Printf("%q\n", c.Args().Slice())
		return err
	},
	"panic": func(*ucli.Context) error { panic("boo\x1b[2J") },
	"index": func(*ucli.Context) error {
		var none []int
		_ = none[len(os.Args)]
		return nil
	},
	"fail": func(c *ucli.Context) error {
		return exit.Errorf(exit.Code(c.Int("code")), "folder \x1b]0;x\a\u202e failed\nagain").WithHint("try %s", "\x9b1m")
	},
	"uncoded": func(*ucli.Context) error { return errors.New("odd") },
	"silent":  func(*ucli.Context) error { return exit.Errorf(exit.Different, "") },
	"println": func(*ucli.Context) error {
		for {
			if _, err := fmt.Println(strings.Repeat("x", 4000)); err != nil {
				return err
			}
		}
	},
	"wait": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return fmt.Errorf("while waiting: %w", context.Cause(c.Context))
	},
	"wait-partial": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return exit.Errorf(exit.Partial, "3 messages failed")
	},
	"finish": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return nil
	},
	"stubborn": func(*ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		time.Sleep(time.Minute)
		return nil
	},
	"say": func(c *ucli.Context) error {
		MessagesOf(c).Info("joe@old -> joe@new: %s", "done")
		MessagesOf(c).Warn("%s", "odd \x1b[1m"+strings.Repeat("é", messageCap))
		return nil
	},
	"flood":    func(c *ucli.Context) error { return flood(c, 1<<40) },
	"write":    func(c *ucli.Context) error { return flood(c, 256<<10) },
	"copy":     copyStream,
	"connect":  connect,
	"progress": showProgress,
	"abort":    endInBand,
}

func flood(c *ucli.Context, n int) error {
	out, err := NewOutput(c.Context, c.String("o"), OutputOptions{Binary: c.Bool("binary")})
	if err != nil {
		return err
	}
	defer out.Abort()
	if c.Bool("continue") {
		f, err := out.Partial()
		if err != nil {
			return err
		}
		if f != nil {
			have, err := io.ReadAll(f)
			if err != nil {
				return err
			}
			if err := out.TruncateTo(int64(len(have))); err != nil {
				return err
			}
			n -= len(have)
		}
	}
	block := bytes.Repeat([]byte("y"), 64<<10)
	for n > 0 {
		written, err := out.Write(block[:min(n, len(block))])
		if err != nil {
			return err
		}
		n -= written
	}
	return out.Commit()
}

// endInBand writes until it is stopped, and then one line more.
func endInBand(c *ucli.Context) error {
	out, err := NewOutput(c.Context, "", OutputOptions{})
	if err != nil {
		return err
	}
	defer out.Abort()
	fmt.Fprintln(out, "begin")
	fmt.Fprintln(os.Stderr, "ready")
	<-c.Context.Done()
	time.Sleep(2 * grace) // the deadline of a write, not of the run
	if _, err := fmt.Fprintln(out, "abort"); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return context.Cause(c.Context)
}

func copyStream(c *ucli.Context) error {
	in, err := OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := NewOutput(c.Context, c.String("o"), OutputOptions{Binary: c.Bool("binary")})
	if err != nil {
		return err
	}
	defer out.Abort()
	fmt.Fprintln(os.Stderr, "ready")
	if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in}); err != nil {
		return err
	}
	return out.Commit()
}

// connect prints what a connection would be made with.
func connect(c *ucli.Context) error {
	opt, err := Connection(c)
	if err != nil {
		return err
	}
	password, err := opt.Password(c.Context)
	if err != nil {
		return err
	}
	again, err := opt.Password(c.Context)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s %d %s %q %q\n", opt.Host, opt.Port, opt.User, password, again)
	return err
}

func showProgress(c *ucli.Context) error {
	p, err := NewProgress(c)
	if err != nil {
		return err
	}
	p.Phase("reading")
	p.Total(20000, 5e6)
	p.Folder("Archive \x1b[2J\u202e")
	p.Add(1234, 1e6)
	fmt.Fprintln(os.Stderr, "ready")
	select {
	case <-c.Context.Done():
	case <-time.After(500 * time.Millisecond):
	}
	MessagesOf(c).Warn("a word in between")
	p.Stop()
	p.Stop()
	MessagesOf(c).Info("done")
	return context.Cause(c.Context)
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares imap-test with args, in a session without a terminal.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(cleanEnv(), childKey+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// cleanEnv is the environment without what the commands look at.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "IMAP_") && !strings.HasPrefix(v, "GOTRACEBACK=") {
			env = append(env, v)
		}
	}
	return env
}

// finish runs cmd to its end.
func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return result{wait(t, cmd), stdout.String(), stderr.String()}
}

// wait returns the exit code; a death by signal is a failure of the test.
func wait(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		t.Errorf("%v was killed by %v", cmd.Args[1:], status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

func run(t testing.TB, args ...string) result {
	t.Helper()
	return finish(t, command(t, args...))
}

// background is a command that has said "ready" on stderr.
type background struct {
	*exec.Cmd
	stdout, stderr *watched
}

// watched collects what a command writes.
type watched struct {
	chunks chan []byte
	all    bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.chunks <- bytes.Clone(p)
	return len(p), nil
}

// until waits for text.
func (w *watched) until(t testing.TB, text string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for !strings.Contains(w.all.String(), text) {
		select {
		case p := <-w.chunks:
			w.all.Write(p)
		case <-deadline:
			t.Fatalf("no %q in %q", text, w.all.String())
		}
	}
}

func (w *watched) rest() string {
	for {
		select {
		case p := <-w.chunks:
			w.all.Write(p)
		default:
			return w.all.String()
		}
	}
}

func newWatched() *watched { return &watched{chunks: make(chan []byte, 1<<16)} }

// start starts cmd and waits until it is ready.
func start(t testing.TB, cmd *exec.Cmd) *background {
	t.Helper()
	b := &background{cmd, newWatched(), newWatched()}
	if cmd.Stdout == nil {
		cmd.Stdout = b.stdout
	}
	cmd.Stderr = b.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.stderr.until(t, "ready\n")
	return b
}

func (b *background) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := b.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (b *background) end(t testing.TB) result {
	t.Helper()
	code := wait(t, b.Cmd)
	return result{code, b.stdout.rest(), b.stderr.rest()}
}

// check compares a result; wantErr is a part of stderr, "" for none at all.
func (r result) check(t testing.TB, code int, wantErr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; stderr %q", r.code, code, r.stderr)
	}
	if wantErr == "" && r.stderr != "" || !strings.Contains(r.stderr, wantErr) {
		t.Errorf("stderr is %q, want %q in it", r.stderr, wantErr)
	}
}
