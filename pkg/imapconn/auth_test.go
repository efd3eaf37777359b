package imapconn

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// canary is the secret of every test here.
const canary = "canary-7%{}\"\\$=,ä€"

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// forms are what a secret may look like in a trace or a message: plain, hex,
// and base64 at each of the three places that it may have in an encoding.
func forms(secret string) []string {
	list := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for skip := range 3 {
		whole := len(secret) - (skip+len(secret))%3 // what later octets cannot change
		coded := b64(strings.Repeat("\x00", skip) + secret[:whole])
		list = append(list, coded[(skip*8+5)/6:])
	}
	return list
}

func TestForms(t *testing.T) {
	for _, before := range []string{"", "x", "xy", "\x00joe\x00", "user=joe\x01auth=Bearer "} {
		coded := b64(before + canary + "\x01\x01")
		if !slices.ContainsFunc(forms(canary), func(form string) bool { return strings.Contains(coded, form) }) {
			t.Errorf("%q is in none of %q", coded, forms(canary))
		}
	}
}

// hearing is what a server was told in its dialogues.
type hearing struct {
	mu    sync.Mutex
	lines []string
}

// asks is a dialogue of these challenges, given without base64. The answers
// are kept as they were before base64.
func (h *hearing) asks(reply string, challenges ...string) func(string, func(string) string) string {
	return func(_ string, ask func(string) string) string {
		for _, challenge := range challenges {
			h.hear(ask(b64(challenge)))
		}
		return reply
	}
}

func (h *hearing) hear(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if plain, err := base64.StdEncoding.DecodeString(line); err == nil && line != closed {
		h.lines = append(h.lines, string(plain))
	}
}

// heard returns what was heard since it was last asked.
func (h *hearing) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.lines = nil }()
	return h.lines
}

