package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ScriptTimeout is how long a script may take before it counts as hung.
const ScriptTimeout = 3 * time.Minute

// Straight is the straight-through pipeline, from the account $SRC to $DST.
const Straight = `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`

// Offline is the same by way of a file.
const Offline = `imap-fetch $SRC -o mail.zst && imap-diff $DST mail.zst | imap-push $DST`

// Shell is a folder and an environment in which scripts run.
type Shell struct {
	T   testing.TB
	Dir string
	Env map[string]string
}

// NewShell makes a shell. Scripts find the commands in their PATH, and the
// password of every account in IMAP_PASSWORD.
func NewShell(t testing.TB) *Shell {
	return &Shell{T: t, Dir: t.TempDir(), Env: map[string]string{"IMAP_PASSWORD": "secret"}}
}

// Between makes a shell with $SRC and $DST.
func Between(t testing.TB, src, dst Account) *Shell {
	b := NewShell(t)
	b.Env["SRC"], b.Env["DST"] = src.Options(), dst.Options()
	return b
}

// With returns a copy that has one variable more, or another value of it.
func (b *Shell) With(name, value string) *Shell {
	c := &Shell{T: b.T, Dir: b.Dir, Env: maps.Clone(b.Env)}
	c.Env[name] = value
	return c
}

// ForTest returns a copy that reports to a subtest.
func (b *Shell) ForTest(t testing.TB) *Shell {
	return &Shell{T: t, Dir: b.Dir, Env: b.Env}
}

// Environ is the environment of the scripts.
func (b *Shell) Environ() []string {
	env := []string{"PATH=" + Binaries + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + b.Dir,
		"LC_ALL=C", "TMPDIR=" + os.TempDir()}
	for _, name := range slices.Sorted(maps.Keys(b.Env)) {
		env = append(env, name+"="+b.Env[name])
	}
	return env
}

// Portless is a text without the ports of servers.
func Portless(text string) string { return portOf.ReplaceAllString(text, "@127.0.0.1") }

var portOf = regexp.MustCompile(`@127\.0\.0\.1:\d+`)

// Path is where a script finds the file of that name.
func (b *Shell) Path(name string) string { return filepath.Join(b.Dir, name) }

// Write puts a file into the scripts' folder.
func (b *Shell) Write(name string, octets []byte) {
	b.T.Helper()
	if err := os.WriteFile(b.Path(name), octets, 0o600); err != nil {
		b.T.Fatal(err)
	}
}

// Read returns a file of the scripts' folder.
func (b *Shell) Read(name string) []byte {
	b.T.Helper()
	octets, err := os.ReadFile(b.Path(name))
	if err != nil {
		b.T.Fatal(err)
	}
	return octets
}

// Exists reports whether the scripts' folder has a file of that name.
func (b *Shell) Exists(name string) bool {
	_, err := os.Lstat(b.Path(name))
	return err == nil
}

// Outcome is how a script ended.
type Outcome struct {
	T      testing.TB
	Script string
	Exit   int
	Stdout string
	Stderr string
	Took   time.Duration
	usage  *syscall.Rusage
}

// Sh runs a script under plain sh, without pipefail: the exit code is that of
// the last command.
func (b *Shell) Sh(script string) *Outcome {
	b.T.Helper()
	return b.run("sh", script)
}

// Bash is for scripts that need PIPESTATUS.
func (b *Shell) Bash(script string) *Outcome {
	b.T.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		b.T.Skip("SKIPPED: no bash")
	}
	return b.run("bash", script)
}

func (b *Shell) run(shell, script string) *Outcome {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ScriptTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, shell, "-c", script)
	c.Dir, c.Env, c.Stdout, c.Stderr = b.Dir, b.Environ(), &stdout, &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	began := time.Now()
	err := c.Run()
	o := &Outcome{T: b.T, Script: script, Stdout: stdout.String(), Stderr: stderr.String(), Took: time.Since(began)}
	if ctx.Err() != nil {
		b.T.Fatalf("it hangs: %s", o)
	}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		b.T.Fatalf("%s: %v", script, err)
	}
	o.Exit = ExitCode(c.ProcessState)
	o.usage, _ = c.ProcessState.SysUsage().(*syscall.Rusage)
	return o
}

// ExitCode is the code as a shell gives it: 128 and the number of the signal.
func ExitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func (o *Outcome) String() string {
	return fmt.Sprintf("$ %s\nexit %d after %v\nstderr: %s", o.Script, o.Exit, o.Took.Round(time.Millisecond),
		Shorten(o.Stderr, 3000))
}

// Shorten cuts a text to n octets.
func Shorten(text string, n int) string {
	if len(text) > n {
		return text[:n] + " ..."
	}
	return text
}

// Wants demands an exit code; without it the test cannot go on.
func (o *Outcome) Wants(code int) *Outcome {
	o.T.Helper()
	if o.Exit != code {
		o.T.Fatalf("exit %d, want %d\n%s", o.Exit, code, o)
	}
	return o
}

// Says demands that stderr holds each of the texts.
func (o *Outcome) Says(texts ...string) *Outcome {
	o.T.Helper()
	for _, text := range texts {
		if !strings.Contains(o.Stderr, text) {
			o.T.Errorf("stderr does not say %q\n%s", text, o)
		}
	}
	return o
}

// Arrives waits until there is something in a file.
func (b *Shell) Arrives(name string, s *Stages) {
	b.T.Helper()
	for began := time.Now(); !b.Exists(name) || len(b.Read(name)) == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			b.T.Fatalf("nothing is in %s\n%s", name, s)
		}
	}
}

// Glob finds files of the scripts' folder.
func (b *Shell) Glob(pattern string) []string {
	b.T.Helper()
	names, err := filepath.Glob(b.Path(pattern))
	if err != nil {
		b.T.Fatal(err)
	}
	return names
}

// WithTools gives scripts the folder of stream-to-mail and mail-to-stream as
// $TOOLS.
func (b *Shell) WithTools() *Shell {
	b.T.Helper()
	for _, tool := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.T.Skip("SKIPPED: no " + tool)
		}
	}
	tools, err := filepath.Abs(filepath.Join(Root, "scripts", "archive"))
	if err != nil {
		b.T.Fatal(err)
	}
	return b.With("TOOLS", tools)
}

// NeedsJQ skips a test where there is no jq.
func NeedsJQ(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("SKIPPED: no jq")
	}
}
