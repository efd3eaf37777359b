package imapconn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

func TestOpen(t *testing.T) {
	tests := []struct {
		name     string
		greeting string
		caps     string
		rules    []rule
		change   func(*Options)
		code     exit.Code
		err      string // a part of the message
		sent     string // the commands, joined
	}{
		{"PLAIN with initial response", "", "IMAP4rev1 SASL-IR AUTH=PLAIN", nil, nil, 0, "", "AUTHENTICATE PLAIN AGpvZQBjYW5hcnk=|LIST \"\" \"\""},
		{"no capabilities anywhere", "* OK hi\r\n", "IMAP4rev1", []rule{{when: "LOGIN", reply: "TAG OK\r\n"}}, nil, 0, "", "CAPABILITY|LOGIN \"joe\" \"canary\"|CAPABILITY|LIST \"\" \"\""},
		{"capabilities untagged, odd", "* OK [CAPABILITY IMAP4rev1  ]hi\r\n", "", []rule{{when: "LOGIN", reply: "* CAPABILITY IMAP4rev1 a]b X \r\nTAG OK\r\n"}}, nil, 0, "", "LOGIN \"joe\" \"canary\"|LIST \"\" \"\""},
		{"password that needs a literal", "", "IMAP4rev1", nil, func(o *Options) {
			o.Login.Password = func(context.Context) (string, error) { return "pä\"ß", nil }
		}, 0, "", "LOGIN \"joe\" {6}\r\npä\"ß|LIST \"\" \"\""},
		{"PREAUTH", "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", "", nil, nil, 0, "", "LIST \"\" \"\""},
		{"PREAUTH before STARTTLS", "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", "", nil, func(o *Options) { o.TLS.Mode = StartTLS }, exit.Protocol, "PREAUTH", ""},
		{"STARTTLS not offered", "", "IMAP4rev1", nil, func(o *Options) { o.TLS.Mode = StartTLS }, exit.Protocol, "does not offer STARTTLS", ""},
		{"STARTTLS refused", "", "IMAP4rev1 STARTTLS", []rule{{when: "STARTTLS", reply: "TAG NO no\r\n"}}, func(o *Options) { o.TLS.Mode = StartTLS }, exit.Protocol, "NO no", "STARTTLS"},
		{"STARTTLS with more behind it", "", "IMAP4rev1 STARTTLS", []rule{{when: "STARTTLS", reply: "TAG OK\r\nA2 OK in\r\n"}}, func(o *Options) { o.TLS.Mode = StartTLS }, exit.Protocol, "between STARTTLS and TLS", "STARTTLS"},
		{"BYE", "* BYE too many \x1b[2J\r\n", "", nil, nil, exit.Temporary, `too many \x1b[2J`, ""},
		{"no IMAP", "220 smtp\r\n", "", nil, nil, exit.Protocol, "does not greet", ""},
		{"silence", " ", "", nil, func(o *Options) { o.Network.Timeout = 100 * time.Millisecond }, exit.Unavailable, "no progress", ""},
		{"LOGINDISABLED", "", "IMAP4rev1 LOGINDISABLED STARTTLS", nil, nil, exit.Login, "nothing was sent", ""},
		{"LOGINDISABLED beside PLAIN", "", "IMAP4rev1 LOGINDISABLED AUTH=PLAIN", nil, nil, exit.Login, "nothing was sent", ""},
		{"nothing that we know", "", "IMAP4rev1 AUTH=GSSAPI", nil, func(o *Options) { o.Login.Auth = []string{"plain"} }, exit.Login, "offered: GSSAPI, the LOGIN command", ""},
		{"unknown mechanism", "", "IMAP4rev1 AUTH=X", nil, func(o *Options) { o.Login.Auth = []string{"x"} }, exit.Usage, "mechanism", ""},
		{"refused", "", "IMAP4rev1 AUTH=PLAIN AUTH=X", []rule{{when: "AUTHENTICATE", reply: "TAG NO [AUTHENTICATIONFAILED] no\r\n"}}, nil, exit.Login, "login of joe@127.0.0.1 by PLAIN refused: the server said NO [AUTHENTICATIONFAILED] no (offered: PLAIN, X, the LOGIN command)", "AUTHENTICATE PLAIN"},
		{"refused for now", "", "IMAP4rev1", []rule{{when: "LOGIN", reply: "TAG NO [UNAVAILABLE] backend\r\n"}}, nil, exit.Temporary, "backend", "LOGIN \"joe\" \"canary\""},
		{"too many", "", "IMAP4rev1", []rule{{when: "LOGIN", reply: "* BYE Too many simultaneous connections\r\n", close: true}}, func(o *Options) { o.Retry.Max = NoRetries }, exit.Temporary, "simultaneous", "LOGIN \"joe\" \"canary\""},
		{"hangs up at login", "", "IMAP4rev1", []rule{{when: "LOGIN", close: true}}, nil, exit.Unavailable, "closed by the server", "LOGIN \"joe\" \"canary\""},
		{"password not to be had", "", "IMAP4rev1", nil, func(o *Options) {
			o.Login.Password = func(context.Context) (string, error) { return "", exit.Errorf(exit.NoInput, "no password") }
		}, exit.NoInput, "no password", ""},
		{"line without end", "* OK " + strings.Repeat("x", maxLine+100<<10), "", nil, nil, exit.Protocol, "a line of more than", ""},
		{"endless literal", "* X {99999999999999999999}\r\n", "", nil, nil, exit.Protocol, "a literal of", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, test.caps, test.rules...)
			if test.greeting != "" {
				server.set(func(s *script) { s.greeting = test.greeting })
			}
			o := server.options()
			trace := &bytes.Buffer{}
			o.Trace = trace
			if test.change != nil {
				test.change(&o)
			}
			s, err := Open(context.Background(), o)
			if err == nil {
				defer s.Close()
			}
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v (%d), want %d %s", err, exit.CodeOf(err), test.code, test.err)
			}
			if sent := strings.Join(server.sent(""), "|"); sent != test.sent {
				t.Errorf("sent %q", sent)
			}
			if strings.Contains(trace.String(), "canary") || strings.Contains(trace.String(), "AGpvZQBj") || strings.Contains(trace.String(), "\x1b") {
				t.Errorf("trace:\n%s", trace)
			}
		})
	}
}

