package imaptest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// serverKinds are the shapes that tests elsewhere rely on.
var serverKinds = map[string]Options{
	"plain":        {},
	"literal plus": {LiteralPlus: true},
	"prefix":       {Delimiter: ".", Prefix: "INBOX.", LiteralPlus: true},
	"flat":         {NoLevels: true},
	"bare":         {Caps: []string{}},
}

func TestServerKeepsOctets(t *testing.T) {
	for name, options := range serverKinds {
		t.Run(name, func(t *testing.T) {
			s := StartServer(t, options)
			spec := Spread(Generate(1, 100))
			if options.NoLevels {
				spec = Spec{Folders: []Folder{{Path: "INBOX"}}}
			}
			spec.Folders = append(spec.Folders, UglyFolder("Ugly"))
			refused, err := Populate(s.Addr(), "joe", "secret", spec)
			if err != nil || refused != nil {
				t.Fatalf("%v, refused %v", err, refused)
			}
			got, err := Dump(s.Addr(), "joe", "secret")
			if err != nil {
				t.Fatal(err)
			}
			if diff := Diff(spec.Entries(), got, DiffOptions{Order: true}); diff != "" {
				t.Error(diff)
			}
			if diff := Diff(got, s.Account("joe").Entries(), DiffOptions{Order: true}); diff != "" {
				t.Error("Entries is not Dump:\n" + diff)
			}
			if n := s.Account("joe").Appends(); n != spec.Count() {
				t.Errorf("%d APPENDs counted, want %d", n, spec.Count())
			}
		})
	}
}

func TestFillIsPopulate(t *testing.T) {
	s := StartServer(t, Options{Delimiter: ".", Prefix: "INBOX."})
	s.Account("joe").Fill(Sample())
	if _, err := Populate(s.Addr(), "ann", "secret", Sample()); err != nil {
		t.Fatal(err)
	}
	if diff := Diff(s.Account("joe").Entries(), s.Account("ann").Entries(), DiffOptions{Order: true}); diff != "" {
		t.Error(diff)
	}
	joe, ann := fmt.Sprint(s.Account("joe").Mailboxes()), fmt.Sprint(s.Account("ann").Mailboxes())
	if joe != ann {
		t.Errorf("mailboxes differ:\n%s\n%s", joe, ann)
	}
}

