package push

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// refusing is a server that does not copy letters of some bodies.
func refusing(partial bool, code imap.ResponseCode, bad ...string) imaptest.Options {
	return imaptest.Options{PartialCopy: partial, OnCopy: func(_, _ string, m imaptest.Message) error {
		_, body, _ := strings.Cut(string(m.Octets), "\r\n\r\n")
		if slices.Contains(bad, strings.TrimSpace(body)) {
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: "not this one"}
		}
		return nil
	}}
}

// A message that the server refuses costs itself alone, even where the server
// has copied half of a batch before it says so.
func TestServerCopyOfABadMessage(t *testing.T) {
	for _, uidplus := range []bool{true, false} {
		for _, partial := range []bool{false, true} {
			t.Run(fmt.Sprintf("UIDPLUS %v, partial %v", uidplus, partial), func(t *testing.T) {
				o := refusing(partial, "", "xxx", "xxxx", strings.Repeat("x", 11))
				if !uidplus {
					o.Caps = withoutUIDPlus.Caps
				}
				server, account := filled(t, 12, o)
				_, receipts, err := copying(t, server.Addr(), within(t, 12))
				if exit.CodeOf(err) != exit.Partial || results(receipts) != "9 appended, 3 rejected refused" {
					t.Errorf("%s, %v", results(receipts), err)
				}
				got, want := bodies(account.Messages("Copies")), []string{}
				for _, b := range bodies(account.Messages("INBOX")) {
					if len(b) != 3 && len(b) != 4 && len(b) != 11 {
						want = append(want, b)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				for _, r := range receipts {
					if r.Result == receipt.Rejected && (!strings.Contains(r.Text, "not this one") || r.Octets == 0 || r.Copied) {
						t.Errorf("%+v", r)
					}
				}
			})
		}
	}
}

// A full destination is tried no more, a limit of refusals ends the run, and a
// limit of octets leaves the rest for later.
func TestServerCopyBounds(t *testing.T) {
	server, account := filled(t, 12, refusing(false, "OVERQUOTA", "xxx"))
	_, receipts, err := copying(t, server.Addr(), within(t, 12))
	if exit.CodeOf(err) != exit.CantCreate || results(receipts) != "2 appended, 10 skipped over-quota" || len(account.Messages("Copies")) != 2 {
		t.Errorf("%s, %v", results(receipts), err)
	}
	server, _ = filled(t, 12, refusing(false, "", "xxx", "xxxx", "xxxxx", "xxxxxx"))
	_, receipts, err = copying(t, server.Addr(), within(t, 12), func(o *Options) { o.Limits.Errors = 2 })
	if exit.CodeOf(err) == exit.OK || results(receipts) != "2 appended, 2 rejected refused, 8 skipped limit" {
		t.Errorf("%s, %v", results(receipts), err)
	}
	server, account = filled(t, 12, imaptest.Options{})
	for _, want := range []string{"2 appended, 10 skipped limit", "2 appended, 2 present, 8 skipped limit"} {
		_, receipts, err = copying(t, server.Addr(), within(t, 12), func(o *Options) { o.Limits = limit.Limits{Octets: 230} })
		if exit.CodeOf(err) != exit.Temporary || results(receipts) != want {
			t.Errorf("%s, %v; want %s", results(receipts), err, want)
		}
	}
	if n := len(account.Messages("Copies")); n != 4 {
		t.Errorf("%d copies", n)
	}
}

// The answer to any command is lost, or nothing of it arrives: no message is
// copied twice, and none is missing.
func TestServerCopyOnABadLine(t *testing.T) {
	for _, o := range []imaptest.Options{{}, withoutUIDPlus} {
		for _, verb := range []string{"UID COPY", "EXAMINE", "SELECT", "UID FETCH", "CREATE"} {
			for n := 1; n <= 3; n++ {
				for what, rule := range map[string]imaptest.Rule{"lost answer": imaptest.DropAnswer(verb, n), "lost": imaptest.CutCommand(verb, n)} {
					server, account := filled(t, 8, o)
					line := imaptest.NewFaultProxy(t, server.Addr(), rule)
					_, receipts, err := copying(t, line.Addr(), within(t, 8))
					if got := bodies(account.Messages("Copies")); err != nil || results(receipts) != "8 appended" || !slices.Equal(got, bodies(account.Messages("INBOX"))) {
						t.Errorf("%s %d %s: %s, %v: %v", verb, n, what, results(receipts), err, got)
					}
				}
			}
		}
	}
}

// Of messages that look alike those that are there already are told by their
// octets, which are read where they are.
func TestServerCopyOfLookAlikes(t *testing.T) {
	for have := range 1 << len(lookAlikes) {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		for _, l := range lookAlikes {
			account.AddMessage("INBOX", nil, l.arrived(), l.octets())
		}
		account.AddMailbox("Copies")
		for i, l := range lookAlikes {
			if have&(1<<i) != 0 {
				account.AddMessage("Copies", nil, l.arrived(), l.octets())
			}
		}
		plan := within(t, len(lookAlikes), func(_ *stream.Begin, ms []*stream.Message) {
			for i, l := range lookAlikes {
				ms[i].Key, ms[i].Size, ms[i].Twin = keyOf(t, l), int64(len(l.octets())), l.id == "k" && len(l.body) == 2 && l.date == 1
				ms[i].InternalDate = l.arrived().Format("2006-01-02T15:04:05-07:00")
			}
		})
		for run := range 2 {
			_, receipts, err := copying(t, server.Addr(), plan)
			got := bodies(account.Messages("Copies"))
			if slices.Sort(got); err != nil || !slices.Equal(got, sortedBodies(lookAlikes)) {
				t.Fatalf("%b, run %d: %v, %v: %s", have, run, err, got, results(receipts))
			}
			if run == 1 && results(receipts) != fmt.Sprintf("%d present", len(lookAlikes)) {
				t.Fatalf("%b: %s", have, results(receipts))
			}
		}
		server.Close()
	}
}

// Servers that name UIDs that cannot be, say that they have copied what is not
// there, or that the folder is not.
func TestServerCopyWithOddServers(t *testing.T) {
	tryCreate := func(times int) func(_, _ string, m imaptest.Message) error {
		return func(string, string, imaptest.Message) error {
			if times--; times >= 0 {
				return &imap.Error{Type: imap.StatusResponseTypeNo, Code: "TRYCREATE", Text: "where?"}
			}
			return nil
		}
	}
	honest := func(line string) string { return line }
	for name, test := range map[string]struct {
		options imaptest.Options
		lie     func(string) string
		want    string
		copies  int
		code    exit.Code
	}{
		"COPYUID without one":     {imaptest.Options{}, imaptest.Replace(`\[COPYUID (\d+) 1:6 1:6\]`, "[COPYUID $1 1:3,5:6 1:3,5:6]", 1), "6 appended", 6, exit.OK},
		"COPYUID of nonsense":     {imaptest.Options{}, imaptest.Replace(`\[COPYUID (\d+) 1:6 1:6\]`, "[COPYUID $1 1:900 1:900]", -1), "6 appended", 6, exit.OK},
		"OK, and nothing is done": {refusing(false, "", "xxx"), imaptest.Replace(`^(\S+) NO not this one`, "$1 OK done", -1), "6 failed not-copied", 0, exit.Partial},
		"the folder goes away":    {imaptest.Options{OnCopy: tryCreate(1)}, honest, "6 appended", 6, exit.OK},
		"it is never there":       {imaptest.Options{OnCopy: tryCreate(100)}, honest, "6 rejected no-folder", 0, exit.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			server, account := filled(t, 6, test.options)
			line := imaptest.NewFaultProxy(t, server.Addr())
			line.Rewrite(test.lie)
			_, receipts, err := copying(t, line.Addr(), within(t, 6))
			if n := len(account.Messages("Copies")); exit.CodeOf(err) != test.code || results(receipts) != test.want || n != test.copies {
				t.Errorf("%s, %v, %d copies", results(receipts), err, n)
			}
		})
	}
}
