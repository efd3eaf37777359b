package imapconn

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// spelling is what a server may make of a secret that it repeats. It is about the
// secret from a place on, and the last characters are about what follows.
type spelling struct {
	text     string
	from, to int
}

func spellings(secret string) (list []spelling) {
	var percent, printable, numbers, upper strings.Builder
	for _, c := range []byte(secret) {
		fmt.Fprintf(&percent, "%%%02x", c)
		fmt.Fprintf(&printable, "=%02X", c)
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper.WriteByte(c)
	}
	for _, c := range secret {
		fmt.Fprintf(&numbers, "&#%d;", c)
	}
	quoted, _ := json.Marshal(secret)
	for _, text := range []string{
		secret, upper.String(), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret), strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%+q", secret), `"`),
		url.QueryEscape(secret), url.PathEscape(secret), percent.String(), printable.String(), html.EscapeString(secret), numbers.String(),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	} {
		list = append(list, spelling{text, 0, len(text)})
	}
	for _, before := range []string{"", "x", "xy", "\x00joe\x00", "user=joe\x01auth=Bearer "} {
		from, to := (len(before)*8+5)/6, (len(before)+len(secret))*8/6
		list = append(list, spelling{b64(before + secret), from, to}, spelling{base64.RawURLEncoding.EncodeToString([]byte(before + secret + "\x01\x01")), from, to})
	}
	return list
}

// leak returns what shows of a secret in a text, "" for nothing.
func leak(text, secret string) string {
	const known = 8 // characters in a row
	for _, s := range spellings(secret) {
		secret := s.text[s.from:s.to]
		for at := range max(len(secret)-known, 0) + 1 {
			if part := secret[at:min(at+known, len(secret))]; strings.Contains(text, part) {
				return part
			}
		}
	}
	return ""
}

func TestLeak(t *testing.T) {
	for _, s := range spellings(canary) {
		if leak("no "+s.text+" here", canary) == "" {
			t.Errorf("%q is no leak", s.text)
		}
	}
	if part := leak(`AAA canary canard NO login of joe`, canary); part != "" {
		t.Errorf("%q is a leak", part)
	}
}

// TestHide: a secret in any spelling, whole or cut, is taken out of a text, and
// other words stay.
func TestHide(t *testing.T) {
	for _, secret := range []string{canary, "four", "plain password", strings.Repeat("ä€", 20), "tok-4711-abcdefghijklmnopqrstuvwxyz.0123456789_~+/=="} {
		s := &secrets{}
		s.add(secret)
		for _, spelling := range spellings(secret) {
			text := "the words before, " + spelling.text + ", and after"
			got := s.hide(text)
			if part := leak(got, secret); part != "" || !strings.HasPrefix(got, "the words before, ") || !strings.HasSuffix(got, ", and after") {
				t.Errorf("%q: %q shows %q", text, got, part)
			}
			if len(secret) > 20 {
				if part := leak(s.hide(spelling.text[:len(spelling.text)/2]), secret); part != "" {
					t.Errorf("half of %q shows %q", spelling.text, part)
				}
			}
		}
		for _, text := range []string{"", "NO [AUTHENTICATIONFAILED] Invalid credentials for joe@127.0.0.1: 5% = 1 & `\\` \\", "\xff\\", "%"} {
			if got := s.hide(text); got != text {
				t.Errorf("%q becomes %q", text, got)
			}
		}
	}
}

// FuzzHide: what is taken out is taken out, and nothing but that.
func FuzzHide(f *testing.F) {
	f.Add("canary-77", "no %63anary-77 \\c here &#99;anary-77")
	f.Fuzz(func(t *testing.T, secret, text string) {
		s := &secrets{}
		s.add(secret)
		got := s.hide(text)
		if len(secret) >= tinyForm && !strings.Contains(redactedText, secret) && strings.Contains(s.hide("a "+secret+" b"), secret) {
			t.Errorf("%q shows", secret)
		}
		if !strings.Contains(got, redactedText) && got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

// TestEcho: a server that repeats what it was told, in every place and spelling,
// has nothing printed, traced or told of it.
func TestEcho(t *testing.T) {
	const token = "ya29.tok-4711_canary~of+the/Token=="
	for _, m := range []struct {
		name, secret string
		change       func(*Options)
	}{
		{"LOGIN", canary, func(o *Options) { o.Login.Auth = []string{"login"} }},
		{"LOGIN, quoted", `can"ary\7-quoted`, func(o *Options) { o.Login.Auth = []string{"login"} }},
		{"LOGIN, short", "sesa", func(o *Options) { o.Login.Auth = []string{"login"} }},
		{"LOGIN, tiny", "q7Z", func(o *Options) { o.Login.Auth = []string{"login"} }},
		{"PLAIN", canary, func(o *Options) { o.Login.Auth = []string{"plain"} }},
		{"PLAIN without SASL-IR", canary, func(o *Options) { o.Login.Auth, o.DisableCaps = []string{"plain"}, []string{"SASL-IR"} }},
		{"XOAUTH2", token, func(o *Options) { o.Login.Auth = []string{"xoauth2"} }},
		{"OAUTHBEARER", token, func(o *Options) { o.Login.Auth, o.DisableCaps = []string{"oauthbearer"}, []string{"SASL-IR"} }},
		{"CRAM-MD5", canary, func(o *Options) { o.Login.Auth = []string{"cram-md5"} }},
		{"X-MASTERAUTH", canary, func(o *Options) { o.Login.Auth = []string{"x-masterauth"} }},
	} {
		for _, end := range []string{"TAG NO ECHO", "TAG BAD [ECHO] ECHO", "* BYE ECHO", "ECHO", "TAG NO [ALERT] try again later ECHO", "TAG OK ECHO"} {
			if len(m.secret) < tinyForm && end == "TAG OK ECHO" {
				continue // it is not hidden after the login
			}
			t.Run(m.name+", "+end, func(t *testing.T) {
				t.Parallel()
				echo := ""
				for _, s := range spellings(m.secret) {
					echo += " " + s.text
				}
				told := "" // by the client, as it came
				say := func(lines ...string) string {
					return strings.NewReplacer("ECHO", told+echo).Replace(strings.Join(lines, "\r\n")) + "\r\n"
				}
				every := []string{"* OK [ALERT] ECHO", "* NO ECHO", "* BAD ECHO", "* ECHO", "* 5 ECHO", "+ ECHO", "ECHO OK what", "A999 NO ECHO"}
				login := func(command string, ask func(string) string) string {
					told = strings.Trim(command, "\r\n")
					if !strings.HasPrefix(command, "LOGIN") && strings.Count(command, " ") < 2 {
						answer := ask(map[bool]string{true: b64("<1@x>"), false: ""}[strings.Contains(command, "MD5")])
						if plain, err := base64.StdEncoding.DecodeString(answer); err == nil {
							answer += " " + string(plain)
						}
						told += " " + strings.Trim(strings.NewReplacer("\x00", " ", "\x01", " ").Replace(answer), "\r\n")
					}
					if m.name == "XOAUTH2" && strings.HasPrefix(end, "TAG NO") {
						ask(b64(`{"status":"401","token":"` + m.secret + `"}`))
					}
					lines := every
					if strings.HasPrefix(command, "AUTHENTICATE") {
						lines = slices.DeleteFunc(slices.Clone(every), func(line string) bool { return line[0] == '+' })
					}
					return say(append(lines, end)...)
				}
				rules := []rule{
					{when: "LOGIN", dialogue: login, close: strings.HasPrefix(end, "* BYE") || end == "ECHO"},
					{when: "AUTHENTICATE", dialogue: login, close: strings.HasPrefix(end, "* BYE") || end == "ECHO"},
					{when: "X-MASTERAUTH", dialogue: func(command string, ask func(string) string) string {
						told = ask("<1@x>")
						return say(append(every, end)...)
					}, close: strings.HasPrefix(end, "* BYE") || end == "ECHO"},
					{when: "ID", dialogue: func(string, func(string) string) string {
						quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.secret)
						return say(append(every, `* ID ("name" "`+quoted+`" "`+quoted+`" "x")`, "TAG OK ECHO")...)
					}},
					{when: "NOOP", dialogue: func(string, func(string) string) string { return say(append(every, "TAG NO ECHO")...) }},
				}
				server := newScript(t, "IMAP4rev1 SASL-IR ID AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=CRAM-MD5", rules...)
				o := server.options()
				o.Login.Password = secretly(m.secret)
				if strings.Contains(m.name, "OAUTH") {
					o.Login.Password, o.Login.Token = nil, o.Login.Password
				}
				o.Retry.Max = NoRetries
				m.change(&o)
				trace := &bytes.Buffer{}
				warned := ""
				o.Trace, o.Warn = trace, func(text string) { warned += text + "\n" }

				s, about, err := Probe(context.Background(), o)
				all := fmt.Sprintf("%v\n%s\n%+v\n", err, exit.HintOf(err), about)
				if (err == nil) != (end == "TAG OK ECHO") {
					t.Fatal(err)
				}
				if err == nil {
					all += fmt.Sprintln(s.Noop(context.Background()), s.Capabilities())
					server.set(func(sc *script) { sc.greeting = say("* OK ECHO") }) // it remembers
					s.delays = make([]time.Duration, 1)
					s.c.close(errUnreachable)
					err := s.do(context.Background(), func(*conn) error { return nil })
					all += fmt.Sprint(err)
					s.Close()
				}
				if told == "" {
					t.Fatal("nothing was told")
				}
				for where, text := range map[string]string{"told": all, "warned": warned, "trace": trace.String()} {
					if part := leak(text, m.secret); part != "" {
						t.Errorf("%s shows %q:\n%s", where, part, text)
					}
				}
			})
		}
	}
}

// TestPasswordIsACode: a password that is called as a response code takes nothing
// from what the server means.
func TestPasswordIsACode(t *testing.T) {
	for _, password := range []string{"UIDVALIDITY", "alert", "permanentflags and more"} {
		server := newScript(t, allCaps)
		o := server.options()
		o.Login.Password = secretly(password)
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		x, err := s.Examine(t.Context(), "INBOX")
		if err != nil || x.UIDValidity != 9 {
			t.Errorf("%s: %+v, %v", password, x, err)
		}
		s.Close()
	}
}
