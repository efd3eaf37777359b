package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		args []string
		want string // a part of stderr
	}{
		{[]string{"--no-such"}, "imap-test: unknown option --no-such\nimap-test: hint: --help lists the options\n"},
		{[]string{"--hots", "x"}, "hint: did you mean --host?"},
		{[]string{"--pasword-file=x"}, "hint: did you mean --password-file?"},
		{[]string{"--password", "tiger"}, "hint: no option takes a password"},
		{[]string{"--password=tiger"}, "unknown option --password\n"},
		{[]string{"-z"}, "unknown option -z\n"},
		{[]string{"--"}, ""},
		{[]string{"--secret-swich"}, "--help lists the options"},
		{[]string{"--host"}, "--host needs a value"},
		{[]string{"-o"}, "-o needs a value"},
		{[]string{"--host", "--user", "joe"}, "--host needs a value, but is followed by --user"},
		{[]string{"--host", "--user=joe"}, "hint: if that is the value, write --host=--user"},
		{[]string{"--host", "a", "--host", "b"}, "--host is given twice\nimap-test: hint: leave one of them out; an option on the command line already overrides --account"},
		{[]string{"--user=a", "--user=a"}, "--user is given twice"},
		{[]string{"-o", "a", "-o=b"}, "-o is given twice\nimap-test: hint: leave one of them out\n"},
		{[]string{"--binary=true", "--binary=false"}, "--binary is given twice"},
		{[]string{"--folder", "a", "--folder", "a", "--binary", "--binary"}, ""},
		{[]string{"--timeout", "soon"}, "--timeout cannot take the value \"soon\""},
		{[]string{"--binary=maybe"}, "--binary cannot take the value \"maybe\""},
		{[]string{"--timeout", "a\nb: \x1b"}, `--timeout cannot take the value "a\nb: \x1b"`},
		{[]string{"a.zst", "--do", "x"}, "option --do after the operand \"a.zst\""},
		{[]string{"a.zst", "b.zst", "-o=tiger"}, "option -o after the operand \"b.zst\""},
		{[]string{"a.zst", "--"}, "-- after the operand"},
		{[]string{"a", "b", "c"}, "an operand too many: \"c\"\nimap-test: hint: at most SOURCE and AGAINST\n"},
		{[]string{"--", "a", "b", "c"}, "an operand too many"},
		{[]string{""}, "an operand is empty"},
		{[]string{"--binary", "true", "x", "y"}, "an operand too many"},
		{[]string{"--progress", "bar", "--do", "progress"}, "--progress is \"bar\", but can be auto, none or ndjson"},
	}
	for _, tt := range tests {
		got := clitest.Run(t, tt.args...)
		if tt.want == "" {
			got.Check(t, 0, "")
			continue
		}
		got.Check(t, 64, tt.want)
		if got.Stdout != "" {
			t.Errorf("%q: stdout is %q", tt.args, got.Stdout)
		}
		for _, line := range strings.SplitAfter(strings.TrimSuffix(got.Stderr, "\n"), "\n") {
			if !strings.HasPrefix(line, "imap-test: ") {
				t.Errorf("%q: the line %q of stderr does not begin with the name", tt.args, line)
			}
		}
		if strings.Contains(got.Stderr, "tiger") {
			t.Errorf("%q: a value is repeated in %q", tt.args, got.Stderr)
		}
	}
}

func TestOperands(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "[]"},
		{[]string{"-"}, `["-"]`},
		{[]string{"a", "-"}, `["a" "-"]`},
		{[]string{"host"}, `["host"]`}, // the name of an option
		{[]string{"help"}, `["help"]`}, // a command of the library
		{[]string{"h", "help"}, `["h" "help"]`},
		{[]string{"--", "-x", "--do"}, `["-x" "--do"]`},
		{[]string{"--folder", "--", "-"}, `["-"]`},
		{[]string{"--generate-bash-completion"}, ""},
	}
	for _, tt := range tests {
		got := clitest.Run(t, append([]string{"--do", "operands"}, tt.args...)...)
		if tt.want == "" {
			got.Check(t, 64, "unknown option")
			continue
		}
		got.Check(t, 0, "")
		if got.Stdout != tt.want+"\n" {
			t.Errorf("%q: operands %s, want %s", tt.args, got.Stdout, tt.want)
		}
	}
}

