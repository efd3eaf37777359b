package connect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// parse returns the connection that args ask for.
func parse(t *testing.T, args ...string) (opt imapconn.Options, given string, err error) {
	t.Helper()
	action := func(c *ucli.Context) error {
		given = FirstSet(c)
		opt, err = Options(c)
		return err
	}
	_, runErr := execute(t, cli.Command{Name: "imap-test", Flags: Flags(), Action: action}, args...)
	if err == nil {
		err = runErr
	}
	return opt, given, err
}

// execute runs a command in this process and returns what it wrote to stderr.
func execute(t *testing.T, command cli.Command, args ...string) (stderr string, err error) {
	t.Helper()
	command.Before = UseSources
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	own := os.Stderr
	os.Stderr = file
	app := cli.New(command)
	os.Stderr = own
	runErr := cli.Execute(t.Context(), app, append([]string{command.Name}, args...))
	said, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(said), runErr
}

func clearEnv(t *testing.T) {
	for _, name := range []string{"IMAP_HOST", "IMAP_USER", "IMAP_PASSWORD", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("IMAP_PASSWORD", "tiger")
}

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	clitest.WriteFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return path
}

func TestConnection(t *testing.T) {
	clearEnv(t)
	ca := certificate(t)
	empty, prefix, slash := "", "INBOX.", "/"
	pin := strings.Repeat("0aB1", 16)
	base := imapconn.Options{Host: "old.example", User: "joe", Network: imapconn.NetworkOptions{Timeout: imapconn.DefaultTimeout}}
	tests := []struct {
		args []string
		want func(*imapconn.Options)
	}{
		{nil, func(*imapconn.Options) {}},
		{[]string{"--host", " New.example:9930/"}, func(o *imapconn.Options) { o.Host, o.Port = "new.example", 9930 }},
		{[]string{"--user", "jane doe@x"}, func(o *imapconn.Options) { o.User = "jane doe@x" }},
		{[]string{"--tls=starttls"}, func(o *imapconn.Options) { o.TLS.Mode = imapconn.StartTLS }},
		{[]string{"--tls=none"}, func(o *imapconn.Options) { o.TLS.Mode = imapconn.None }},
		{[]string{"--ca-file", ca}, func(o *imapconn.Options) { o.TLS.CAFile = ca }},
		{[]string{"--tls-pin", "sha256:" + pin}, func(o *imapconn.Options) { o.TLS.Pin = strings.ToLower(pin) }},
		{[]string{"--tls-pin", "sha256:" + strings.Repeat("AB:", 31) + "AB"}, func(o *imapconn.Options) { o.TLS.Pin = strings.Repeat("ab", 32) }},
		{[]string{"--tls-insecure"}, func(o *imapconn.Options) { o.TLS.Insecure = true }},
		{[]string{"--tls-insecure=false"}, func(*imapconn.Options) {}},
		{[]string{"--timeout", "90s"}, func(o *imapconn.Options) { o.Network.Timeout = 90 * time.Second }},
		{[]string{"--disable-cap", "multiappend", "--disable-cap", "LITERAL+"}, func(o *imapconn.Options) { o.DisableCaps = []string{"MULTIAPPEND", "LITERAL+"} }},
		{[]string{"--tls-min=1.3", "--tls-server-name= Mail.example/"}, func(o *imapconn.Options) { o.TLS.MinVersion, o.TLS.ServerName = "1.3", "mail.example" }},
		{[]string{"--tls-min=1.0"}, func(o *imapconn.Options) { o.TLS.MinVersion = "1.0" }},
		{[]string{"--auth=plain", "--auth=LOGIN"}, func(o *imapconn.Options) { o.Login.Auth = []string{"plain", "LOGIN"} }},
		{[]string{"--auth-user", `corp\adm,in`}, func(o *imapconn.Options) { o.Login.AuthUser = `corp\adm,in` }},
		{[]string{"--auth-user", "adm", "--proxyauth"}, func(o *imapconn.Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }},
		{[]string{"--no-id"}, func(o *imapconn.Options) { o.NoID = true }},
		{[]string{"--prefix", prefix, "--delimiter", slash}, func(o *imapconn.Options) { o.Prefix, o.Delimiter = &prefix, &slash }},
		{[]string{"--prefix", "", "--delimiter", ""}, func(o *imapconn.Options) { o.Prefix, o.Delimiter = &empty, &empty }},
	}
	for _, tt := range tests {
		args := tt.args
		for _, needed := range []string{"--host=old.example", "--user=joe"} {
			if name, _, _ := strings.Cut(needed, "="); !slices.Contains(args, name) {
				args = append([]string{needed}, args...)
			}
		}
		want := base
		tt.want(&want)
		got, _, err := parse(t, args...)
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if password, err := got.Login.Password(t.Context()); password != "tiger" || err != nil {
			t.Errorf("%q: password %q, %v", tt.args, password, err)
		}
		got.Warn("odd %s")
		if got.Version != cli.Version() {
			t.Errorf("%q: version %q", tt.args, got.Version)
		}
		got.Login.Password, got.Warn, got.Version = nil, nil, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", tt.args, got, want)
		}
	}
}

