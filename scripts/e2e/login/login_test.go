package login

import (
	"bytes"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestWrongPassword: 77, naming the account and the mechanism, after one
// try.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	for _, script := range []string{`imap-list $AT`, `imap-fetch $AT`, `imap-diff $AT mail.zst`, `imap-push $AT plan.zst`} {
		t.Run(strings.Fields(script)[0], func(t *testing.T) {
			proxy := imaptest.NewFaultProxy(t, r.Addr)
			good := harness.NewShell(t)
			good.Env["AT"] = harness.Real(r, "joe").Options()
			harness.Real(r, "joe").Fill(t, imaptest.Spread(imaptest.Generate(1, 3)))
			good.Env["OTHER"] = harness.Real(r, "nobody").Options()
			good.Sh(`imap-fetch $AT -o mail.zst && imap-diff $OTHER -o plan.zst mail.zst`).Wants(0)
			b := good.With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options()).With("IMAP_PASSWORD", "wrong")
			b.Sh(script).Wants(77).Says("login of joe@127.0.0.1 by SCRAM-SHA-256 refused")
			if verbs := proxy.Verbs(); verbs["LOGIN"]+verbs["AUTHENTICATE"] != 1 || proxy.Connections() != 1 {
				t.Errorf("sent %v in %d connections", verbs, proxy.Connections())
			}
		})
	}
}

// TestNoPassword: a password that cannot be had is 66, before any connection.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(3))
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options()).With("ELSE", harness.Embedded(server, "ann").Options())
	b.Sh(`imap-fetch $AT -o mail && imap-diff $ELSE -o plan mail`).Wants(0)
	before := proxy.Connections()
	for _, command := range []string{`imap-list $AT %`, `imap-fetch $AT %`, `imap-fetch --select plan $AT %`, `imap-diff $AT % mail`, `imap-push $AT % plan`} {
		for option, said := range map[string]string{
			"--password-file nonesuch":     "nonesuch",
			"--password-file .":            "is a directory",
			"--password-file /dev/null":    "holds no password",
			"--password-fd 9":              "descriptor 9",
			"--password-command false":     "--password-command",
			"--password-command 'exit 0;'": "holds no password",
		} {
			b.Sh(strings.Replace(command, "%", option, 1) + ` >out`).Wants(66).Says(said)
		}
	}
	if n := proxy.Connections() - before; n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestNobodyListens: 69 for what cannot be reached, within the timeout.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, at := range map[string]string{
		"closed port":       "--tls none --host " + closed.Addr().String(),
		"closed port, TLS":  "--host " + closed.Addr().String(),
		"unknown host":      "--tls none --host nonesuch.invalid",
		"silence":           "--tls none --host " + silent.Addr().String(),
		"silence, TLS":      "--host " + silent.Addr().String(),
		"silence, STARTTLS": "--tls starttls --host " + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			b := harness.NewShell(t).With("AT", at+" --user joe --timeout 2s")
			o := b.Sh(`imap-list $AT`).Wants(69)
			if o.Took > 8*time.Second {
				t.Errorf("it took %v", o.Took)
			}
		})
	}
}

// transcript is what was said to a server.
type transcript struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(p)
}

// noCredential demands that nobody tried to log in.
func (s *transcript) noCredential(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	said := strings.ToUpper(s.String())
	if strings.Contains(said, "LOGIN ") || strings.Contains(said, "AUTHENTICATE") || strings.Contains(said, "SECRET") {
		t.Errorf("a credential was sent:\n%s", s.String())
	}
}

var pinOption = regexp.MustCompile(`--tls-pin sha256:[0-9a-f]{64}`)

