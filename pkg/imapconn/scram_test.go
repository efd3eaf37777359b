package imapconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// scramServer speaks the server's side with what it stored of a password, and
// lets an adversary change what it says.
type scramServer struct {
	hash       scram.HashGeneratorFcn
	password   string // as it was set, without preparation
	iterations int
	bind       func() scram.ChannelBinding // nil: no -PLUS
	twist      func(step int, text string) string
	early      bool // OK before the last message

	mu       sync.Mutex
	first    string // the client's first message
	authcid  string
	authzid  string
	messages int
}

func (s *scramServer) talk(command string, ask func(string) string) string {
	creds := func(string) (scram.StoredCredentials, error) {
		client, _ := s.hash.NewClientUnprepped("", s.password, "")
		return client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt-salt-salt-1", Iters: s.iterations})
	}
	server, _ := s.hash.NewServer(creds)
	conversation := server.NewConversation()
	if s.bind != nil {
		conversation = server.NewConversationWithChannelBinding(s.bind())
	}
	words := strings.Fields(command)
	line := ""
	if len(words) > 2 {
		line = words[2]
	} else {
		line = ask("")
	}
	for step := 1; ; step++ {
		plain, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return "TAG BAD cancelled\r\n"
		}
		s.note(step, string(plain))
		if conversation.Done() {
			break
		}
		text, stepErr := conversation.Step(string(plain))
		if s.twist != nil {
			text = s.twist(step, text)
		}
		if stepErr != nil && text == "" {
			return "TAG NO [AUTHENTICATIONFAILED] no\r\n"
		}
		if s.early && conversation.Done() {
			break
		}
		line = ask(b64(text))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authcid, s.authzid = conversation.Username(), conversation.AuthzID()
	if !conversation.Valid() {
		return "TAG NO [AUTHENTICATIONFAILED] no\r\n"
	}
	return "TAG OK [CAPABILITY IMAP4rev1] in\r\n"
}

func (s *scramServer) note(step int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step == 1 {
		s.first = message
	}
	s.messages = step
}

func replace(step int, old, new string) func(int, string) string {
	return func(at int, text string) string {
		if at == step {
			return strings.Replace(text, old, new, 1)
		}
		return text
	}
}

