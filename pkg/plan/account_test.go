package plan

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// post are messages that differ in their keys.
func post(n int) (octets [][]byte) {
	for i := range n {
		octets = append(octets,
			fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\ntext %d\r\n", i, i))
	}
	return octets
}

var postDate = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)

// exportPost writes the stream of an account that has them in INBOX.
func exportPost(t testing.TB, octets [][]byte) []byte {
	t.Helper()
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	must(t, err)
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	must(t, w.Write(&stream.Begin{Content: stream.Full, User: "joe", Host: "old", Key: headerkey.Default, Delimiter: "/"}))
	must(t, w.Write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 1, UIDNext: uint64(len(octets) + 1),
		Messages: uint32(len(octets)), Octets: -1}))
	for i, m := range octets {
		scan := headerkey.NewScanner(recipe)
		scan.Write(m)
		r := &stream.Message{Folder: "INBOX", UIDValidity: 1, UID: uint64(i + 1), Key: scan.Sum().Key,
			InternalDate: postDate.Format(time.RFC3339)}
		r.SetBody(m)
		must(t, w.Write(r))
	}
	must(t, w.End(&stream.End{Listed: int64(len(octets))}))
	must(t, w.Close())
	return out.Bytes()
}

// accountAt is the account joe at an address.
func accountAt(t testing.TB, addr string) *diff.Account {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	must(t, err)
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: 20 * time.Second},
		Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, err = strconv.Atoi(port)
	must(t, err)
	a := diff.NewAccount(t.Context(), conn)
	t.Cleanup(a.Close)
	return a
}

// TestFoldsCase: a busy server has not said that a folder in other letters is
// not there.
func TestFoldsCase(t *testing.T) {
	for reply, want := range map[string]folder.CaseSense{"": folder.CaseFolded, "NO no such mailbox": folder.CaseKept,
		"NO [INUSE] in use": folder.CaseUnknown} {
		server := imaptest.StartServer(t, imaptest.Options{FoldCase: true})
		server.Account("joe").AddMailbox("Other")
		line := imaptest.NewFaultProxy(t, server.Addr())
		a := accountAt(t, line.Addr())
		a.Conn.Retry.Max = imapconn.NoRetries
		must(t, a.Open(headerkey.Recipe{}))
		if reply != "" {
			line.Rewrite(func(line string) string {
				if tag, _, _ := strings.Cut(line, " "); tag != "*" {
					return tag + " " + reply
				}
				return ""
			})
		}
		if got, err := a.FoldsCase(); err != nil || got != want {
			t.Errorf("%q: %v, %v", reply, got, err)
		}
		line.Rewrite(nil)
	}
}