// TestAuthenticateChallenges: without SASL-IR the credentials answer a
// continuation, whatever its text, and a trace shows neither.
func TestAuthenticateChallenges(t *testing.T) {
	for _, prompt := range []string{"+ \r\n", "+\r\n", "+ go ahead\r\n"} {
		ours, theirs := net.Pipe()
		got := make(chan string, 1)
		go func() {
			br := bufio.NewReader(theirs)
			io.WriteString(theirs, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n")
			br.ReadString('\n')
			io.WriteString(theirs, prompt)
			line, _ := br.ReadString('\n')
			io.WriteString(theirs, "A1 OK [CAPABILITY X] in\r\n")
			got <- line
		}()
		trace := &bytes.Buffer{}
		o := &Options{User: "joe", Trace: trace, Login: LoginOptions{Password: func(context.Context) (string, error) { return "canary", nil }}}
		c := newConn(ours, o)
		if err := (&handshake{c: c, o: o}).greeting(); err != nil {
			t.Fatal(err)
		}
		if err := logIn(c, o, "canary"); err != nil || <-got != "AGpvZQBjYW5hcnk=\r\n" || !c.caps.has("x") {
			t.Error(prompt, err)
		}
		if strings.Contains(trace.String(), "AGpv") || strings.Count(trace.String(), "C: <redacted>") != 1 {
			t.Error(trace)
		}
		theirs.Close()
	}
}

func TestOpenNowhere(t *testing.T) {
	password := func(context.Context) (string, error) { return "x", nil }
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	for _, o := range []Options{{Host: "127.0.0.1", Port: port}, {Host: "no-such-host.invalid"}} {
		o.Login.Password, o.Network.Timeout = password, 3*time.Second
		if _, err := Open(context.Background(), o); exit.CodeOf(err) != exit.Unavailable {
			t.Error(err)
		}
	}
}

// certificate makes a self-signed certificate for a name.
func certificate(t *testing.T, name string, until time.Time) (tls.Certificate, string) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true}
	if name != "localhost" {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, hex.EncodeToString(sum[:])
}