func TestCommaInListOption(t *testing.T) {
	got := clitest.Run(t, "--do", "folders", "--folder", "a,b", "--folder", " c ", "--folder=--d", "--folder", "-e")
	got.Check(t, 0, "")
	if want := `["a,b" " c " "--d" "-e"]` + "\n"; got.Stdout != want {
		t.Errorf("folders %s, want %s", got.Stdout, want)
	}
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, 0, ""},
		{[]string{"--do", "fail", "--code", "77"}, 77, "imap-test: folder \\x1b]0;x\\x07\\u202e failed\\nagain\nimap-test: hint: try \\x9b1m\n"},
		{[]string{"--do", "fail", "--code", "3"}, 3, "failed"},
		{[]string{"--do", "fail", "--code", "141"}, 141, ""},
		{[]string{"--do", "silent"}, 1, ""},
		{[]string{"--do", "uncoded"}, 70, "imap-test: odd\n"},
		{[]string{"--do", "panic"}, 70, "imap-test: a bug: boo\\x1b[2J (github.com/imap-pipe/imap-pipe/pkg/cli.init.func"},
		{[]string{"--do", "index"}, 70, "index out of range"},
		{[]string{"--do", "no-such-deed"}, 70, "nil pointer"},
	}
	for _, tt := range tests {
		got := clitest.Run(t, tt.args...)
		got.Check(t, tt.code, tt.want)
		if strings.Contains(got.Stderr, "goroutine") {
			t.Errorf("%q: a stack in %q", tt.args, got.Stderr)
		}
	}
}

func TestPanicShowsStackOnRequest(t *testing.T) {
	cmd := clitest.Command(t, "--do", "index")
	cmd.Env = append(cmd.Env, "GOTRACEBACK=all")
	clitest.Finish(t, cmd).Check(t, 70, "goroutine 1")
}

func TestHelpAndVersion(t *testing.T) {
	got := clitest.Run(t, "--help", "a")
	got.Check(t, 0, "")
	for _, want := range []string{
		"imap-test - does what a test asks for\n\nusage: imap-test [OPTION ...] [SOURCE [AGAINST]]\n",
		"\nexamples:\n  # do nothing\n  imap-test --do nothing\n",
		"\nConnecting:\n  --host HOST[:PORT]          the server ($IMAP_HOST)\n",
		"  --tls implicit|starttls|none", "(default implicit)\n", "(default 2m0s)\n",
		"\n  --quiet, -q                 warnings and errors only\n",
		"\nExit codes: as the others.\n",
	} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in the help:\n%s", want, got.Stdout)
		}
	}
	for _, not := range []string{"secret-switch", "`", "default false"} {
		if strings.Contains(got.Stdout, not) {
			t.Errorf("%q in the help:\n%s", not, got.Stdout)
		}
	}
	if strings.Index(got.Stdout, "examples:") > strings.Index(got.Stdout, "Options:") {
		t.Error("the examples do not come first")
	}
	if short := clitest.Run(t, "-h"); short.Stdout != got.Stdout {
		t.Errorf("-h gives %q", short.Stdout)
	}
	got = clitest.Run(t, "--version")
	got.Check(t, 0, "")
	if !strings.HasPrefix(got.Stdout, "imap-test ") || !strings.Contains(got.Stdout, "\n  built with go1.") {
		t.Errorf("version %q", got.Stdout)
	}
	if short := clitest.Run(t, "-V"); short.Stdout != got.Stdout {
		t.Errorf("-V gives %q", short.Stdout)
	}
}

func TestHelpCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := clitest.Command(t, "--help")
	cmd.Stdout = full
	clitest.Finish(t, cmd).Check(t, 74, "write to stdout: no space left on device")
}

func TestTalk(t *testing.T) {
	got := clitest.Run(t, "--do", "say")
	got.Check(t, 0, "imap-test: joe@old -> joe@new: done\nimap-test: warning: odd \\x1b[1mé")
	if len(got.Stderr) > messageCap+200 || !strings.HasSuffix(got.Stderr, "é...\n") {
		t.Errorf("%d octets on stderr, ending in %q", len(got.Stderr), got.Stderr[len(got.Stderr)-10:])
	}
	got = clitest.Run(t, "-q", "--do", "say")
	got.Check(t, 0, "imap-test: warning: ")
	if strings.Contains(got.Stderr, "joe") {
		t.Errorf("--quiet says %q", got.Stderr)
	}
}

func TestStderrGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := clitest.Command(t, "--do", "fail", "--code", "69")
	cmd.Stderr = w
	defer w.Close()
	if got := clitest.Finish(t, cmd); got.Code != 69 {
		t.Errorf("exit code %d", got.Code)
	}
}

func TestRunWithoutArguments(t *testing.T) {
	called := false
	app := New(Command{Name: "x", Action: nil})
	stateOf(app).command.Action = func(*ucli.Context) error { called = true; return nil }
	if code := Run(app, nil); code != 0 || !called {
		t.Errorf("code %d, called %t", code, called)
	}
}

// TestShellSeesCodes proves the codes where users see them.
func TestShellSeesCodes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(bash, "-c", `"$0" --do println | head -c1; echo " ${PIPESTATUS[0]}"`, self)
	cmd.Env = append(clitest.CleanEnv(), clitest.ChildKey+"=1")
	out, err := cmd.Output()
	if want := "x 141\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
