package connect

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// accounts makes a folder of account files, which --account finds by name.
func accounts(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	clearEnv(t)
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	dir = filepath.Join(config, "imap-pipe")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		clitest.WriteFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestAccount(t *testing.T) {
	dir := accounts(t, map[string]string{
		"work": "\uFEFF# the old server\r\n\r\n  host\told.example:1993 \r\nuser joe # doe\r\ntimeout 90s\npassword-command echo 'ti ger'\n" +
			"auth plain\nauth login\ndisable-cap MULTIAPPEND\nprefix\ndelimiter .\ntls-pin sha256:" + strings.Repeat("ab", 32) + "\n",
		"admin":  "host old.example\nuser joe\nauth-user adm\nproxyauth\npassword-file pw",
		"mapped": "host old.example\nuser joe\ntls none\npassword-command echo $IMAP_HOST $IMAP_PORT $IMAP_USER $IMAP_AUTH_USER\nauth-user adm\n",
		"token":  "host old.example\nuser joe\ntoken-command echo abc==\n",
		"pw":     "from the file\n",
	})
	home := t.TempDir()
	t.Setenv("HOME", home)
	clitest.WriteFile(t, filepath.Join(home, "pw"), "from home\n")
	clitest.WriteFile(t, filepath.Join(dir, "home"), "host old.example\nuser joe\npassword-file ~/pw\n")
	t.Setenv("IMAP_HOST", "env.example")
	t.Setenv("IMAP_USER", "env")
	empty, dot := "", "."
	work := imapconn.Options{Host: "old.example", Port: 1993, User: "joe # doe", Network: imapconn.NetworkOptions{Timeout: 90 * time.Second}, Login: imapconn.LoginOptions{Auth: []string{"plain", "login"}},
		DisableCaps: []string{"MULTIAPPEND"}, Prefix: &empty, Delimiter: &dot, TLS: imapconn.TLSOptions{Pin: strings.Repeat("ab", 32)}}
	for _, test := range []struct {
		args     []string
		password string
		want     func() imapconn.Options
	}{
		{[]string{"--account=work"}, "ti ger", func() imapconn.Options { return work }},
		{[]string{"--account=" + filepath.Join(dir, "work")}, "ti ger", func() imapconn.Options { return work }},
		{[]string{"--account=work", "--user=ann", "--host=new.example", "--timeout=3s", "--auth=external", "--auth=login", "--delimiter=/"}, "ti ger", func() imapconn.Options {
			o, slash := work, "/"
			o.Host, o.Port, o.User, o.Network.Timeout, o.Login.Auth, o.Delimiter = "new.example", 0, "ann", 3*time.Second, []string{"external", "login"}, &slash
			return o
		}},
		{[]string{"--account=work", "--tls-insecure", "--password-file=" + filepath.Join(dir, "pw")}, "from the file", func() imapconn.Options {
			o := work
			o.TLS.Pin, o.TLS.Insecure = "", true
			return o
		}},
		{[]string{"--account=admin"}, "from the file", func() imapconn.Options {
			return imapconn.Options{Host: "old.example", User: "joe", Login: imapconn.LoginOptions{AuthUser: "adm", ProxyAuth: true}, Network: imapconn.NetworkOptions{Timeout: imapconn.DefaultTimeout}}
		}},
		{[]string{"--account=mapped"}, "old.example 143 joe adm", func() imapconn.Options {
			return imapconn.Options{Host: "old.example", User: "joe", Login: imapconn.LoginOptions{AuthUser: "adm"}, TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: imapconn.DefaultTimeout}}
		}},
		{[]string{"--account=home"}, "from home", func() imapconn.Options {
			return imapconn.Options{Host: "old.example", User: "joe", Network: imapconn.NetworkOptions{Timeout: imapconn.DefaultTimeout}}
		}},
		{[]string{"--account=token"}, "abc==", func() imapconn.Options {
			return imapconn.Options{Host: "old.example", User: "joe", Network: imapconn.NetworkOptions{Timeout: imapconn.DefaultTimeout}}
		}},
	} {
		got, given, err := parse(t, test.args...)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		ask := got.Login.Password
		if ask == nil {
			ask = got.Login.Token
		}
		if password, err := ask(t.Context()); password != test.password || err != nil {
			t.Errorf("%q: password %q, %v", test.args, password, err)
		}
		got.Login.Password, got.Login.Token, got.Warn, got.Version = nil, nil, nil, ""
		if want := test.want(); !reflect.DeepEqual(got, want) || given == "" {
			t.Errorf("%q: %+v, want %+v", test.args, got, want)
		}
	}
}

