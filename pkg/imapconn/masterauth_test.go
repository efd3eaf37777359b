package imapconn

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestMasterAuth: the challenge as it stands and the master password, by MD5;
// then the mailbox. Nothing is answered that is no challenge.
func TestMasterAuth(t *testing.T) {
	const kerio = "<5231.1234567890@kerio.example>"
	named := func(o *Options) { o.Login.Auth = []string{"x-masterauth"} }
	for _, test := range []struct {
		name      string
		caps      string
		challenge string // "": none is sent
		reply     string // to X-MASTERAUTH, then to X-SETUSER
		setUser   string
		change    func(*Options)
		code      exit.Code
		err       string
		sent      string // the commands, joined
		answer    string
		known     string // the password, if not canary
	}{
		{name: "as Kerio has it", challenge: kerio, answer: md5Hex(kerio + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "by a known sum", challenge: "abc", change: func(o *Options) { o.Login.Auth, o.Login.Password = []string{"X-MasterAuth"}, secretly("def") }, known: "def",
			answer: "e80b5017098950fc58aad83c8c14978e", sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "blanks and base64 stay", challenge: "  YWJj= ", answer: md5Hex("  YWJj= " + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "plus signs stay", challenge: "+a+", answer: md5Hex("+a+" + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "before what is named after it", caps: "AUTH=PLAIN", challenge: kerio, change: func(o *Options) { o.Login.Auth = []string{"x-masterauth", "plain"} },
			answer: md5Hex(kerio + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "LOGINDISABLED", caps: "LOGINDISABLED", challenge: kerio, answer: md5Hex(kerio + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},
		{name: "a name with quotes", challenge: kerio, change: func(o *Options) { named(o); o.User = `j"o\e` }, answer: md5Hex(kerio + canary), sent: `X-MASTERAUTH|X-SETUSER "j\"o\\e"|CAPABILITY`},
		{name: "a name in UTF-8", challenge: kerio, change: func(o *Options) { named(o); o.User = "jö" }, answer: md5Hex(kerio + canary), sent: "X-MASTERAUTH|X-SETUSER {3}\r\njö|CAPABILITY"},
		{name: "the longest challenge", challenge: strings.Repeat("x", 1000), answer: md5Hex(strings.Repeat("x", 1000) + canary), sent: `X-MASTERAUTH|X-SETUSER "joe"|CAPABILITY`},

		{name: "unknown", reply: "TAG BAD what?\r\n", code: exit.Login, err: "login of joe@127.0.0.1 by X-MASTERAUTH refused: the server said BAD what?", sent: "X-MASTERAUTH"},
		{name: "another password", challenge: kerio, answer: md5Hex(kerio + canary), reply: "TAG NO wrong " + canary + "\r\n",
			code: exit.Login, err: "refused: the server said NO wrong <redacted>", sent: "X-MASTERAUTH"},
		{name: "later", reply: "TAG NO [UNAVAILABLE] later\r\n", code: exit.Temporary, err: "later", sent: "X-MASTERAUTH"},
		{name: "no such mailbox", challenge: kerio, answer: md5Hex(kerio + canary), setUser: "TAG NO no such user\r\n",
			code: exit.Login, err: "X-SETUSER of joe@127.0.0.1 refused: the server said NO no such user", sent: `X-MASTERAUTH|X-SETUSER "joe"`},
		{name: "no mailbox for now", challenge: kerio, answer: md5Hex(kerio + canary), setUser: "TAG NO [INUSE] later\r\n",
			code: exit.Temporary, err: "X-SETUSER of joe@127.0.0.1: the server said NO [INUSE] later", sent: `X-MASTERAUTH|X-SETUSER "joe"`},

		{name: "OK without a challenge", reply: "TAG OK in\r\n", code: exit.Protocol, err: "sent no challenge", sent: "X-MASTERAUTH"},
		{name: "an empty challenge", challenge: " ", answer: closed, code: exit.Protocol, err: "sent no challenge", sent: "X-MASTERAUTH"},
		{name: "a challenge too long", challenge: strings.Repeat("x", 1001), answer: closed, code: exit.Protocol, err: "challenge has 1001 octets", sent: "X-MASTERAUTH"},
		{name: "a challenge without end", challenge: strings.Repeat("x", 2<<20), answer: closed, code: exit.Protocol, err: "a line of more than", sent: "X-MASTERAUTH"},

		{name: "for another", change: func(o *Options) { named(o); o.Login.AuthUser = "adm" }, code: exit.Usage, err: "no administrator has a place in it"},
		{name: "PROXYAUTH", change: func(o *Options) { named(o); o.Login.AuthUser, o.Login.ProxyAuth = "adm", true }, code: exit.Usage, err: "no administrator has a place in it"},
		{name: "a token", change: func(o *Options) { named(o); o.Login.Token = secretly("tok") }, code: exit.Usage, err: "takes a password"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, reply := make(chan string, 1), cmp.Or(test.reply, "TAG OK in\r\n")
			server := newScript(t, "IMAP4rev1 "+test.caps,
				rule{when: "X-MASTERAUTH", dialogue: func(_ string, ask func(string) string) string {
					if test.challenge != "" {
						answer <- ask(test.challenge)
					}
					return reply
				}},
				rule{when: "X-SETUSER", reply: cmp.Or(test.setUser, "TAG OK set\r\n")})
			o, trace := server.options(), &bytes.Buffer{}
			o.Trace, o.Login.Password = trace, secretly(canary)
			named(&o)
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
			sent := strings.TrimSuffix(strings.Join(server.sent(""), "|"), "|LIST \"\" \"\"")
			if sent != test.sent {
				t.Errorf("sent %q, want %q", sent, test.sent)
			}
			if test.answer != "" {
				if heard := <-answer; heard != test.answer {
					t.Errorf("answered %q, want %q", heard, test.answer)
				}
			}
			for _, secret := range append(forms(cmp.Or(test.known, canary)), test.answer) {
				if secret != "" && secret != closed && (strings.Contains(trace.String(), secret) || err != nil && strings.Contains(err.Error(), secret)) {
					t.Errorf("%q shows:\n%s%v", secret, trace, err)
				}
			}
		})
	}
}