func TestConnectionRefuses(t *testing.T) {
	clearEnv(t)
	ca := certificate(t)
	pin := "sha256:" + strings.Repeat("ab", 32)
	dir := t.TempDir()
	tests := []struct {
		args []string
		code exit.Code
		text string
	}{
		{[]string{"--host="}, exit.Usage, "no server"},
		{[]string{"--host=imap://x"}, exit.Usage, "no HOST"},
		{[]string{"--user="}, exit.Usage, "no account"},
		{[]string{"--user= "}, exit.Usage, "no account"},
		{[]string{"--user=joe\r\nA1 LOGOUT"}, exit.Usage, "control character"},
		{[]string{"--user=jo\xffe"}, exit.Usage, "no UTF-8"},
		{[]string{"--tls=TLS"}, exit.Usage, "can be implicit, starttls or none"},
		{[]string{"--tls="}, exit.Usage, "can be implicit"},
		{[]string{"--ca-file", filepath.Join(dir, "none")}, exit.NoInput, "no such file"},
		{[]string{"--ca-file", "/dev/null"}, exit.NoInput, "holds no certificate"},
		{[]string{"--ca-file", ca, "--tls-pin", pin}, exit.Usage, "--ca-file and --tls-pin exclude each other"},
		{[]string{"--tls-insecure", "--tls-pin", pin}, exit.Usage, "exclude each other"},
		{[]string{"--tls-insecure", "--tls=none"}, exit.Usage, "--tls-insecure has no meaning with --tls none"},
		{[]string{"--tls-pin=" + pin[7:]}, exit.Usage, "64 hexadecimal digits"},
		{[]string{"--tls-pin=" + pin[:69]}, exit.Usage, "64 hexadecimal digits"},
		{[]string{"--tls-pin=sha256:" + strings.Repeat("gg", 32)}, exit.Usage, "64 hexadecimal digits"},
		{[]string{"--tls=none", "--tls-min=1.3"}, exit.Usage, "--tls-min has no meaning with --tls none"},
		{[]string{"--tls=none", "--tls-cert=x"}, exit.Usage, "--tls-cert has no meaning with --tls none"},
		{[]string{"--tls-min="}, exit.Usage, "--tls-min is empty"},
		{[]string{"--tls-min=2"}, exit.Usage, `--tls-min: "2" is no version`},
		{[]string{"--tls-server-name="}, exit.Usage, "is no name of a server"},
		{[]string{"--tls-server-name=a:993"}, exit.Usage, "is no name of a server"},
		{[]string{"--tls-key=x"}, exit.Usage, "--tls-key needs --tls-cert"},
		{[]string{"--tls-cert=" + filepath.Join(dir, "none")}, exit.NoInput, "no such file"},
		{[]string{"--tls-cert=" + ca}, exit.NoInput, "certificate rather than a key"},
		{[]string{"--auth=ntlm"}, exit.Usage, `--auth: "ntlm" is no mechanism`},
		{[]string{"--auth="}, exit.Usage, `--auth: "" is no mechanism`},
		{[]string{"--auth=plain,login"}, exit.Usage, `--auth: "plain,login" is no mechanism`},
		{[]string{"--auth=xoauth2"}, exit.Usage, "--auth: xoauth2 needs a token"},
		{[]string{"--auth=scram-sha-1-plus", "--tls=none"}, exit.Usage, "binds the login to TLS, and there is none"},
		{[]string{"--auth=login", "--auth-user=adm"}, exit.Usage, `cannot log "adm" in for "joe"`},
		{[]string{"--auth-user="}, exit.Usage, "--auth-user is empty"},
		{[]string{"--auth-user=a\n"}, exit.Usage, "--auth-user \"a\\n\" holds a control character"},
		{[]string{"--proxyauth"}, exit.Usage, "--proxyauth needs --auth-user"},
		{[]string{"--token-command= "}, exit.Usage, "--token-command is empty"},
		{[]string{"--token-command=x", "--auth=plain"}, exit.Usage, "--auth: plain takes a password, not a token"},
		{[]string{"--token-command=x", "--password-command=x"}, exit.Usage, "--password-command and --token-command exclude each other"},
		{[]string{"--timeout=0"}, exit.Usage, "no time to wait"},
		{[]string{"--timeout=-5s"}, exit.Usage, "no time to wait"},
		{[]string{"--timeout=5"}, exit.Usage, "cannot take the value"},
		{[]string{"--disable-cap=A,B"}, exit.Usage, "is no capability"},
		{[]string{"--disable-cap="}, exit.Usage, "is no capability"},
		{[]string{"--prefix=\x01"}, exit.Usage, "control character"},
		{[]string{"--delimiter=//"}, exit.Usage, "not one ASCII character"},
		{[]string{"--delimiter=é"}, exit.Usage, "not one ASCII character"},
		{[]string{"--delimiter=\n"}, exit.Usage, "not one ASCII character"},
		{[]string{"--trace", filepath.Join(dir, "none", "x")}, exit.CantCreate, "cannot write to --trace"},
		{[]string{"--password-file=/dev/null"}, exit.NoInput, "holds no password"},
		{[]string{"--password-file=x", "--password-fd=3"}, exit.Usage, "--password-file and --password-fd exclude each other"},
		{[]string{"--password-command= "}, exit.Usage, "--password-command is empty"},
		{[]string{"--password-fd=x"}, exit.Usage, "--password-fd cannot take the value"},
		{[]string{"--password-fd=-1"}, exit.Usage, "--password-fd cannot take the value"},
		{[]string{"--password-fd=1"}, exit.Usage, "is an output"},
		{[]string{"--password-fd=987"}, exit.NoInput, "descriptor 987 is not open"},
	}
	for _, tt := range tests {
		args := tt.args
		for _, usual := range []string{"--host=old.example", "--user=joe"} {
			if name, _, _ := strings.Cut(usual, "="); !strings.HasPrefix(tt.args[0], name+"=") {
				args = append(args, usual)
			}
		}
		_, _, err := parse(t, args...)
		if exit.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%q: %v, code %d; want %q with %d", tt.args, err, exit.CodeOf(err), tt.text, tt.code)
		}
	}
}