func TestScram(t *testing.T) {
	server := func(change ...func(*scramServer)) *scramServer {
		s := &scramServer{hash: scram.SHA256, password: canary, iterations: 4096}
		for _, f := range change {
			f(s)
		}
		return s
	}
	twisted := func(twist func(int, string) string) *scramServer {
		return server(func(s *scramServer) { s.twist = twist })
	}
	for _, test := range []struct {
		name     string
		caps     string // beyond PLAIN
		server   *scramServer
		change   func(*Options)
		code     exit.Code
		err      string
		first    string // how the client's first message begins
		messages int    // that the client sent
	}{
		{"by default", "SASL-IR AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1", server(), nil, 0, "", "n,,n=joe,r=", 3},
		{"no SASL-IR", "AUTH=SCRAM-SHA-256", server(), nil, 0, "", "n,,n=joe,r=", 3},
		{"SHA-1", "AUTH=SCRAM-SHA-1", server(func(s *scramServer) { s.hash = scram.SHA1 }), nil, 0, "", "n,,n=joe,r=", 3},
		{"SHA-512", "AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-512", server(func(s *scramServer) { s.hash = scram.SHA512 }), nil, 0, "", "n,,n=joe,r=", 3},
		{"for another", "SASL-IR AUTH=SCRAM-SHA-256", server(), func(o *Options) { o.Login.AuthUser = "a=d,m" }, 0, "", "n,a=joe,n=a=3Dd=2Cm,r=", 3},
		{"prepared", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.password = "IX a" }), func(o *Options) { o.Login.Password = secretly("\u2168\u00a0\u00ada") }, 0, "", "n,,n=joe", 3},
		{"cannot be prepared", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.password = "pass🙂word" }), func(o *Options) { o.Login.Password = secretly("pass🙂word") }, 0, "", "n,,n=joe", 3},
		{"no UTF-8", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.password = "p\xe4ss" }), func(o *Options) { o.Login.Password = secretly("p\xe4ss") }, 0, "", "n,,n=joe", 3},
		{"wrong password, told so", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.password = "another" }), nil, exit.Login, "by SCRAM-SHA-256 refused: the server said NO [AUTHENTICATIONFAILED] no, and before: invalid-proof (offered: PLAIN, SCRAM-SHA-256, the LOGIN command)", "n,,", 3},
		{"wrong password, NO at once", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.password, s.twist = "another", replace(2, "e=invalid-proof", "") }), nil, exit.Login, "NO [AUTHENTICATIONFAILED] no (offered", "n,,", 2},
		{"few iterations", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.iterations = 4095 }), nil, exit.Protocol, "4095 iterations; fewer than 4096", "n,,", 1},
		{"endless iterations", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(1, "i=4096", "i=2147483647")), nil, exit.Protocol, "2147483647 iterations, more than 1000000", "n,,", 1},
		{"more iterations than a number has", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(1, "i=4096", "i=99999999999999999999")), nil, exit.Protocol, "no number of iterations", "n,,", 1},
		{"iterations twice", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(1, "i=4096", "i=1,i=4096")), nil, exit.Protocol, "1 iterations", "n,,", 1},
		{"another nonce", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(1, "r=", "r=x")), nil, exit.Protocol, "nonce", "n,,", 1},
		{"an extension", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(1, "r=", "m=x,r=")), nil, exit.Protocol, "", "n,,", 1},
		{"nothing", "SASL-IR AUTH=SCRAM-SHA-256", twisted(func(int, string) string { return "\x1b" }), nil, exit.Protocol, "SCRAM-SHA-256", "n,,", 1},
		{"no proof", "SASL-IR AUTH=SCRAM-SHA-256", twisted(replace(2, "v=", "v=AAAA")), nil, exit.Protocol, "may be an impostor", "n,,", 2},
		{"OK without proof", "SASL-IR AUTH=SCRAM-SHA-256", server(func(s *scramServer) { s.early = true }), nil, exit.Protocol, "may be an impostor", "n,,", 2},
		{"OK after a refusal", "SASL-IR AUTH=SCRAM-SHA-256", twisted(func(step int, text string) string {
			if step == 2 {
				return "e=other-error"
			}
			return text
		}), nil, exit.Protocol, "may be an impostor", "n,,", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, "IMAP4rev1 AUTH=PLAIN "+test.caps, rule{when: "AUTHENTICATE SCRAM", dialogue: test.server.talk})
			o := s.options()
			o.Login.Password = secretly(canary)
			trace := &bytes.Buffer{}
			o.Trace = trace
			if test.change != nil {
				test.change(&o)
			}
			session, err := Open(context.Background(), o)
			if err == nil {
				defer session.Close()
			}
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v (%d), want %d %s", err, exit.CodeOf(err), test.code, test.err)
			}
			test.server.mu.Lock()
			defer test.server.mu.Unlock()
			if !strings.HasPrefix(test.server.first, test.first) || test.server.messages != test.messages {
				t.Errorf("first %q, %d messages", test.server.first, test.server.messages)
			}
			if err == nil && (test.server.authcid != o.authcid() || test.server.authzid != o.authzid()) {
				t.Errorf("in as %q for %q", test.server.authcid, test.server.authzid)
			}
			for _, shown := range []string{b64(test.server.first), "r=", "p="} {
				if strings.Contains(trace.String(), shown) {
					t.Errorf("%q shows:\n%s", shown, trace)
				}
			}
		})
	}
}