// TestAccountAtHome: without XDG_CONFIG_HOME, or with one that is no absolute
// path, accounts are in ~/.config.
func TestAccountAtHome(t *testing.T) {
	clearEnv(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	dir := filepath.Join(home, ".config", "imap-pipe")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	clitest.WriteFile(t, filepath.Join(dir, "work"), "host old.example\nuser joe\npassword-command echo x\n")
	for _, config := range []string{"", "relative"} {
		t.Setenv("XDG_CONFIG_HOME", config)
		if opt, _, err := parse(t, "--account=work"); err != nil || opt.Host != "old.example" {
			t.Errorf("%q: %v", config, err)
		}
	}
}

func TestAccountRefuses(t *testing.T) {
	const at = "host old.example\nuser joe\npassword-command echo x\n"
	dir := accounts(t, map[string]string{
		"insecure": at + "tls-insecure\n",
		"nested":   at + "account other\n",
		"password": at + "\n# no\npassword tiger\n",
		"pass":     at + "pass=tiger\n",
		"secret":   at + "hunter2\n",
		"typo":     at + "tls-pim sha256:12\n",
		"dashes":   at + "--tls starttls\n",
		"equals":   at + "tls = starttls\n",
		"novalue":  at + "tls\n",
		"twice":    at + "host new.example\n",
		"switch":   at + "auth-user a\nproxyauth maybe\n",
		"duration": at + "timeout soon\n",
		"badtls":   at + "tls sometimes\n",
		"badpin":   at + "tls-pin sha256:12\n",
		"two":      at + "tls none\nca-file ca.pem\n",
		"badauth":  at + "auth ntlm\n",
		"badhost":  "host imap://x\nuser joe\n",
		"nohost":   "user joe\n",
		"nouser":   "host old.example\n",
		"latin":    "host old.example\nuser jo\xe9\n",
		"nul":      "host old.example\nuser jo\x00e\n",
		"large":    strings.Repeat("# comment\n", accountCap/9),
		"nofile":   "host old.example\nuser joe\npassword-file nonesuch\n",
		"ask":      "host old.example\nuser joe\n",
	})
	t.Setenv("IMAP_HOST", "env.example")
	t.Setenv("IMAP_USER", "env")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		code exit.Code
		text string // DIR is the folder's name
	}{
		{"insecure", exit.Usage, "DIR/insecure:4: tls-insecure belongs on the command line"},
		{"nested", exit.Usage, "DIR/nested:4: account belongs on the command line"},
		{"password", exit.Usage, "DIR/password:6: a password does not belong here"},
		{"pass", exit.Usage, "DIR/pass:4: a password does not belong here"},
		{"secret", exit.Usage, "DIR/secret:4: this is no connection option"},
		{"typo", exit.Usage, "DIR/typo:4: this is no connection option"},
		{"dashes", exit.Usage, "DIR/dashes:4: this is no connection option"},
		{"equals", exit.Usage, `DIR/equals:4: --tls is "= starttls"`},
		{"novalue", exit.Usage, "DIR/novalue:4: tls needs a value"},
		{"twice", exit.Usage, "DIR/twice:4: host was given in line 1 already"},
		{"switch", exit.Usage, `DIR/switch:5: proxyauth cannot take the value "maybe"`},
		{"duration", exit.Usage, `DIR/duration:4: timeout cannot take the value "soon"`},
		{"badtls", exit.Usage, `DIR/badtls:4: --tls is "sometimes"`},
		{"badpin", exit.Usage, `DIR/badpin:4: --tls-pin "sha256:12"`},
		{"two", exit.Usage, "DIR/two:5: DIR/two:4: --ca-file has no meaning with --tls none"},
		{"badauth", exit.Usage, `DIR/badauth:4: --auth: "ntlm"`},
		{"badhost", exit.Usage, `DIR/badhost:1: --host "imap://x"`},
		{"nohost", exit.Usage, "DIR/nohost has no line for the host"},
		{"nouser", exit.Usage, "DIR/nouser has no line for the user"},
		{"latin", exit.Usage, "DIR/latin is no UTF-8"},
		{"nul", exit.Usage, `DIR/nul:2: --user "jo\x00e"`},
		{"large", exit.Usage, "is larger than"},
		{"nofile", exit.NoInput, "DIR/nonesuch: no such file"},
		{"nonesuch", exit.NoInput, "cannot read the account file DIR/nonesuch: no such file"},
		{"./nonesuch", exit.NoInput, "cannot read the account file ./nonesuch: no such file"},
		{"folder", exit.NoInput, "is a directory"},
		{"", exit.Usage, "--account is empty"},
	} {
		_, _, err := parse(t, "--account="+test.name)
		text := strings.ReplaceAll(test.text, "DIR", dir)
		if exit.CodeOf(err) != test.code || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v (%d), want %q", test.name, err, exit.CodeOf(err), text)
		}
		if err != nil && strings.Contains(err.Error()+exit.HintOf(err), "tiger") || strings.Contains(exit.HintOf(err), "hunter2") {
			t.Errorf("%s shows a secret: %v", test.name, err)
		}
	}
}

