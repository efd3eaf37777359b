package e2e

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

// patience is how long a script may take before it counts as hung.
const patience = 3 * time.Minute

// straight is the straight-through pipeline, from the account $SRC to $DST.
const straight = `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`

// offline is the same by way of a file.
const offline = `imap-fetch $SRC -o mail.zst && imap-diff $DST mail.zst | imap-push $DST`

// bench is a folder and an environment in which scripts run.
type bench struct {
	t   testing.TB
	dir string
	env map[string]string
}

// newBench makes a bench. Scripts find the commands in their PATH, and the
// password of every account in IMAP_PASSWORD.
func newBench(t testing.TB) *bench {
	return &bench{t: t, dir: t.TempDir(), env: map[string]string{"IMAP_PASSWORD": "secret"}}
}

// between makes a bench with $SRC and $DST.
func between(t testing.TB, src, dst account) *bench {
	b := newBench(t)
	b.env["SRC"], b.env["DST"] = src.options(), dst.options()
	return b
}

// with returns a copy that has one variable more, or another value of it.
func (b *bench) with(name, value string) *bench {
	c := &bench{t: b.t, dir: b.dir, env: maps.Clone(b.env)}
	c.env[name] = value
	return c
}

// forTest returns a copy that reports to a subtest.
func (b *bench) forTest(t testing.TB) *bench {
	return &bench{t: t, dir: b.dir, env: b.env}
}

func (b *bench) environ() []string {
	env := []string{"PATH=" + binaries + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + b.dir, "LC_ALL=C", "TMPDIR=" + os.TempDir()}
	for _, name := range slices.Sorted(maps.Keys(b.env)) {
		env = append(env, name+"="+b.env[name])
	}
	return env
}

// portless is a text without the ports of servers.
func portless(text string) string { return portOf.ReplaceAllString(text, "@127.0.0.1") }

var portOf = regexp.MustCompile(`@127\.0\.0\.1:\d+`)

// path is where a script finds the file of that name.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// write puts a file into the scripts' folder.
func (b *bench) write(name string, octets []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), octets, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// read returns a file of the scripts' folder.
func (b *bench) read(name string) []byte {
	b.t.Helper()
	octets, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return octets
}

func (b *bench) exists(name string) bool {
	_, err := os.Lstat(b.path(name))
	return err == nil
}

// outcome is how a script ended.
type outcome struct {
	t      testing.TB
	script string
	exit   int
	stdout string
	stderr string
	took   time.Duration
	usage  *syscall.Rusage
}

// sh runs a script under plain sh, without pipefail: the exit code is that of
// the last command.
func (b *bench) sh(script string) *outcome {
	b.t.Helper()
	return b.run("sh", script)
}

// bash is for scripts that need PIPESTATUS.
func (b *bench) bash(script string) *outcome {
	b.t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		b.t.Skip("SKIPPED: no bash")
	}
	return b.run("bash", script)
}

func (b *bench) run(shell, script string) *outcome {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, shell, "-c", script)
	c.Dir, c.Env, c.Stdout, c.Stderr = b.dir, b.environ(), &stdout, &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	began := time.Now()
	err := c.Run()
	o := &outcome{t: b.t, script: script, stdout: stdout.String(), stderr: stderr.String(), took: time.Since(began)}
	if ctx.Err() != nil {
		b.t.Fatalf("it hangs: %s", o)
	}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		b.t.Fatalf("%s: %v", script, err)
	}
	o.exit = exitCode(c.ProcessState)
	o.usage, _ = c.ProcessState.SysUsage().(*syscall.Rusage)
	return o
}

// exitCode is the code as a shell gives it: 128 and the number of the signal.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func (o *outcome) String() string {
	return fmt.Sprintf("$ %s\nexit %d after %v\nstderr: %s", o.script, o.exit, o.took.Round(time.Millisecond), limit(o.stderr, 3000))
}

func limit(text string, n int) string {
	if len(text) > n {
		return text[:n] + " ..."
	}
	return text
}

// wants demands an exit code; without it the test cannot go on.
func (o *outcome) wants(code int) *outcome {
	o.t.Helper()
	if o.exit != code {
		o.t.Fatalf("exit %d, want %d\n%s", o.exit, code, o)
	}
	return o
}

// says demands that stderr holds each of the texts.
func (o *outcome) says(texts ...string) *outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stderr, text) {
			o.t.Errorf("stderr does not say %q\n%s", text, o)
		}
	}
	return o
}

// arrives waits until there is something in a file.
func (b *bench) arrives(name string, s *stages) {
	b.t.Helper()
	for began := time.Now(); !b.exists(name) || len(b.read(name)) == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			b.t.Fatalf("nothing is in %s\n%s", name, s)
		}
	}
}

// glob finds files of the scripts' folder.
func (b *bench) glob(pattern string) []string {
	b.t.Helper()
	names, err := filepath.Glob(b.path(pattern))
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}

// withTools gives scripts the folder of stream-to-mail and mail-to-stream as
// $TOOLS.
func (b *bench) withTools() *bench {
	b.t.Helper()
	for _, tool := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.t.Skip("SKIPPED: no " + tool)
		}
	}
	tools, err := filepath.Abs(filepath.Join("..", "archive"))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.with("TOOLS", tools)
}

// needsJQ skips a test where there is no jq.
func needsJQ(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("SKIPPED: no jq")
	}
}
