package connect

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

// asks runs the command that prints its password twice.
func asks(t *testing.T, env []string, args ...string) clitest.Result {
	t.Helper()
	return clitest.Finish(t, asking(t, env, args...))
}

func asking(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := clitest.Command(t, append([]string{"--do", "connect", "--host", "old.example", "--user", "joe"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func TestNoPassword(t *testing.T) {
	cmd := asking(t, nil)
	cmd.Stdin = strings.NewReader("a stream, not a password\n")
	clitest.Finish(t, cmd).Check(t, 66, "imap-test: no password, and no terminal to ask for it\nimap-test: hint: give --password-file")
}

func TestPasswordFile(t *testing.T) {
	long := strings.Repeat("x", passwordCap)
	tests := []struct{ content, want, refusal string }{
		{"tiger", "tiger", ""},
		{"tiger\n", "tiger", ""},
		{"tiger\r\nsecond line\n", "tiger", ""},
		{" ti ger\t\n", " ti ger\t", ""},
		{"\"\\$()=%{é€\n", "\"\\$()=%{é€", ""},
		{long + "\r\n", long, ""},
		{"", "", "holds no password"},
		{"\ntiger\n", "", "holds no password"},
		{"ti\x00ger\n", "", "with a NUL or a line end"},
		{"ti\rger\n", "", "with a NUL or a line end"},
		{long + "x", "", "more than 4096 octets"},
		{long + long + "\n", "", "more than 4096 octets"},
	}
	path := filepath.Join(t.TempDir(), "secret")
	for _, tt := range tests {
		clitest.WriteFile(t, path, tt.content)
		got := asks(t, nil, "--password-file", path)
		if tt.refusal != "" {
			got.Check(t, 66, "the password file "+path+" holds")
			if !strings.Contains(got.Stderr, tt.refusal) {
				t.Errorf("stderr %q, want %q", got.Stderr, tt.refusal)
			}
			continue
		}
		got.Check(t, 0, "")
		if want := quoted(tt.want); !strings.HasSuffix(got.Stdout, want) {
			t.Errorf("stdout %q, want %q", got.Stdout, want)
		}
	}
}

// quoted is how the command prints the password, twice.
func quoted(password string) string {
	q := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(password)
	return " joe \"" + q + "\" \"" + q + "\"\n"
}

func TestPasswordFileMissing(t *testing.T) {
	dir := t.TempDir()
	asks(t, nil, "--password-file", filepath.Join(dir, "none")).Check(t, 66, "imap-test: cannot read the password file "+dir+"/none: no such file or directory\n")
	asks(t, nil, "--password-file", dir).Check(t, 66, "is a directory")
	asks(t, []string{"IMAP_PASSWORD=x"}, "--password-file", "").Check(t, 66, "no such file")
}

func TestPasswordFileOthersMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	clitest.WriteFile(t, path, "tiger\n")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o660: true} {
		os.Chmod(path, mode)
		got := asks(t, nil, "--password-file", path)
		if got.Code != 0 || strings.Contains(got.Stderr, "imap-test: warning: others may read the password file "+path) != warned {
			t.Errorf("mode %o: code %d, stderr %q", mode, got.Code, got.Stderr)
		}
	}
}

func TestPasswordDescriptor(t *testing.T) {
	for _, args := range [][]string{{"--password-fd", "3"}, {"--password-file", "/dev/fd/3"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := asking(t, nil, args...)
		cmd.ExtraFiles = []*os.File{r}
		w.WriteString("tiger\nmore\n")
		w.Close()
		got := clitest.Finish(t, cmd)
		got.Check(t, 0, "")
		if !strings.HasSuffix(got.Stdout, quoted("tiger")) {
			t.Errorf("%q: stdout %q", args, got.Stdout)
		}
		r.Close()
	}
	asks(t, nil, "--password-fd", "3").Check(t, 66, "descriptor 3 is not open")
}

func TestPasswordEnvironment(t *testing.T) {
	got := asks(t, []string{"IMAP_PASSWORD=ti ger"})
	got.Check(t, 0, "")
	if !strings.HasSuffix(got.Stdout, quoted("ti ger")) {
		t.Errorf("stdout %q", got.Stdout)
	}
	asks(t, []string{"IMAP_PASSWORD="}).Check(t, 66, "IMAP_PASSWORD holds no password")
	path := filepath.Join(t.TempDir(), "secret")
	clitest.WriteFile(t, path, "from the file\n")
	if got := asks(t, []string{"IMAP_PASSWORD=x"}, "--password-file", path); !strings.HasSuffix(got.Stdout, quoted("from the file")) {
		t.Errorf("stdout %q", got.Stdout)
	}
}

func TestPasswordCommand(t *testing.T) {
	counter := filepath.Join(t.TempDir(), "calls")
	tests := []struct{ command, want string }{
		{`echo "$IMAP_USER at $IMAP_HOST, $IMAP_PORT"; echo second`, "joe at old.example, 993"},
		{`printf 'no line end'`, "no line end"},
		{`printf 'dos\r\n'`, "dos"},
		{`cat; echo "stdin was empty"`, "stdin was empty"},
		{`echo "tiger"; sleep 5 2>/dev/null &`, "tiger"},
		{`echo tiger; head -c 1000000 /dev/zero`, "tiger"},
	}
	for _, tt := range tests {
		cmd := asking(t, nil, "--password-command", tt.command)
		cmd.Stdin = strings.NewReader("the stream\n")
		got := clitest.Finish(t, cmd)
		got.Check(t, 0, "")
		if !strings.HasSuffix(got.Stdout, quoted(tt.want)) {
			t.Errorf("%s: stdout %q", tt.command, got.Stdout)
		}
	}
	got := asks(t, nil, "--password-command", "echo x >> "+counter+"; wc -l < "+counter+" | tr -d ' '")
	got.Check(t, 0, "")
	if !strings.HasSuffix(got.Stdout, " \"1\" \"2\"\n") { // at each connect
		t.Errorf("stdout %q", got.Stdout)
	}
}

func TestPasswordCommandFails(t *testing.T) {
	for command, text := range map[string]string{
		"exit 3":                     "imap-test: --password-command failed for joe@old.example: exit status 3\n",
		"echo tiger; exit 1":         "exit status 1",
		"no-such-command-x":          "exit status 127",
		"true":                       "the output of --password-command holds no password",
		"echo on stderr >&2; exit 1": "on stderr\n",
		"kill -9 $$":                 "signal: killed",
	} {
		got := asks(t, nil, "--password-command", command)
		got.Check(t, 66, text)
		if strings.Contains(got.Stderr, "tiger") {
			t.Errorf("%s: stderr %q", command, got.Stderr)
		}
	}
}

func TestPasswordCommandInterrupted(t *testing.T) {
	cmd := asking(t, nil, "--password-command", "echo ready >&2; exec sleep 30")
	b := clitest.Start(t, cmd)
	began := time.Now()
	b.Signal(t, syscall.SIGTERM)
	if got := b.End(t); got.Code != 143 || time.Since(began) > 10*time.Second {
		t.Errorf("code %d after %v, stderr %q", got.Code, time.Since(began), got.Stderr)
	}
}