type tlsListener struct {
	net.Listener
	config *tls.Config
}

func (l tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(c, l.config), nil
}

func TestTLS(t *testing.T) {
	later := time.Now().Add(time.Hour)
	cert, pin := certificate(t, "localhost", later)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600)
	expired, _ := certificate(t, "localhost", time.Now().Add(-time.Hour))
	foreign, _ := certificate(t, "elsewhere", later)
	tests := []struct {
		name   string
		cert   tls.Certificate
		max    uint16
		change func(*Options)
		code   exit.Code
		advice any // words of the hint, or the cause
	}{
		{"self-signed", cert, 0, func(o *Options) {}, exit.Protocol, ErrUntrusted},
		{"pinned", cert, 0, func(o *Options) { o.TLS.Pin = "SHA256:" + strings.ToUpper(pin) }, 0, ""},
		{"another pinned", cert, 0, func(o *Options) { o.TLS.Pin = strings.Repeat("ab", 32) }, exit.Protocol, "by another way than this connection"},
		{"pinned, insecure does not override", cert, 0, func(o *Options) { o.TLS.Pin, o.TLS.Insecure = strings.Repeat("ab", 32), true }, exit.Protocol, "by another way than this connection"},
		{"no pin at all", cert, 0, func(o *Options) { o.TLS.Pin = "sha256:abc" }, exit.Usage, ""},
		{"own CA", cert, 0, func(o *Options) { o.TLS.CAFile = caFile }, 0, ""},
		{"no CA file", cert, 0, func(o *Options) { o.TLS.CAFile = "/nowhere" }, exit.NoInput, ""},
		{"wrong name", foreign, 0, func(o *Options) { o.TLS.CAFile = caFile }, exit.Protocol, ErrUntrusted},
		{"expired", expired, 0, func(o *Options) {}, exit.Protocol, ErrUntrusted},
		{"insecure", expired, 0, func(o *Options) { o.TLS.Insecure = true }, 0, ""},
		{"TLS 1.1", cert, tls.VersionTLS11, func(o *Options) { o.TLS.Insecure = true }, exit.Protocol, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, allCaps)
			config := &tls.Config{Certificates: []tls.Certificate{test.cert}, MaxVersion: test.max, MinVersion: tls.VersionTLS10}
			ln, _ := net.Listen("tcp", "127.0.0.1:0")
			t.Cleanup(func() { ln.Close() })
			tlsServer := &script{t: t, ln: tlsListener{ln, config}, caps: allCaps, greeting: server.greeting}
			tlsServer.serve()
			o := tlsServer.options()
			o.TLS.Mode = Implicit
			test.change(&o)
			s, err := Open(context.Background(), o)
			if err == nil {
				s.Close()
			}
			if exit.CodeOf(err) != test.code || !advises(err, test.advice) {
				t.Errorf("%v (%d), hint %s", err, exit.CodeOf(err), exit.HintOf(err))
			}
			sum := sha256.Sum256(test.cert.Certificate[0])
			if details := fault.DetailsOf(err); fault.CauseOf(err) == ErrUntrusted && details[0] != hex.EncodeToString(sum[:]) {
				t.Errorf("%v, want %x", details, sum)
			}
			if err != nil && len(tlsServer.sent("")) > 0 {
				t.Error("sent", tlsServer.sent(""))
			}
		})
	}
	server := newScript(t, allCaps) // speaks no TLS
	o := server.options()
	o.TLS.Mode = Implicit
	if _, err := Open(context.Background(), o); exit.CodeOf(err) != exit.Protocol || !advises(err, ErrNoTLS) {
		t.Error(err, exit.HintOf(err))
	}
}

