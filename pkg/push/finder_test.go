package push

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// atReceipt is where receipts go; it runs a function once, when the receipt of
// a message is written for the nth time.
type atReceipt struct {
	n int
	f func()
}

func (a *atReceipt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"uid":`)) {
		if a.n--; a.n == 0 {
			a.f()
		}
	}
	return len(p), nil
}

// pushTo pushes a plan and writes its receipts to out.
func pushTo(t testing.TB, addr string, plan []byte, out *atReceipt, opt Options) (*Outcome, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: 20 * time.Second}, Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	opt.Progress = progress.None{}
	if opt.Warn == nil {
		opt.Warn = t.Logf
	}
	return Run(t.Context(), conn, opt, stream.NewReader(bytes.NewReader(plan), opt.Edited), out)
}

// Other clients put messages into the folder while the plan is carried out:
// those of the plan are present, as many of them as there are, and others are
// not.
func TestOthersAppendMeanwhile(t *testing.T) {
	code := regexp.MustCompile(`\[APPENDUID [^]]*\] `)
	alike := letter{"k", "aa", 1}
	letters := append(numbered(40), alike, alike, alike, letter{"k", "ab", 1})
	for name, hide := range map[string]func(string) string{
		"UIDPLUS":           nil,
		"without APPENDUID": func(line string) string { return code.ReplaceAllString(line, "") },
		"without EXISTS after APPEND": func() func(string) string {
			selecting := false
			return func(line string) string {
				if regexp.MustCompile(`^\* FLAGS|^\* OK \[UIDVALIDITY`).MatchString(line) {
					selecting = true
				}
				if regexp.MustCompile(`^\S+ OK`).MatchString(line) {
					selecting = false
				}
				if !selecting && regexp.MustCompile(`^\* \d+ EXISTS`).MatchString(line) {
					return ""
				}
				return line
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{})
			account := server.Account("joe")
			account.AddMailbox("INBOX")
			proxy := imaptest.NewFaultProxy(t, server.Addr())
			if hide != nil {
				proxy.Rewrite(hide)
			}
			plan := planFor(t, letters, 0, 0)
			meanwhile := []letter{letters[30], alike, {"other", "mail", 1}, {"k", "ac", 1}}
			out := &atReceipt{1, func() {
				for _, l := range meanwhile {
					account.AddMessage("INBOX", nil, l.arrived(), l.octets())
				}
			}}
			outcome, err := pushTo(t, proxy.Addr(), plan, out, Options{sleep: quick})
			if err != nil || outcome.Present != 2 || outcome.Appended != int64(len(letters)-2) {
				t.Errorf("%s, %v", outcome, err)
			}
			got, err := imaptest.DumpOctets(server.Addr(), "joe", "secret")
			if err != nil {
				t.Fatal(err)
			}
			have := bodies(got)
			slices.Sort(have)
			if want := sortedBodies(append(slices.Clone(letters), meanwhile[2:]...)); !slices.Equal(have, want) {
				t.Errorf("%d messages are there, want %d", len(have), len(want))
			}
		})
	}
}

// What others have put into the folder cannot be read: no message of the plan is
// left without a receipt.
func TestArrivalThatCannotBeRead(t *testing.T) {
	store := &imaptest.ScriptStore{}
	store.Folder("INBOX").UIDValidity = 1001
	server := &imaptest.Script{Caps: imaptest.DefaultScriptCaps, Store: store}
	server.Rules = []*imaptest.ScriptRule{{When: imaptest.Matching(`.*FETCH.*BODY.PEEK\[\]`), Play: func(r *imaptest.Reply) {
		r.Say("TAG NO cannot read it\r\n")
	}}}
	letters := numbered(40)
	there := letters[30]
	out := &atReceipt{1, func() {
		date := there.arrived().Format(imaptest.InternalDateLayout)
		store.Add("INBOX", &imaptest.ScriptMessage{Date: date, Octets: string(there.octets())})
	}}
	outcome, err := pushTo(t, server.Start(t).Addr(), planFor(t, letters, 1001, 1), out, Options{sleep: quick})
	if exit.CodeOf(err) != exit.Partial || outcome.Listed != 40 || outcome.Rejected+outcome.Failed == 0 {
		t.Errorf("%s, %v", outcome, err)
	}
}