// Servers that contradict themselves are not believed; honest ones are, also
// when messages come and go meanwhile.
func TestServersThatContradictThemselves(t *testing.T) {
	const there = 6 // and one more at the source
	const exists, status = `^\* \d+ EXISTS`, `MESSAGES \d+`
	noNext := imaptest.Replace(` UIDNEXT \d+`, "", -1)
	cases := []struct {
		name    string
		lie     func(a *imaptest.Account) func(string) string
		missing int
		failed  int
	}{
		{"honest", nil, 1, 0},
		{"0 EXISTS", func(*imaptest.Account) func(string) string { return imaptest.Replace(exists, "* 0 EXISTS", -1) }, 1, 0},
		{"0 EXISTS once", func(*imaptest.Account) func(string) string { return imaptest.Replace(exists, "* 0 EXISTS", 1) },
			1, 0},
		{"some are hidden", func(*imaptest.Account) func(string) string {
			return imaptest.Replace(exists, "* 5 EXISTS",
				-1)
		}, 1, 0},
		{"some are never given", func(*imaptest.Account) func(string) string {
			more, lie := imaptest.Replace(exists, "* 8 EXISTS", -1), imaptest.Replace(status, "MESSAGES 8", -1)
			return func(line string) string { return more(lie(line)) }
		}, 0, there + 1},
		{"STATUS says 0", func(*imaptest.Account) func(string) string { return imaptest.Replace(status, "MESSAGES 0", -1) },
			1, 0},
		{"STATUS says too few", func(*imaptest.Account) func(string) string {
			return imaptest.Replace(status, "MESSAGES 2",
				-1)
		}, 1, 0},
		{"STATUS without UIDNEXT", func(*imaptest.Account) func(string) string { return noNext }, 1, 0},
		{"STATUS with UIDNEXT 1", func(*imaptest.Account) func(string) string {
			return imaptest.Replace(`UIDNEXT \d+ `,
				"UIDNEXT 1 ", -1)
		}, 1, 0},
		{"nobody tells UIDNEXT", func(*imaptest.Account) func(string) string {
			untagged := imaptest.Replace(`^\* OK \[UIDNEXT.*`, "", -1)
			return func(line string) string { return untagged(noNext(line)) }
		}, 1, 0},
		{"nobody tells UIDNEXT, and 0 EXISTS", func(*imaptest.Account) func(string) string {
			untagged, none := imaptest.Replace(`^\* OK \[UIDNEXT.*`, "", -1), imaptest.Replace(exists, "* 0 EXISTS", -1)
			return func(line string) string { return none(untagged(noNext(line))) }
		}, 1, 0},
		{"0 EXISTS, MESSAGES 0", func(*imaptest.Account) func(string) string {
			none, lie := imaptest.Replace(exists, "* 0 EXISTS", -1), imaptest.Replace(status, "MESSAGES 0", -1)
			return func(line string) string { return none(lie(line)) }
		}, 1, 0},
		{"0 EXISTS, MESSAGES 0 UIDNEXT 1", func(*imaptest.Account) func(string) string {
			none, lie, next := imaptest.Replace(exists, "* 0 EXISTS", -1), imaptest.Replace(status, "MESSAGES 0", -1),
				imaptest.Replace(`UIDNEXT \d+`, "UIDNEXT 1", -1)
			return func(line string) string { return next(none(lie(line))) }
		}, 1, 0},
		{"expunged after STATUS", func(a *imaptest.Account) func(string) string {
			return func(line string) string {
				if strings.HasPrefix(line, "* STATUS") {
					a.Expunge("INBOX", 2)
				}
				return line
			}
		}, 2, 0},
		{"expunged and arrived after EXAMINE", func(a *imaptest.Account) func(string) string {
			return func(line string) string {
				if strings.HasPrefix(line, "* 6 EXISTS") {
					a.Expunge("INBOX", 2)
					a.AddMessage("INBOX", nil, postDate, []byte("Subject: another\r\n\r\n"))
				}
				return line
			}
		}, 2, 0},
		{"EXAMINE is refused", func(*imaptest.Account) func(string) string {
			return imaptest.Replace(`^(\S+) OK (.*\[READ-ONLY\].*)`, "$1 NO $2", -1)
		}, 0, there + 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{})
			account := server.Account("joe")
			mails := post(there + 1)
			for _, m := range mails[:there] {
				account.AddMessage("INBOX", nil, postDate, m)
			}
			line := imaptest.NewFaultProxy(t, server.Addr())
			if c.lie != nil {
				line.Rewrite(c.lie(account))
			}
			for _, pipe := range []bool{false, true} {
				if pipe && strings.Contains(c.name, "once") {
					continue // it was said
				}
				_, end, err := writePlan(t, exportPost(t, mails), accountAt(t, line.Addr()), pipe)
				code := exit.OK
				if c.failed > 0 {
					code = exit.Partial
				}
				if exit.CodeOf(err) != code || end.Missing != int64(c.missing) || end.Failed != int64(c.failed) {
					t.Errorf("pipe %v: %+v, %v", pipe, end, err)
				}
			}
		})
	}
}

// A plan for an empty folder says where its knowledge ends, whether the server
// tells UIDNEXT or not.
func TestEmptyFolderWithoutUIDNEXT(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	line := imaptest.NewFaultProxy(t, server.Addr())
	line.Rewrite(func(text string) string {
		if strings.HasPrefix(text, "* OK [UIDNEXT") {
			return ""
		}
		return imaptest.Replace(` UIDNEXT \d+`, "", -1)(text)
	})
	plan, end, err := writePlan(t, exportPost(t, post(3)), accountAt(t, line.Addr()), false)
	if err != nil || end.Missing != 3 {
		t.Fatalf("%+v, %v", end, err)
	}
	if !bytes.Contains(plan, []byte(`"target_uidnext":1`)) {
		t.Errorf("the plan does not say what it knows: %.600s", plan)
	}
}