// connect logs in or ends the test.
func connect(t *testing.T, addr string) *wire {
	t.Helper()
	c, err := login(addr, "joe", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// ask returns the untagged lines of an answer, as text, and the refusal.
func (c *wire) ask(t *testing.T, command string) string {
	t.Helper()
	lines, err := c.command(command)
	var refused *refusal
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%s: %v", command, err)
	}
	var out []string
	for _, line := range lines {
		text := line.name + " " + line.text
		if line.number > 0 {
			text = fmt.Sprintf("%d %s", line.number, text)
		}
		if line.values != nil {
			text += show(line.values)
		}
		out = append(out, strings.TrimSpace(text))
	}
	if refused != nil {
		out = append(out, refused.text)
	}
	return strings.Join(out, "\n")
}

func show(value any) string {
	switch value := value.(type) {
	case nilAtom:
		return string(value)
	case []any:
		var parts []string
		for _, item := range value {
			parts = append(parts, show(item))
		}
		return "(" + strings.Join(parts, " ") + ")"
	}
	return text(value)
}

func TestServerAnswers(t *testing.T) {
	s := StartServer(t, Options{})
	joe := s.Account("joe")
	date := time.Date(2020, 1, 2, 23, 30, 0, 0, time.FixedZone("", -5*3600))
	joe.AddMailbox("Sent", `\Sent`)
	joe.AddMailbox("a/b/c")
	joe.Subscribe("a/b/c")
	joe.Subscribe("gone")
	joe.AddMessage("INBOX", []string{`\Seen`, "NonJunk"}, date, []byte("Subject: one\r\nX-A : 1\r\n more\r\nDate: Wed, 01 Jan 2020 10:00:00 +0000\r\n\r\nbody one\r\n"))
	joe.AddMessage("INBOX", nil, date.AddDate(1, 0, 0), []byte("no header\n\nbody two"))
	joe.SetUIDNext("INBOX", 10)
	joe.AddMessage("INBOX", []string{"x"}, date.AddDate(2, 0, 0), nil)
	joe.SetUIDValidity("INBOX", 77)
	c := connect(t, s.Addr())
	for _, step := range []struct{ command, want string }{
		{"NAMESPACE", "NAMESPACE ((( /)) NIL NIL)"},
		{`LIST "" ""`, `LIST ((\Noselect) / )`},
		{`LIST "" "a/%"`, `LIST ((\Noselect \HasChildren) / a/b)`},
		{`LIST "" inbox`, `LIST ((\HasNoChildren) / INBOX)`},
		{`LSUB "" "*"`, "LSUB ((\\HasNoChildren \\Subscribed) / a/b/c)\nLSUB ((\\NonExistent \\Subscribed) / gone)"},
		{`LIST (SUBSCRIBED) "" "a*"`, `LIST ((\HasNoChildren \Subscribed) / a/b/c)`},
		{`LIST "" "S*" RETURN (SUBSCRIBED SPECIAL-USE)`, `LIST ((\Sent \HasNoChildren) / Sent)`},
		{`STATUS inbox (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE)`, "STATUS INBOX (MESSAGES 3 UIDNEXT 11 UIDVALIDITY 77 UNSEEN 2 SIZE 100)"},
		{"EXAMINE a/b", "NO [NONEXISTENT] No such mailbox"},
		{"CREATE Sent", "NO [ALREADYEXISTS] Mailbox already exists"},
		{"CREATE a/b", ""}, // was \Noselect
		{"CREATE x/y/", ""},
		{`LIST "" "x*"`, "LIST ((\\Noselect \\HasChildren) / x)\nLIST ((\\HasNoChildren) / x/y)"},
		{"EXAMINE INBOX", "3 EXISTS\nRECENT\nOK [UIDVALIDITY 77] UIDs valid\nOK [UIDNEXT 11] Predicted next UID\nFLAGS (NonJunk \\Answered \\Deleted \\Draft \\Flagged \\Seen x)\nOK [PERMANENTFLAGS ()] Permanent flags"},
		{"UID STORE 1 +FLAGS (\\Deleted)", "NO Mailbox is read-only"},
		{"UID FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)", `1 FETCH ((UID 1 FLAGS (\Seen NonJunk) INTERNALDATE  2-Jan-2020 23:30:00 -0500 RFC822.SIZE 81))`},
		{"UID FETCH 1 BODY.PEEK[HEADER]", "1 FETCH ((UID 1 BODY[HEADER] Subject: one\r\nX-A : 1\r\n more\r\nDate: Wed, 01 Jan 2020 10:00:00 +0000\r\n\r\n))"},
		{"UID FETCH 1 BODY.PEEK[TEXT]", "1 FETCH ((UID 1 BODY[TEXT] body one\r\n))"},
		{"UID FETCH 1 BODY.PEEK[]<76.100>", "1 FETCH ((UID 1 BODY[]<76> one\r\n))"},
		{"UID FETCH 1 BODY.PEEK[]<900.1>", "1 FETCH ((UID 1 BODY[]<900> ))"},
		{"UID FETCH 2 BODY.PEEK[TEXT]", "2 FETCH ((UID 2 BODY[TEXT] body two))"},
		{"UID FETCH 10 BODY[]", "3 FETCH ((UID 10 BODY[] ))"}, // read-only: no \Seen
		{"UID FETCH 3:9 FLAGS", ""},
		{"UID FETCH 11:* UID", "3 FETCH ((UID 10))"},
		{"UID SEARCH SEEN", "SEARCH 1"},
		{"UID SEARCH KEYWORD nonjunk", "SEARCH 1"},
		{"UID SEARCH UID 2:*", "SEARCH 2 10"},
		{"UID SEARCH SINCE 2-Jan-2021 BEFORE 3-Jan-2021", "SEARCH 2"},
		{"UID SEARCH SENTON 1-Jan-2020", "SEARCH 1"},
		{"UID SEARCH HEADER x-a more", "SEARCH 1"},
		{"UID SEARCH OR BODY TWO SMALLER 1", "SEARCH 2 10"},
		{"UID SEARCH NOT SEEN LARGER 5", "SEARCH 2"},
		{"UID SEARCH RETURN (COUNT MIN) ALL", `ESEARCH (TAG "t35") UID MIN 1 COUNT 3`},
		{"SELECT INBOX", "OK [CLOSED] Previous mailbox is now closed\n3 EXISTS\nRECENT\nOK [UIDVALIDITY 77] UIDs valid\nOK [UIDNEXT 11] Predicted next UID\nFLAGS (NonJunk \\Answered \\Deleted \\Draft \\Flagged \\Seen x)\nOK [PERMANENTFLAGS (NonJunk \\Answered \\Deleted \\Draft \\Flagged \\Seen x \\*)] Permanent flags"},
		{"UID FETCH 10 BODY.PEEK[]", "3 FETCH ((UID 10 BODY[] ))"},
		{"UID FETCH 2 BODY[TEXT]", "2 FETCH ((UID 2 FLAGS (\\Seen) BODY[TEXT] body two))"},
		{"UID STORE 2 -FLAGS (\\Seen)", "2 FETCH ((UID 2 FLAGS ()))"},
		{"UID STORE 2 +FLAGS.SILENT (\\Deleted)", ""},
		{"UID EXPUNGE 1", ""},
		{"UID EXPUNGE 2", "2 EXPUNGE"},
		{"UID COPY 1 Sent", ""},
		{"UID COPY 1 nowhere", "NO [TRYCREATE] No such mailbox"},
	} {
		if got := c.ask(t, step.command); got != step.want {
			t.Errorf("%s:\n got %q\nwant %q", step.command, got, step.want)
		}
	}
	joe.Expunge("INBOX", 1)
	joe.AddMessage("INBOX", nil, date, []byte("new"))
	if got := c.ask(t, "NOOP"); got != "1 EXPUNGE\n2 EXISTS" {
		t.Errorf("NOOP: %q", got)
	}
	if n := len(joe.Messages("Sent")); n != 1 {
		t.Errorf("%d messages were copied", n)
	}
}

func TestHeaderFieldsAreVerbatim(t *testing.T) {
	s := StartServer(t, Options{})
	s.Account("joe").AddMessage("INBOX", nil, time.Time{}, []byte("message-id : <a>\nnonsense\nX: 1\n\ty\nMESSAGE-ID: <b>\r\n\nX: body\n"))
	c := connect(t, s.Addr())
	c.ask(t, "EXAMINE INBOX")
	lines, err := c.command("UID FETCH 1 BODY.PEEK[HEADER.FIELDS (Message-ID Date)]")
	if err != nil {
		t.Fatal(err)
	}
	items := lines[0].values[0].([]any)
	if got := text(items[len(items)-1]); got != "message-id : <a>\nMESSAGE-ID: <b>\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

func TestServerRefusals(t *testing.T) {
	s := StartServer(t, Options{
		Users: map[string]string{"joe": "right"}, AppendLimit: 1000, PermanentFlags: []string{`\Seen`},
		OnAppend: func(user, mailbox string, m Message) error {
			if strings.Contains(string(m.Octets), "poison") {
				return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota, Text: user + " is full at " + mailbox}
			}
			return nil
		},
	})
	for _, password := range []string{"wrong", ""} {
		if _, err := Dump(s.Addr(), "joe", password); err == nil || !strings.Contains(err.Error(), "AUTHENTICATIONFAILED") {
			t.Errorf("password %q: %v", password, err)
		}
	}
	refused, err := Populate(s.Addr(), "joe", "right", Spec{Folders: []Folder{{Path: "INBOX", Messages: []Message{
		{Octets: []byte("Subject: a\r\n\r\n"), Flags: []string{`\Seen`, `\Flagged`, "kw"}, InternalDate: time.Unix(1e9, 0)},
		{Octets: []byte("Subject: poison\r\n\r\n")},
		{Octets: make([]byte, 1001)},
		{Octets: []byte("Subject: b\r\n\r\n"), InternalDate: time.Unix(2e9, 0)},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := "[{INBOX 1 NO [OVERQUOTA] joe is full at INBOX} {INBOX 2 NO [TOOBIG] Literals are limited to 1000 bytes for this command}]"
	if got := fmt.Sprint(refused); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	kept := s.Account("joe").Messages("INBOX")
	if len(kept) != 2 || fmt.Sprint(kept[0].Flags) != `[\Seen]` {
		t.Errorf("%+v", kept)
	}
}

func TestTLSServer(t *testing.T) {
	certificate, err := NewCertificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	s := StartTLSServer(t, Options{LoginDisabled: true}, certificate.TLS)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate.PEM)
	for host, ok := range map[string]bool{"localhost": true, "elsewhere": false} {
		conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: pool, ServerName: host})
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if err == nil {
			greeting := make([]byte, 4)
			conn.Read(greeting)
			if string(greeting) != "* OK" {
				t.Errorf("greeting begins with %q", greeting)
			}
			conn.Close()
		}
	}
}

func TestLoginDisabled(t *testing.T) {
	s := StartServer(t, Options{LoginDisabled: true})
	if _, err := Dump(s.Addr(), "joe", "secret"); err == nil || !strings.Contains(err.Error(), "PRIVACYREQUIRED") {
		t.Error(err)
	}
}