// TestUntrustedCertificate: 76, no credential sent, and the option that
// would trust it is printed and works.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, make := range map[string]func() (*imaptest.Certificate, error){
		"self-signed":    func() (*imaptest.Certificate, error) { return imaptest.NewCertificate("127.0.0.1") },
		"another's name": func() (*imaptest.Certificate, error) { return imaptest.NewCertificate("mail.example.org") },
		"expired": func() (*imaptest.Certificate, error) {
			return imaptest.NewCertificateFor(now.Add(-48*time.Hour), now.Add(-24*time.Hour), "127.0.0.1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, err := make()
			if err != nil {
				t.Fatal(err)
			}
			said := &transcript{}
			server := imaptest.StartTLSServer(t, imaptest.Options{Transcript: said}, certificate.TLS)
			b := harness.NewShell(t).With("AT", "--user joe --host "+server.Addr())
			o := b.Sh(`imap-list $AT`).Wants(76)
			said.noCredential(t)
			pin := pinOption.FindString(o.Stderr)
			if want := "--tls-pin sha256:" + certificate.Pin; pin != want {
				t.Errorf("the hint is %q, want %q\n%s", pin, want, o)
			}
			b.With("PIN", pin).Sh(`imap-list $AT $PIN`).Wants(0)
			b.Sh(`imap-list $AT --tls-insecure`).Wants(0).Says("tls-insecure")
			o = b.Sh(`imap-list --check $AT --tls-pin sha256:` + strings.Repeat("0", 64)).Wants(76).Says("ALARM")
			if strings.Contains(o.Stdout+o.Stderr, certificate.Pin) {
				t.Errorf("the pin of somebody in between is offered: %s", o)
			}
		})
	}
	t.Run("trusted authority", func(t *testing.T) {
		certificate, err := imaptest.NewCertificate("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		server := imaptest.StartTLSServer(t, imaptest.Options{}, certificate.TLS)
		b := harness.NewShell(t).With("AT", "--user joe --host "+server.Addr())
		b.Write("ca.pem", certificate.PEM)
		b.Sh(`imap-list $AT --ca-file ca.pem`).Wants(0)
	})
}

// TestNoDowngradeToPlaintext: STARTTLS that is not offered, or refused, is the end.
func TestNoDowngradeToPlaintext(t *testing.T) {
	t.Parallel()
	said := &transcript{}
	server := imaptest.StartServer(t, imaptest.Options{Transcript: said})
	b := harness.NewShell(t).With("AT", "--user joe --host "+server.Addr())
	b.Sh(`imap-list --tls starttls $AT`).Wants(76)
	b.Sh(`imap-list --tls implicit $AT`).Wants(76)
	said.noCredential(t)
}

// TestLoginDisabled: the server's word is honoured.
func TestLoginDisabled(t *testing.T) {
	t.Parallel()
	said := &transcript{}
	server := imaptest.StartServer(t, imaptest.Options{Transcript: said, LoginDisabled: true})
	b := harness.NewShell(t).With("AT", harness.Embedded(server, "joe").Options())
	b.Sh(`imap-list $AT`).Wants(77)
	said.noCredential(t)
}

// TestDovecotTLS logs in over implicit TLS and STARTTLS.
func TestDovecotTLS(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	b := harness.NewShell(t).With("PIN", "--tls-pin sha256:"+r.Pin).With("CA", "--ca-file "+r.CAFile)
	b.Env["TLS"], b.Env["PLAIN"] = "--user joe --host "+r.TLSAddr, "--user joe --host "+r.Addr
	b.Sh(`imap-list $TLS $PIN`).Wants(0)
	b.Sh(`imap-list $TLS $CA`).Wants(0)
	b.Sh(`imap-list --tls starttls $PLAIN $PIN`).Wants(0)
	b.Sh(`imap-list --tls starttls $PLAIN $CA`).Wants(0)
	b.Sh(`imap-list $TLS`).Wants(76)
	b.Sh(`imap-list --tls starttls $PLAIN`).Wants(76)
}