// TestScramRFC7677 holds the client against the example of RFC 7677 3.
func TestScramRFC7677(t *testing.T) {
	client := scramUser(scram.SHA256, "user", "pencil", "").WithNonceGenerator(func() string { return "rOprNGfwEbeRWgbNEkqO" })
	s := &scramClient{name: "SCRAM-SHA-256", conversation: client.NewConversation()}
	_, first, _ := s.Start()
	final, err := s.Next([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	if string(first) != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" || err != nil ||
		string(final) != "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=" {
		t.Errorf("%q %q %v", first, final, err)
	}
	if s.verify() == nil {
		t.Error("content without the server's proof")
	}
	if _, err := s.Next([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil || s.verify() != nil {
		t.Error(err, s.verify())
	}
}

// tapListener makes TLS connections and remembers the last.
type tapListener struct {
	net.Listener
	config *tls.Config
	mu     sync.Mutex
	last   *tls.Conn
}

func (l *tapListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = tls.Server(c, l.config)
	return l.last, nil
}

func (l *tapListener) state() *tls.ConnectionState {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.last.ConnectionState()
	return &state
}

// TestChannelBinding ties the login to the TLS connection, and lets neither
// side be lied to about whether that could be done.
func TestChannelBinding(t *testing.T) {
	cert, pin := certificate(t, "localhost", time.Now().Add(time.Hour))
	exporter := func(l *tapListener) scram.ChannelBinding {
		b, _ := scram.NewTLSExporterBinding(l.state())
		return b
	}
	unique := func(l *tapListener) scram.ChannelBinding { return scram.NewTLSUniqueBinding(l.state().TLSUnique) }
	other := func(l *tapListener) scram.ChannelBinding {
		return scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: make([]byte, 32)}
	}
	both, bare := "AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-256"
	for _, test := range []struct {
		name   string
		max    uint16
		caps   string
		bind   func(*tapListener) scram.ChannelBinding
		change func(*Options)
		code   exit.Code
		err    string
		first  string
	}{
		{"TLS 1.3", 0, both, exporter, nil, 0, "", "p=tls-exporter,,"},
		{"TLS 1.2", tls.VersionTLS12, both, unique, nil, 0, "", "p=tls-unique,,"},
		{"PLUS alone", 0, "AUTH=SCRAM-SHA-256-PLUS", exporter, nil, 0, "", "p=tls-exporter,,"},
		{"somebody in between", 0, both, other, nil, exit.Login, "channel-bindings-dont-match", "p=tls-exporter,,"},
		{"not offered", 0, bare, nil, nil, 0, "", "y,,"},
		{"the offer was taken away", 0, bare, exporter, nil, exit.Login, "server-does-support-channel-binding", "y,,"},
		{"Cyrus", 0, both + " X-REPLICATION", exporter, nil, 0, "", "n,,"},
		{"Cyrus, TLS 1.2", tls.VersionTLS12, both + " X-REPLICATION", unique, nil, 0, "", "p=tls-unique,,"},
		{"Cyrus, named", 0, "AUTH=SCRAM-SHA-256-PLUS X-REPLICATION", other, func(o *Options) { o.Login.Auth = []string{"scram-sha-256-plus"} }, exit.Login, "dont-match", "p=tls-exporter,,"},
		{"named without", 0, both, exporter, func(o *Options) { o.Login.Auth = []string{"scram-sha-256"} }, 0, "", "n,,"},
		{"hidden by the user", 0, both, exporter, func(o *Options) { o.DisableCaps = []string{"AUTH=SCRAM-SHA-256-PLUS"} }, 0, "", "n,,"},
		{"named and not offered", 0, bare, nil, func(o *Options) { o.Login.Auth = []string{"scram-sha-256-plus"} }, exit.Login, "offers none of SCRAM-SHA-256-PLUS", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			tap := &tapListener{Listener: ln, config: &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: test.max}}
			server := &scramServer{hash: scram.SHA256, password: "canary", iterations: 4096}
			if test.bind != nil {
				server.bind = func() scram.ChannelBinding { return test.bind(tap) }
			}
			s := &script{t: t, ln: tap, caps: "IMAP4rev1 SASL-IR " + test.caps, rules: []*rule{{when: "AUTHENTICATE SCRAM", dialogue: server.talk}}}
			s.greeting = "* OK [CAPABILITY " + s.caps + "] ready\r\n"
			s.serve()
			o := s.options()
			o.TLS.Mode, o.TLS.Pin = Implicit, pin
			if test.change != nil {
				test.change(&o)
			}
			session, err := Open(context.Background(), o)
			if err == nil {
				defer session.Close()
			}
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v (%d), want %d %s", err, exit.CodeOf(err), test.code, test.err)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			if !strings.HasPrefix(server.first, test.first) {
				t.Errorf("first %q", server.first)
			}
		})
	}
}

// TestTokenRefusedLater: a token that expired on the way is asked for once
// more at a reconnect, and only then.
func TestTokenRefusedLater(t *testing.T) {
	for _, refusals := range []int{1, 2} {
		s := newScript(t, "IMAP4rev1 SASL-IR AUTH=XOAUTH2",
			rule{when: "AUTHENTICATE", reply: "TAG OK\r\n", times: 1},
			rule{when: "AUTHENTICATE", reply: "TAG NO [AUTHENTICATIONFAILED] expired\r\n", times: refusals},
			rule{when: "EXAMINE", reply: "* BYE session expired\r\n", close: true, times: 1})
		asked := 0
		session := s.open(func(o *Options) {
			o.Login.Token = func(context.Context) (string, error) { asked++; return "tok", nil }
		})
		_, err := session.Examine(context.Background(), "box")
		if want := map[int]exit.Code{1: 0, 2: exit.Login}[refusals]; exit.CodeOf(err) != want || asked != 3 {
			t.Errorf("%d refusals: %v, asked %d times", refusals, err, asked)
		}
	}
	s := newScript(t, "IMAP4rev1 SASL-IR AUTH=XOAUTH2", rule{when: "AUTHENTICATE", reply: "TAG NO no\r\n"})
	o := s.options()
	asked := 0
	o.Login.Token = func(context.Context) (string, error) { asked++; return "tok", nil }
	if _, err := Open(context.Background(), o); exit.CodeOf(err) != exit.Login || asked != 1 {
		t.Error(err, asked)
	}
}