func TestConnectionFromEnvironment(t *testing.T) {
	clearEnv(t)
	_, _, err := parse(t)
	clitest.WantCode(t, err, exit.Usage, "no server")
	t.Setenv("IMAP_HOST", "env.example:1993")
	t.Setenv("IMAP_USER", "jane")
	opt, given, err := parse(t)
	if err != nil || opt.Host != "env.example" || opt.Port != 1993 || opt.User != "jane" || given != "" {
		t.Errorf("%+v, given %q, %v", opt, given, err)
	}
	opt, given, err = parse(t, "--user=joe")
	if err != nil || opt.Host != "env.example" || opt.User != "joe" || given != "--user" {
		t.Errorf("%+v, given %q, %v", opt, given, err)
	}
	t.Setenv("IMAP_HOST", "")
	_, _, err = parse(t)
	clitest.WantCode(t, err, exit.Usage, "no server")
}

func TestInsecureWarns(t *testing.T) {
	cmd := clitest.Command(t, "--do", "connect", "--host=old.example", "--user=joe", "--tls-insecure")
	cmd.Env = append(cmd.Env, "IMAP_PASSWORD=tiger")
	clitest.Finish(t, cmd).Check(t, 0, "imap-test: warning: --tls-insecure: old.example may be anybody")
}

func TestTrace(t *testing.T) {
	clearEnv(t)
	path := filepath.Join(t.TempDir(), "trace")
	for range 2 {
		opt, _, err := parse(t, "--host=old.example", "--user=joe", "--trace", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(opt.Trace, "C: A1 NOOP\n")
		opt.Trace.(io.Closer).Close()
	}
	clitest.WantFile(t, path, "C: A1 NOOP\nC: A1 NOOP\n")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	stderr, err := execute(t, cli.Command{Name: "imap-test", Flags: Flags(), Action: func(c *ucli.Context) error {
		opt, err := Options(c)
		if err == nil {
			io.WriteString(opt.Trace, "S: * OK \x1b\r\nC: A1 NOOP\n")
		}
		return err
	}}, "--host=old.example", "--user=joe", "--trace=-")
	if err != nil || stderr != "imap-test: S: * OK \\x1b\nimap-test: C: A1 NOOP\n" {
		t.Errorf("trace on stderr %q, %v", stderr, err)
	}
}

// TestTraceIsMadePrivate: a trace that others could read cannot be read by them
// any more.
func TestTraceIsMadePrivate(t *testing.T) {
	clearEnv(t)
	path := filepath.Join(t.TempDir(), "trace")
	clitest.WriteFile(t, path, "before\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	opt, _, err := parse(t, "--host=old.example", "--user=joe", "--trace", path)
	if err != nil {
		t.Fatal(err)
	}
	opt.Trace.(io.Closer).Close()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