// TestFirstErrorReachesTheLast: without pipefail, the exit code of the last
// command tells what went wrong in the first.
func TestFirstErrorReachesTheLast(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "src"), harness.Real(r, "dst")
	src.Fill(t, imaptest.Spread(imaptest.Generate(1, 30)))
	b := harness.Between(t, src, dst)
	b.Env["WRONG"] = "env IMAP_PASSWORD=wrong"
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	b.Env["DEAD"] = harness.Account{Addr: dead.Addr().String(), User: "joe"}.Options()
	for name, c := range map[string]struct {
		script string
		exit   int
	}{
		"password of the first":  {`$WRONG imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 77},
		"password of the second": {`imap-fetch --headers $SRC | $WRONG imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 77},
		"password of the third":  {`imap-fetch --headers $SRC | imap-diff $DST | $WRONG imap-fetch --select - $SRC | imap-push $DST`, 77},
		"password of the fourth": {`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | $WRONG imap-push $DST`, 77},
		"usage of the first":     {`imap-fetch --headers --nonesuch $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 64},
		"usage of the second":    {`imap-fetch --headers $SRC | imap-diff --nonesuch $DST | imap-fetch --select - $SRC | imap-push $DST`, 64},
		"usage of the third":     {`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --nonesuch $SRC | imap-push $DST`, 64},
		"no server, first":       {`imap-fetch --headers $DEAD | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 69},
		"no server, second":      {`imap-fetch --headers $SRC | imap-diff $DEAD | imap-fetch --select - $SRC | imap-push $DST`, 69},
		"no server, third":       {`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $DEAD | imap-push $DST`, 69},
		"no such folder":         {`imap-fetch --headers --folder Nonesuch $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 3},
		"first is not there":     {`false | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`, 65},
		"against a stream":       {`imap-fetch $SRC -o old.zst && imap-fetch --nonesuch $SRC | imap-diff - old.zst | imap-fetch --select - $SRC | imap-push $DST`, 64},
		"report":                 {`$WRONG imap-fetch $SRC | imap-diff --report $DST`, 77},
		"with bodies, password":  {`$WRONG imap-fetch $SRC | imap-diff $DST | imap-push $DST`, 77},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			o := b.Sh(c.script)
			if o.Exit != c.exit {
				t.Errorf("exit %d, want %d\n%s", o.Exit, c.exit, o)
			}
			if left := dst.Dump(t); len(left) > 0 {
				t.Errorf("%d messages arrived", len(left))
			}
			if boxes := dst.Folders(t); len(boxes) > 1 {
				t.Errorf("%d folders were made", len(boxes)-1)
			}
		})
	}
}

// TestAccountFiles: two accounts with two passwords in one pipe, and nothing of
// the environment's.
func TestAccountFiles(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"joe": "secret"}})
	destination := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"jane": "another secret"}})
	source.Account("joe").Fill(harness.Mail(30))
	want := source.Account("joe").Entries()
	b := harness.NewShell(t).With("IMAP_HOST", "nowhere.invalid").With("IMAP_USER", "nobody").With("IMAP_PASSWORD", "wrong")
	b.Sh(`mkdir -p .config/imap-pipe`).Wants(0)
	b.Write(".config/imap-pipe/old", []byte("# the old one\nhost "+source.Addr()+"\nuser joe\ntls none\npassword-command echo secret\n"))
	b.Write(".config/imap-pipe/new", []byte("host "+destination.Addr()+"\nuser jane\ntls none\npassword-file new.password\n"))
	b.Write(".config/imap-pipe/new.password", []byte("another secret\n"))
	b.Sh(`imap-fetch --headers --account old | imap-diff --account new | imap-fetch --select - --account old | imap-push --account new`).Wants(0).Appended(30)
	harness.Same(t, want, destination.Account("jane").Entries())
	b.Sh(`cp .config/imap-pipe/old there && imap-list --account ./there`).Wants(0)
	b.Sh(`cd / && imap-diff --report --equal --account new "$HOME/mail" 2>/dev/null; cd && imap-fetch --account old -o mail && cd / && imap-diff --report --equal --account new "$HOME/mail"`).Wants(0)
	b.Sh(`imap-list --account old --user nobody --password-command 'echo x'`).Wants(77).Says("login of nobody@127.0.0.1")
	b.Write("bad", []byte("host "+source.Addr()+"\nuser joe\ntls sometimes\n"))
	b.Sh(`imap-list --account ./bad`).Wants(64).Says("./bad:3: --tls is")
	b.Sh(`imap-diff --report --account old mail mail`).Wants(64).Says("--account")
}