func secretly(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func TestLogin(t *testing.T) {
	h := &hearing{}
	plus := "AUTH=PLAIN AUTH=CRAM-MD5 AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=EXTERNAL"
	error401 := `{"status":"401","scope":"mail` + "\x1b" + `"}`
	for _, test := range []struct {
		name   string
		caps   string
		rules  []rule
		change func(*Options)
		code   exit.Code
		err    string
		sent   string   // the commands up to the login, joined
		heard  []string // answers to challenges
	}{
		{name: "a token and both", caps: "SASL-IR " + plus, change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			sent: "AUTHENTICATE OAUTHBEARER " + "n,a=joe,\x01host=127.0.0.1\x01port=PORT\x01auth=Bearer tok-4711\x01\x01"},
		{name: "a token, XOAUTH2 only", caps: "SASL-IR AUTH=XOAUTH2 AUTH=PLAIN", change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			sent: "AUTHENTICATE XOAUTH2 " + "user=joe\x01auth=Bearer tok-4711\x01\x01"},
		{name: "a token, nothing for it", caps: "SASL-IR AUTH=PLAIN", change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			code: exit.Login, err: "offers none of OAUTHBEARER, XOAUTH2; offered: PLAIN, the LOGIN command; nothing was sent"},
		{name: "no SASL-IR", caps: plus, change: func(o *Options) { o.Login.Auth = []string{"xoauth2"}; o.Login.Token = secretly("tok-4711") },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "")}},
			sent:  "AUTHENTICATE XOAUTH2", heard: []string{"user=joe\x01auth=Bearer tok-4711\x01\x01"}},
		{name: "a token too long for the command", caps: "SASL-IR " + plus, change: func(o *Options) {
			o.Login.Auth = []string{"xoauth2"}
			o.Login.Token = secretly(strings.Repeat("x", 9000))
		},
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "")}},
			sent:  "AUTHENTICATE XOAUTH2", heard: []string{"user=joe\x01auth=Bearer " + strings.Repeat("x", 9000) + "\x01\x01"}},
		{name: "XOAUTH2 refused", caps: "SASL-IR AUTH=XOAUTH2", change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG NO [AUTHENTICATIONFAILED] no\r\n", error401)}},
			code:  exit.Login, err: `login of joe@127.0.0.1 by XOAUTH2 refused: the server said NO [AUTHENTICATIONFAILED] no, and before: {"status":"401","scope":"mail\x1b"} (offered: XOAUTH2, the LOGIN command)`,
			sent: "AUTHENTICATE XOAUTH2 " + "user=joe\x01auth=Bearer tok-4711\x01\x01", heard: []string{""}},
		{name: "OAUTHBEARER refused", caps: "AUTH=OAUTHBEARER", change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG NO no\r\n", "", error401)}},
			code:  exit.Login, err: `{"status":"401"`, sent: "AUTHENTICATE OAUTHBEARER", heard: []string{"n,a=joe,\x01host=127.0.0.1\x01port=PORT\x01auth=Bearer tok-4711\x01\x01", "\x01"}},
		{name: "OAUTHBEARER, a name with commas", caps: "SASL-IR AUTH=OAUTHBEARER", change: func(o *Options) {
			o.User = "a=b,c"
			o.Login.Token = secretly("tok-4711")
			o.TLS.ServerName = "real.example"
		},
			sent: "AUTHENTICATE OAUTHBEARER " + "n,a=a=3Db=2Cc,\x01host=real.example\x01port=PORT\x01auth=Bearer tok-4711\x01\x01"},
		{name: "challenges without end", caps: "AUTH=XOAUTH2", change: func(o *Options) { o.Login.Token = secretly("tok-4711") },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "", "a", "b")}},
			code:  exit.Protocol, err: `asks for more than the mechanism has: "b"`, sent: "AUTHENTICATE XOAUTH2", heard: []string{"user=joe\x01auth=Bearer tok-4711\x01\x01", ""}},

		{name: "X-MASTERAUTH is not for us", caps: "LOGINDISABLED X-MASTERAUTH AUTH=X-MASTERAUTH", code: exit.Login, err: "unencrypted connection; nothing was sent"},
		{name: "CRAM-MD5 is not for us", caps: "AUTH=CRAM-MD5", sent: "LOGIN \"joe\" \"canary\""},
		{name: "CRAM-MD5 named, RFC 2195", caps: "SASL-IR " + plus, change: func(o *Options) {
			o.Login.Auth, o.User, o.Login.Password = []string{"CRAM-MD5"}, "tim", secretly("tanstaaftanstaaf")
		}, rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "<1896.697170952@postoffice.reston.mci.net>")}},
			sent: "AUTHENTICATE CRAM-MD5", heard: []string{"tim b913a602c7eda7a495b4e6e7334d3890"}},
		{name: "CRAM-MD5 asked twice", caps: plus, change: func(o *Options) { o.Login.Auth = []string{"cram-md5"} },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "a", "b")}},
			code:  exit.Protocol, err: "more than the mechanism has", sent: "AUTHENTICATE CRAM-MD5", heard: []string{"joe 0c2719cdad97665430e10b6a03fb45cb"}},

		{name: "named in order", caps: "SASL-IR " + plus, change: func(o *Options) { o.Login.Auth = []string{"scram-sha-256", "login", "plain"} }, sent: "LOGIN \"joe\" \"canary\""},
		{name: "named and not offered", caps: plus, change: func(o *Options) { o.Login.Auth = []string{"scram-sha-256", "scram-sha-1"} },
			code: exit.Login, err: "offers none of SCRAM-SHA-256, SCRAM-SHA-1; offered: CRAM-MD5, EXTERNAL, OAUTHBEARER, PLAIN, XOAUTH2, the LOGIN command; nothing was sent"},
		{name: "nothing offered", caps: "LOGINDISABLED", change: func(o *Options) { o.Login.Auth = []string{"external"} }, code: exit.Login, err: "offered: nothing"},
		{name: "LOGINDISABLED, a token", caps: "LOGINDISABLED AUTH=XOAUTH2", change: func(o *Options) { o.Login.Token = secretly("tok-4711") }, code: exit.Login, err: "unencrypted"},
		{name: "LOGINDISABLED, CRAM-MD5", caps: "LOGINDISABLED " + plus, change: func(o *Options) { o.Login.Auth = []string{"plain", "cram-md5"} },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "x")}}, sent: "AUTHENTICATE CRAM-MD5", heard: []string{"joe bf68d543373037d50db73649bd674a2a"}},
		{name: "the server repeats the password", caps: "SASL-IR AUTH=PLAIN", change: func(o *Options) { o.Login.Password = secretly(canary) },
			rules: []rule{{when: "AUTHENTICATE", reply: "TAG NO no " + canary + " or " + b64(canary) + " or " + b64("\x00joe\x00"+canary) + " here\r\n"}},
			code:  exit.Login, err: "NO no <redacted> or <redacted> or <redacted> here", sent: "AUTHENTICATE PLAIN " + "\x00joe\x00" + canary},

		{name: "EXTERNAL", caps: "SASL-IR " + plus, change: func(o *Options) { o.Login.Auth, o.Login.Password = []string{"external"}, nil }, sent: "AUTHENTICATE EXTERNAL " + "joe"},
		{name: "EXTERNAL, no SASL-IR", caps: plus, change: func(o *Options) { o.Login.Auth, o.Login.Password = []string{"external"}, nil },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "")}}, sent: "AUTHENTICATE EXTERNAL", heard: []string{"joe"}},

		{name: "EXTERNAL for whom it may be", caps: "SASL-IR " + plus, change: func(o *Options) { o.Login.Auth, o.User = []string{"external"}, "" }, sent: "AUTHENTICATE EXTERNAL ="},
		{name: "EXTERNAL for whom it may be, no SASL-IR", caps: plus, change: func(o *Options) { o.Login.Auth, o.User = []string{"external"}, "" },
			rules: []rule{{when: "AUTHENTICATE", dialogue: h.asks("TAG OK\r\n", "")}}, sent: "AUTHENTICATE EXTERNAL", heard: []string{""}},

		{name: "for another, PLAIN", caps: "SASL-IR AUTH=PLAIN", change: func(o *Options) { o.Login.AuthUser = "adm" }, sent: "AUTHENTICATE PLAIN " + "joe\x00adm\x00canary"},
		{name: "for another, token", caps: "SASL-IR AUTH=XOAUTH2", change: func(o *Options) { o.Login.AuthUser = "adm"; o.Login.Token = secretly("tok-4711") }, sent: "AUTHENTICATE XOAUTH2 " + "user=joe\x01auth=Bearer tok-4711\x01\x01"},
		{name: "for another, EXTERNAL", caps: "SASL-IR AUTH=EXTERNAL", change: func(o *Options) { o.Login.Auth = []string{"external"}; o.Login.AuthUser = "adm" }, sent: "AUTHENTICATE EXTERNAL " + "joe"},
		{name: "for another, no LOGIN", caps: "AUTH=CRAM-MD5", change: func(o *Options) { o.Login.AuthUser = "adm" }, code: exit.Login, err: "PLAIN; offered: CRAM-MD5, the LOGIN command; nothing was sent"},
		{name: "for another, refused", caps: "SASL-IR AUTH=PLAIN", change: func(o *Options) { o.Login.AuthUser = "adm" },
			rules: []rule{{when: "AUTHENTICATE", reply: "TAG NO no\r\n"}}, code: exit.Login, err: "login of adm for joe@127.0.0.1 by PLAIN refused", sent: "AUTHENTICATE PLAIN " + "joe\x00adm\x00canary"},

		{name: "PROXYAUTH", caps: "X", change: func(o *Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, sent: "LOGIN \"adm\" \"canary\"|PROXYAUTH \"joe\"|CAPABILITY"},
		{name: "PROXYAUTH after AUTHENTICATE", caps: "SASL-IR AUTH=PLAIN", change: func(o *Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, sent: "AUTHENTICATE PLAIN " + "\x00adm\x00canary" + "|PROXYAUTH \"joe\"|CAPABILITY"},
		{name: "PROXYAUTH with a token", caps: "SASL-IR AUTH=XOAUTH2", change: func(o *Options) {
			o.Login.AuthUser, o.Login.ProxyAuth, o.Login.Token = "adm", true, secretly("tok-4711")
		},
			sent: "AUTHENTICATE XOAUTH2 " + "user=adm\x01auth=Bearer tok-4711\x01\x01" + "|PROXYAUTH \"joe\"|CAPABILITY"},
		{name: "PROXYAUTH unknown", caps: "X", change: func(o *Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, rules: []rule{{when: "PROXYAUTH", reply: "TAG BAD what?\r\n"}},
			code: exit.Login, err: "PROXYAUTH of adm for joe@127.0.0.1 refused: the server said BAD what?", sent: "LOGIN \"adm\" \"canary\"|PROXYAUTH \"joe\""},
		{name: "PROXYAUTH refused", caps: "X", change: func(o *Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, rules: []rule{{when: "PROXYAUTH", reply: "TAG NO no such user\r\n"}},
			code: exit.Login, err: "NO no such user", sent: "LOGIN \"adm\" \"canary\"|PROXYAUTH \"joe\""},
		{name: "PROXYAUTH later", caps: "X", change: func(o *Options) { o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, rules: []rule{{when: "PROXYAUTH", reply: "TAG NO [UNAVAILABLE] later\r\n"}},
			code: exit.Temporary, err: "later", sent: "LOGIN \"adm\" \"canary\"|PROXYAUTH \"joe\""},

		{name: "no such mechanism", change: func(o *Options) { o.Login.Auth = []string{"ntlm"} }, code: exit.Usage, err: `"ntlm" is no mechanism`},
		{name: "channel binding without TLS", change: func(o *Options) { o.Login.Auth = []string{"scram-sha-256-plus"} }, code: exit.Usage, err: "binds the login to TLS"},
		{name: "OAuth without a token", change: func(o *Options) { o.Login.Auth = []string{"plain", "xoauth2"} }, code: exit.Usage, err: "xoauth2 needs a token"},
		{name: "a token for PLAIN", change: func(o *Options) { o.Login.Auth, o.Login.Token = []string{"xoauth2", "plain"}, secretly("t") }, code: exit.Usage, err: "takes a password"},
		{name: "LOGIN for another", change: func(o *Options) { o.Login.Auth, o.Login.AuthUser = []string{"plain", "login"}, "adm" }, code: exit.Usage, err: `login cannot log "adm" in for "joe"`},
		{name: "PROXYAUTH by nobody", change: func(o *Options) { o.Login.ProxyAuth = true }, code: exit.Usage, err: "PROXYAUTH needs an administrator"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, "IMAP4rev1 "+test.caps, test.rules...)
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
			portless := strings.NewReplacer("port="+strconv.Itoa(o.Port), "port=PORT")
			sent := strings.TrimSuffix(strings.Join(server.sent(""), "|"), "|LIST \"\" \"\"")
			if len(test.heard) > 0 {
				sent = strings.TrimSuffix(sent, "|CAPABILITY") // the dialogues tell none
			}
			if sent := portless.Replace(decoded(sent)); sent != test.sent {
				t.Errorf("sent %q, want %q", sent, test.sent)
			}
			heard := h.heard()
			for i := range heard {
				heard[i] = portless.Replace(heard[i])
			}
			if !slices.Equal(heard, test.heard) {
				t.Errorf("heard %q, want %q", heard, test.heard)
			}
			for _, secret := range []string{"canary", "tok-4711", canary} {
				for _, form := range forms(secret) {
					if strings.Contains(trace.String(), form) || err != nil && strings.Contains(err.Error(), form) {
						t.Errorf("%q shows:\n%s%v", form, trace, err)
					}
				}
			}
		})
	}
}

// decoded is the command AUTHENTICATE with its initial response as that is.
func decoded(commands string) string {
	command, rest, _ := strings.Cut(commands, "|")
	at := strings.LastIndex(command, " ") + 1
	plain, err := base64.StdEncoding.DecodeString(command[at:])
	if err != nil || strings.Count(command, " ") < 2 {
		return commands
	}
	return strings.TrimSuffix(command[:at]+string(plain)+"|"+rest, "|")
}

// TestAdvice: a refusal says what helps most often, where it may help.
func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		name     string
		greeting string
		caps     string
		change   func(*Options)
		cause    error
	}{
		{"nothing special", "hi", "AUTH=PLAIN", nil, nil},
		{"a domain's user", "hi", "AUTH=PLAIN", func(o *Options) { o.User = `corp\joe` }, ErrExchangeUser},
		{"a domain's administrator", "hi", "AUTH=PLAIN", func(o *Options) { o.Login.AuthUser = `corp\adm` }, ErrExchangeUser},
		{"Exchange", "The Microsoft Exchange IMAP4 service is ready.", "AUTH=PLAIN", nil, ErrExchangeUser},
		{"SCRAM by default", "hi", "AUTH=PLAIN AUTH=SCRAM-SHA-256", nil, ErrNotStoredForScram},
		{"SCRAM, nothing else", "hi", "LOGINDISABLED AUTH=SCRAM-SHA-256", nil, nil},
		{"SCRAM named", "hi", "AUTH=PLAIN AUTH=SCRAM-SHA-256", func(o *Options) { o.Login.Auth = []string{"scram-sha-256"} }, nil},
		{"X-MASTERAUTH", "hi", "X", func(o *Options) { o.Login.Auth = []string{"x-masterauth"} }, nil},
		{"EXTERNAL, no certificate", "hi", "AUTH=EXTERNAL", func(o *Options) { o.Login.Auth = []string{"external"} }, ErrNoCertificate},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, "IMAP4rev1 SASL-IR "+test.caps, rule{when: "AUTHENTICATE", reply: "TAG NO no\r\n"}, rule{when: "X-MASTERAUTH", reply: "TAG BAD no\r\n"})
			s.set(func(s *script) { s.greeting = "* OK [CAPABILITY " + s.caps + "] " + test.greeting + "\r\n" })
			o := s.options()
			if test.change != nil {
				test.change(&o)
			}
			_, err := Open(context.Background(), o)
			if cause := fault.CauseOf(err); exit.CodeOf(err) != exit.Login || cause != test.cause {
				t.Errorf("%v: cause %v, want %v", err, cause, test.cause)
			}
			if kerio := strings.Contains(exit.HintOf(err), "Kerio"); kerio != (test.name == "X-MASTERAUTH") {
				t.Errorf("%v: hint %q", err, exit.HintOf(err))
			}
		})
	}
}

// FuzzChallenge: whatever a server asks, nobody panics, and SCRAM is content
// with nothing but a proof.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{"", "r=x,s=eA==,i=4096", "e=other-error", "v=eA==", `{"status":"401"}`, "<1896.697170952@postoffice.reston.mci.net>"} {
		f.Add([]byte(seed), []byte("v=eA=="))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for i := range mechanisms {
			m := &mechanisms[i]
			if m.client == nil {
				continue
			}
			l := &login{c: &conn{tokenizer: &tokenizer{}}, o: &Options{User: "joe"}, mechanism: m, secret: "secret"}
			client := m.client(l)
			client.Start()
			for _, challenge := range [][]byte{first, second, second} {
				if _, err := client.Next(challenge); err != nil {
					break
				}
			}
			if v, ok := client.(verifier); ok && v.verify() == nil {
				t.Errorf("%s is content", m.name)
			}
		}
	})
}