// TestSTARTTLS: the capabilities of the clear text are forgotten.
func TestSTARTTLS(t *testing.T) {
	cert, pin := certificate(t, "localhost", time.Now().Add(time.Hour))
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	defer ln.Close()
	said := make(chan string, 10)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n")
		br := bufio.NewReader(c)
		line, _ := br.ReadString('\n')
		said <- line
		io.WriteString(c, "A1 OK begin\r\n")
		tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		br = bufio.NewReader(tc)
		for _, answer := range []string{"* CAPABILITY IMAP4rev1\r\nA2 OK\r\n", "A3 OK [CAPABILITY IMAP4rev1 AFTER]\r\n", "* LIST () NIL \"\"\r\nA4 OK\r\n", "A5 OK\r\n"} {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			said <- line
			io.WriteString(tc, answer)
		}
	}()
	s, err := Open(context.Background(), Options{Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port, TLS: TLSOptions{Mode: StartTLS, Pin: pin}, User: "joe", Network: NetworkOptions{Timeout: 3 * time.Second},
		Login: LoginOptions{Password: func(context.Context) (string, error) { return "pw", nil }}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Capabilities(), []string{"AFTER", "IMAP4REV1"}) || s.Has("starttls") || !s.Has("after") {
		t.Error(s.Capabilities())
	}
	s.Close()
	if a, b, c := <-said, <-said, <-said; a != "A1 STARTTLS\r\n" || b != "A2 CAPABILITY\r\n" || c != "A3 LOGIN \"joe\" \"pw\"\r\n" {
		t.Errorf("%q %q %q", a, b, c)
	}
}

// TestReconnect asks for the password again, and gives up in time.
func TestReconnect(t *testing.T) {
	server := newScript(t, allCaps, rule{when: "EXAMINE", reply: "* BYE idle\r\n", close: true, times: 1})
	asked := 0
	session := server.open(func(o *Options) {
		o.Login.Password = func(context.Context) (string, error) { asked++; return "canary", nil }
	})
	if _, err := session.Examine(context.Background(), "box"); err != nil || asked != 2 {
		t.Error(asked, err)
	}
	server.ln.Close()
	server.set(func(s *script) { s.conns[len(s.conns)-1].Close() })
	time.Sleep(10 * time.Millisecond)
	if session.Alive() {
		t.Error("alive")
	}
	_, err := session.Examine(context.Background(), "box")
	if exit.CodeOf(err) != exit.Temporary || !strings.Contains(err.Error(), "stays away") {
		t.Error(err)
	}
}

// TestPasswordComesFirst: while somebody looks for the password, no server
// waits for it.
func TestPasswordComesFirst(t *testing.T) {
	server := newScript(t, allCaps)
	connections := func() (n int) {
		time.Sleep(20 * time.Millisecond) // one that was made would be there by now
		server.set(func(s *script) { n = len(s.conns) })
		return n
	}
	o := server.options()
	o.Login.Password = func(context.Context) (string, error) { return "", exit.Errorf(exit.NoInput, "nobody knows it") }
	if _, err := Open(context.Background(), o); exit.CodeOf(err) != exit.NoInput || connections() != 0 {
		t.Errorf("%v, %d connections", err, connections())
	}
	asked := 0
	session := server.open(func(o *Options) {
		o.Login.Password = func(context.Context) (string, error) {
			if n := connections(); n != asked {
				t.Errorf("asked in %d connections, want %d", n, asked)
			}
			asked++
			return "canary", nil
		}
	})
	session.c.lost(errors.New("gone"))
	if _, err := session.Examine(context.Background(), "box"); err != nil || asked != 2 {
		t.Error(asked, err)
	}
}

