package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asks runs the command that prints its password twice.
func asks(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return finish(t, asking(t, env, args...))
}

func asking(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, append([]string{"--do", "connect", "--host", "old.example", "--user", "joe"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func TestNoPassword(t *testing.T) {
	cmd := asking(t, nil)
	cmd.Stdin = strings.NewReader("a stream, not a password\n")
	finish(t, cmd).check(t, 66, "imap-test: no password, and no terminal to ask for it\nimap-test: hint: give --password-file")
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
		writeFile(t, path, tt.content)
		got := asks(t, nil, "--password-file", path)
		if tt.refusal != "" {
			got.check(t, 66, "the password file "+path+" holds")
			if !strings.Contains(got.stderr, tt.refusal) {
				t.Errorf("stderr %q, want %q", got.stderr, tt.refusal)
			}
			continue
		}
		got.check(t, 0, "")
		if want := quoted(tt.want); !strings.HasSuffix(got.stdout, want) {
			t.Errorf("stdout %q, want %q", got.stdout, want)
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
	asks(t, nil, "--password-file", filepath.Join(dir, "none")).check(t, 66, "imap-test: cannot read the password file "+dir+"/none: no such file or directory\n")
	asks(t, nil, "--password-file", dir).check(t, 66, "is a directory")
	asks(t, []string{"IMAP_PASSWORD=x"}, "--password-file", "").check(t, 66, "no such file")
}

func TestPasswordFileOthersMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	writeFile(t, path, "tiger\n")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o660: true} {
		os.Chmod(path, mode)
		got := asks(t, nil, "--password-file", path)
		if got.code != 0 || strings.Contains(got.stderr, "imap-test: warning: others may read the password file "+path) != warned {
			t.Errorf("mode %o: code %d, stderr %q", mode, got.code, got.stderr)
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
		got := finish(t, cmd)
		got.check(t, 0, "")
		if !strings.HasSuffix(got.stdout, quoted("tiger")) {
			t.Errorf("%q: stdout %q", args, got.stdout)
		}
		r.Close()
	}
	asks(t, nil, "--password-fd", "3").check(t, 66, "descriptor 3 is not open")
}

func TestPasswordEnvironment(t *testing.T) {
	got := asks(t, []string{"IMAP_PASSWORD=ti ger"})
	got.check(t, 0, "")
	if !strings.HasSuffix(got.stdout, quoted("ti ger")) {
		t.Errorf("stdout %q", got.stdout)
	}
	asks(t, []string{"IMAP_PASSWORD="}).check(t, 66, "IMAP_PASSWORD holds no password")
	path := filepath.Join(t.TempDir(), "secret")
	writeFile(t, path, "from the file\n")
	if got := asks(t, []string{"IMAP_PASSWORD=x"}, "--password-file", path); !strings.HasSuffix(got.stdout, quoted("from the file")) {
		t.Errorf("stdout %q", got.stdout)
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
		got := finish(t, cmd)
		got.check(t, 0, "")
		if !strings.HasSuffix(got.stdout, quoted(tt.want)) {
			t.Errorf("%s: stdout %q", tt.command, got.stdout)
		}
	}
	got := asks(t, nil, "--password-command", "echo x >> "+counter+"; wc -l < "+counter+" | tr -d ' '")
	got.check(t, 0, "")
	if !strings.HasSuffix(got.stdout, " \"1\" \"2\"\n") { // at each connect
		t.Errorf("stdout %q", got.stdout)
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
		got.check(t, 66, text)
		if strings.Contains(got.stderr, "tiger") {
			t.Errorf("%s: stderr %q", command, got.stderr)
		}
	}
}

func TestPasswordCommandInterrupted(t *testing.T) {
	cmd := asking(t, nil, "--password-command", "echo ready >&2; exec sleep 30")
	b := start(t, cmd)
	began := time.Now()
	b.signal(t, syscall.SIGTERM)
	if got := b.end(t); got.code != 143 || time.Since(began) > 10*time.Second {
		t.Errorf("code %d after %v, stderr %q", got.code, time.Since(began), got.stderr)
	}
}
