package list

import (
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// TestAccountReport: what is told to people is safe to print, and what needs
// care is told apart.
func TestAccountReport(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	server := &imapconn.Server{
		Step: imapconn.Ready, Address: "192.0.2.1:993", Greeting: "hi \x1b[2J", Offered: []string{"AUTH=PLAIN"}, Login: "plain", Has: []string{"MULTIAPPEND", "UIDPLUS"},
		ID:  []imapconn.Field{{Name: "name", Value: "X\x07"}, {Name: "os"}},
		TLS: &imapconn.TLS{Version: "TLS 1.3", Cipher: "TLS_AES", Subject: "CN=x\x1b", Issuer: "CN=ca", Names: []string{"x.example"}, NotAfter: now.AddDate(0, 0, 9), Pin: "abc"},
	}
	r := &accountReport{Host: "x.example", User: "joe"}
	r.tell(server)
	limit := int64(50_000_000)
	r.Namespaces = &spacesReport{Personal: []spaceReport{{"INBOX.", "."}}, Shared: []spaceReport{{"Public\x1b/", "/"}, {"#news.", "."}}}
	r.AppendLimit, r.Keywords = &limit, "any"
	r.Quota = []quotaReport{{Root: "User", Resource: "STORAGE", Used: 950, Limit: 1000, Percent: 95}, {Root: "User", Resource: "MESSAGE", Used: 5, Limit: 1_000, Percent: 0}, {Root: "", Resource: "X", Used: 1, Limit: 0, Percent: 0}}
	want := `server        x.example (192.0.2.1:993), account joe
encryption    TLS 1.3, TLS_AES
certificate   CN=x\x1b
              for x.example
              issued by CN=ca
              good until 2026-01-10T00:00:00Z (in 9 days)
              --tls-pin sha256:abc
greeting      hi \x1b[2J
before login  AUTH=PLAIN
login         plain
after login   MULTIAPPEND UIDPLUS
id            name: X\x07
              os:
namespaces    personal: prefix "INBOX.", delimiter "."
              shared: prefix "Public\x1b/", delimiter "/"
              shared: prefix "#news.", delimiter "."
quota         "User": 972.8 kB of 1.0 MB, 95 %
              "User": MESSAGE 5 of 1,000, 0 %
              "": X 1 of 0, 0 %
limits        50.0 MB a message (APPENDLIMIT)
keywords      any can be kept in INBOX
fast paths    yes  MULTIAPPEND      many messages in one APPEND
              no   LITERAL+         messages are sent without waiting for consent
              yes  UIDPLUS          receipts tell the new UIDs
`
	got := r.people(now)
	if !strings.HasPrefix(strings.ReplaceAll(got, " \n", "\n"), want) || strings.Contains(got, "\x1b") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if list := r.warnings(now); len(list) != 2 || !strings.Contains(list[0], "certificate") || !strings.Contains(list[1], "95 %") {
		t.Errorf("%q", list)
	}
	if list := r.warnings(now.AddDate(0, 0, -10)); len(list) != 1 {
		t.Errorf("%q", list)
	}
	r = &accountReport{Host: "x.example", User: "joe", Exit: 69, Failed: "connect", Text: "no such host"}
	if got := r.people(now); got != "server        x.example, account joe\nencryption    none\nfailed        connect: no such host\n" {
		t.Error(got)
	}
}

func TestKeywords(t *testing.T) {
	for want, box := range map[string]*imapconn.Selected{
		"any":      {AnyKeyword: true, Flags: []string{"x"}},
		"in-use":   {Flags: []string{`\Seen`, "$Forwarded"}},
		"none":     {Flags: []string{`\Seen`}, PermanentFlags: []string{`\Seen`}},
		"not-told": {Flags: []string{`\Seen`}},
	} {
		if got := keywords(box); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