// TestAccountAsks: IMAP_PASSWORD is not for an account that has a name.
func TestAccountAsks(t *testing.T) {
	dir := accounts(t, map[string]string{"ask": "host old.example\nuser joe\n"})
	cmd := clitest.Command(t, "--do", "connect", "--account", filepath.Join(dir, "ask"))
	cmd.Env = append(cmd.Env, "IMAP_PASSWORD=tiger")
	clitest.Finish(t, cmd).Check(t, 66, "imap-test: no password, and no terminal to ask for it")
}

// TestAccountTakesAllOptions: whatever an option is, a file can give it.
func TestAccountTakesAllOptions(t *testing.T) {
	known := cli.FlagsByName(Flags())
	for name, flag := range known {
		file := &accountFile{path: "x"}
		err := file.add(known, accountLine{number: 1, name: name, value: "1"})
		if refused := err != nil; refused != (name == "account" || name == "tls-insecure") {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := flag.(ucli.DocGenerationFlag); !ok {
			t.Errorf("%s: %T", name, flag)
		}
	}
}

// TestAccountOthersMayWrite: a file that others may write to is warned of, and its
// commands are not run.
func TestAccountOthersMayWrite(t *testing.T) {
	dir := accounts(t, map[string]string{"work": "host old.example\nuser joe\npassword-command touch ran; echo x\n", "plain": "host old.example\nuser joe\npassword-file work\n"})
	t.Chdir(dir)
	for _, test := range []struct {
		mode  os.FileMode
		owner int
		open  bool
	}{{0o600, os.Geteuid(), false}, {0o644, os.Geteuid(), false}, {0o664, os.Geteuid(), true}, {0o646, os.Geteuid(), true}, {0o600, 65534, true}} {
		for file, code := range map[string]int{"./work": 64, "./plain": 0} {
			if os.Geteuid() != 0 && test.owner != os.Geteuid() {
				continue
			}
			if err := errors.Join(os.Chown(file, test.owner, -1), os.Chmod(file, test.mode)); err != nil {
				t.Fatal(err)
			}
			if !test.open {
				code = 0
			}
			got := clitest.Finish(t, clitest.Command(t, "--do", "connect", "--account", file))
			if got.Code != code || strings.Contains(got.Stderr, "others may write to the") != test.open {
				t.Errorf("%+v %s: code %d, stderr %q", test, file, got.Code, got.Stderr)
			}
		}
	}
	got := clitest.Finish(t, clitest.Command(t, "--do", "connect", "--account", "./work", "--password-file", "work"))
	if got.Code != 0 {
		t.Errorf("another place for the password: code %d, stderr %q", got.Code, got.Stderr)
	}
}

func TestToken(t *testing.T) {
	clearEnv(t)
	for _, test := range []struct{ output, token, refusal string }{
		{"ya29.a0-_~+/x==", "ya29.a0-_~+/x==", ""},
		{"abc\r\nmore", "abc", ""},
		{strings.Repeat("x", 20000), strings.Repeat("x", 20000), ""},
		{strings.Repeat("x", tokenCap+1), "", "more than 65536 octets"},
		{"", "", "no access token"},
		{`{"access_token":"tiger"}`, "", "no access token"},
		{"Bearer tiger", "", "no access token"},
		{"tiger tiger", "", "no access token"},
		{"tiger\x01auth=x", "", "no access token"},
		{"tigér", "", "no access token"},
	} {
		path := filepath.Join(t.TempDir(), "token")
		clitest.WriteFile(t, path, test.output)
		opt, _, err := parse(t, "--host=old.example", "--user=joe", "--token-command", "cat "+path)
		if err != nil || opt.Login.Password != nil {
			t.Fatal(err)
		}
		token, err := opt.Login.Token(t.Context())
		if test.refusal == "" && (err != nil || token != test.token) {
			t.Errorf("%.40q: %.40q, %v", test.output, token, err)
		}
		if test.refusal != "" && (exit.CodeOf(err) != exit.NoInput || !strings.Contains(err.Error(), test.refusal) || strings.Contains(err.Error()+exit.HintOf(err), "tig")) {
			t.Errorf("%.40q: %v", test.output, err)
		}
	}
	opt, _, _ := parse(t, "--host=old.example", "--user=joe", "--auth-user=adm", "--token-command", "echo $IMAP_HOST/$IMAP_USER/$IMAP_AUTH_USER")
	if token, err := opt.Login.Token(t.Context()); token != "old.example/joe/adm" || err != nil {
		t.Error(token, err)
	}
	opt, _, _ = parse(t, "--host=old.example", "--user=joe", "--token-command", "exit 3")
	if _, err := opt.Login.Token(t.Context()); exit.CodeOf(err) != exit.NoInput || !strings.Contains(err.Error(), "--token-command failed for joe@old.example: exit status 3") {
		t.Error(err)
	}
}

// TestNoPasswordNeeded: EXTERNAL alone asks for none, and a token is one.
func TestNoPasswordNeeded(t *testing.T) {
	clearEnv(t)
	os.Unsetenv("IMAP_PASSWORD")
	for _, args := range [][]string{{"--auth=external"}, {"--token-command=x"}, {"--token-command=x", "--auth=external", "--auth=xoauth2"}} {
		opt, _, err := parse(t, append([]string{"--host=old.example", "--user=joe"}, args...)...)
		if err != nil || opt.Login.Password != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestIdentify(t *testing.T) {
	accounts(t, map[string]string{
		"plain":   "host Old.Example:1993\nuser joe\n",
		"comment": "# of joe\nhost Old.Example:1993\n\nuser joe\n",
		"preset":  "preset gmail\nuser joe\n",
		"shared":  "tls none\n",
	})
	t.Setenv("IMAP_HOST", "env.example")
	t.Setenv("IMAP_USER", "env")
	for _, test := range []struct {
		host, user, account string
		want                Identity // without the hash
	}{
		{"A.example", "ann", "", Identity{Host: "a.example", User: "ann"}},
		{"", "", "plain", Identity{Host: "old.example", Port: 1993, User: "joe"}},
		{"a.example:143", "ann", "plain", Identity{Host: "a.example", Port: 143, User: "ann"}},
		{"", "", "preset", Identity{Host: "imap.gmail.com", User: "joe"}},
		{"a.example", "", "preset", Identity{Host: "a.example", User: "joe"}},
		{"", "", "shared", Identity{}},
	} {
		got, err := Identify(test.host, test.user, test.account)
		if (got.File == "") != (test.account == "") {
			t.Errorf("%+v: the hash is %q", test, got.File)
		}
		if got.File = ""; err != nil || got != test.want {
			t.Errorf("%+v: %+v, %v", test, got, err)
		}
	}
	plain, _ := Identify("", "", "plain")
	comment, _ := Identify("", "", "comment")
	preset, _ := Identify("", "", "preset")
	if plain != comment || plain.File == preset.File {
		t.Errorf("%+v, %+v, %+v", plain, comment, preset)
	}
	if _, err := Identify("", "", "nonesuch"); exit.CodeOf(err) != exit.NoInput {
		t.Error(err)
	}
	if _, err := Server("", "shared"); exit.CodeOf(err) != exit.Usage {
		t.Error(err)
	}
}