// TestDeadServer: nothing waits for ever.
func TestDeadServer(t *testing.T) {
	session := newScript(t, allCaps, rule{when: "EXAMINE", stall: time.Minute}).open(func(o *Options) { o.Network.Timeout = 50 * time.Millisecond })
	start := time.Now()
	_, err := session.Examine(context.Background(), "box")
	if exit.CodeOf(err) != exit.Temporary || time.Since(start) > 3*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err, time.Since(start))
	}
}

// TestCreateAmidNoise: responses that nobody asked for, and malformed ones, do not
// disturb commands.
func TestCreateAmidNoise(t *testing.T) {
	noise := "\r\n* X-FOO {3}\r\na)\r x\r\n* OK [ALERT]mind\r\n* OK [FOO bar\r\n* NO [] x\r\n* VANISHED 7:9\r\n* 1 FETCH (FLAGS (\xff]) X {2}\r\nab)\r\n* FLAGS (a]b)\r\n* CAPABILITY a]b \r\n+ what\r\n* ID NIL\r\n" +
		"* OK [PERMANENTFLAGS (a]b)]x\r\n* LIST () \"/\" a&b\r\n* STATUS {1}\r\na (UIDVALIDITY 99999999999)\r\n* SEARCH  1  2 \r\n* 99999999999 EXISTS\r\n"
	noise = strings.Replace(noise, "+ what\r\n", "", 1)
	server := newScript(t, allCaps+" NAMESPACE",
		rule{when: "NAMESPACE", reply: noise + "* namespace ((\"\" \"/\" \"X\" (\"y\"))) NIL ((\"Shared/\" \"/\")) \r\n" + noise + "TAG OK [FOO]x\r\n"},
		rule{when: "CREATE \"there\"", reply: noise + "TAG NO [ALREADYEXISTS there\r\n"},
		rule{when: "CREATE \"old\"", reply: "TAG NO it exists\r\n"},
		rule{when: "LIST \"\" \"old\"", reply: "* LIST () NIL old\r\nTAG OK\r\n"},
		rule{when: "CREATE \"never\"", reply: "TAG NO\r\n"},
		rule{when: "CREATE \"full\"", reply: "TAG NO [OVERQUOTA] full\r\n"},
		rule{when: "CREATE \"Entw&APw-rfe &- a\"", reply: "TAG OK [MAILBOXID (F1)] ok\r\n"},
		rule{when: "SUBSCRIBE \"lost\"", close: true, times: 1},
	)
	s := server.open()
	ctx := context.Background()
	if ns := s.Namespace(); ns.Delimiter != "/" || ns.Prefix != "" {
		t.Errorf("%q", ns)
	}
	for range 3 {
		if err := s.Create(ctx, "Entwürfe & a"); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]error{"there": ErrExists, "old": ErrExists} {
			if err := s.Create(ctx, name); !errors.Is(err, want) {
				t.Error(name, err)
			}
		}
		for _, name := range []string{"never", "full"} {
			if err := s.Create(ctx, name); exit.CodeOf(err) != exit.CantCreate {
				t.Error(name, err)
			}
		}
		if _, err := s.Examine(ctx, "box"); err != nil { // our own commands in between
			t.Error(err)
		}
		if err := s.Noop(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := s.Create(ctx, "bad\xff"); exit.CodeOf(err) != exit.Usage {
		t.Error(err)
	}
	before := len(server.sent("AUTHENTICATE"))
	if err := s.Subscribe(ctx, "lost"); err != nil || len(server.sent("AUTHENTICATE")) != before+1 {
		t.Error(err)
	}
	if err := s.Noop(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Create(ctx, "more"); err != nil {
		t.Error(err)
	}
}
