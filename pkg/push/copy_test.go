package push

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// within is a plan of headers within joe's account: so many letters of INBOX go
// to Copies, which was not there.
func within(t testing.TB, n int, change ...func(*stream.Begin, []*stream.Message)) []byte {
	t.Helper()
	begin := forJoe
	begin.Host = "127.0.0.1"
	var messages []*stream.Message
	for i, l := range numbered(n) {
		messages = append(messages, &stream.Message{Folder: "INBOX", UIDValidity: 1001, UID: uint64(i + 1), Target: "Copies", Key: keyOf(t, l), InternalDate: l.arrived().Format("2006-01-02T15:04:05-07:00"), Size: int64(len(l.octets()))})
	}
	for _, f := range change {
		f(&begin, messages)
	}
	records := []stream.Record{&stream.Folder{Name: messages[0].Folder, Delimiter: "/", UIDValidity: 1001, UIDNext: 99, Octets: -1, Messages: uint32(n), Target: "Copies"}, &stream.Create{Target: "Copies", Folder: messages[0].Folder}}
	for _, m := range messages {
		records = append(records, m)
	}
	return deletionPlan(t, begin, records...)
}

// results counts the receipts of messages.
func results(receipts []receipt.Receipt) string {
	count := map[string]int{}
	var words []string
	for _, r := range receipts {
		if r.UID == 0 {
			continue
		}
		word := string(r.Result)
		if r.Reason != "" {
			word += " " + r.Reason
		}
		if count[word]++; count[word] == 1 {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	for i, word := range words {
		words[i] = fmt.Sprint(count[word], " ", word)
	}
	return strings.Join(words, ", ")
}

// transcript is all that a server and its clients say.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

// copying pushes a plan with --server-copy. Plans made by hand count nothing.
func copying(t testing.TB, addr string, plan []byte, change ...func(*Options)) (*Outcome, []receipt.Receipt, error) {
	t.Helper()
	opt := Options{ServerCopy: true, Edited: true, sleep: quick}
	for _, f := range change {
		f(&opt)
	}
	return carryOut(t, addr, plan, opt)
}

// The server copies octets, flags and dates; the same plan again copies nothing,
// and so does one that another run has carried out in part.
func TestServerCopy(t *testing.T) {
	for name, o := range map[string]imaptest.Options{"UIDPLUS": {}, "no UIDPLUS": withoutUIDPlus} {
		t.Run(name, func(t *testing.T) {
			said := &transcript{}
			o.Transcript = said
			server, account := filled(t, 12, o)
			account.SetFlags("INBOX", 3, `\Flagged`, `\Deleted`, "Work")
			line := imaptest.NewFaultProxy(t, server.Addr())
			outcome, receipts, err := copying(t, line.Addr(), within(t, 12))
			if err != nil || results(receipts) != "12 appended" || outcome.Appended != 12 || account.Appends() != 0 {
				t.Fatalf("%s, %v, %s", outcome, err, results(receipts))
			}
			if n := line.Commands("UID COPY"); n != 1 {
				t.Errorf("%d commands", n)
			}
			there := account.Messages("Copies")
			for i, e := range account.Messages("INBOX") {
				c := there[i]
				if string(c.Octets) != string(e.Octets) || !slices.Equal(c.Flags, e.Flags) || c.InternalDate != e.InternalDate {
					t.Errorf("%+v is %+v", e, c)
				}
			}
			for _, r := range receipts {
				if r.UID != 0 && (!r.Copied || r.TargetUID != r.UID || r.TargetUIDValidity == 0 || r.Key == "") {
					t.Errorf("%+v", r)
				}
			}
			account.Expunge("Copies", 5)
			for _, want := range []string{"1 appended, 11 present", "12 present"} {
				if _, receipts, err = copying(t, line.Addr(), within(t, 12)); err != nil || results(receipts) != want {
					t.Errorf("%s, %v; want %s", results(receipts), err, want)
				}
			}
			if n := len(account.Messages("Copies")); n != 12 || len(account.Messages("INBOX")) != 12 {
				t.Errorf("%d messages", n)
			}
			if said.has("BODY.PEEK[]") {
				t.Error("octets were read")
			}
		})
	}
}

// Each of these is refused before anything is done.
func TestServerCopyRefused(t *testing.T) {
	rules, err := transform.ParseRules(transform.Options{Date: "header"})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := flags.NewPolicy(nil, nil, []string{"Work"})
	if err != nil {
		t.Fatal(err)
	}
	begin := func(change func(*stream.Begin)) []byte {
		return within(t, 2, func(b *stream.Begin, _ []*stream.Message) { change(b) })
	}
	for name, test := range map[string]struct {
		plan   []byte
		change func(*Options)
	}{
		"from another user":   {begin(func(b *stream.Begin) { b.User = "ann" }), nil},
		"from another host":   {begin(func(b *stream.Begin) { b.Host = "old" }), nil},
		"for another user":    {begin(func(b *stream.Begin) { b.TargetUser = "ann" }), nil},
		"no plan":             {begin(func(b *stream.Begin) { b.Plan = false }), nil},
		"unconditional":       {within(t, 2), func(o *Options) { o.Unconditional = true }},
		"with another date":   {within(t, 2), func(o *Options) { o.Transform = rules }},
		"with fewer flags":    {within(t, 2), func(o *Options) { o.Flags = *policy }},
		"from another behind": {slices.Concat(begin(func(b *stream.Begin) { b.User = "ann" }), within(t, 2)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			server, account := filled(t, 2, imaptest.Options{})
			change := []func(*Options){}
			if test.change != nil {
				change = append(change, test.change)
			}
			if _, receipts, err := copying(t, server.Addr(), test.plan, change...); exit.CodeOf(err) != exit.Usage || len(receipts) != 0 || len(account.Mailboxes()) != 1 {
				t.Errorf("%v, %+v, %v", err, receipts, account.Mailboxes())
			}
		})
	}
}

// What is not at the source as the plan says is not copied, and the rest is.
func TestServerCopyLooksAtTheSource(t *testing.T) {
	record := func(change func(m *stream.Message)) []byte {
		return within(t, 6, func(_ *stream.Begin, ms []*stream.Message) { change(ms[3]) })
	}
	for name, test := range map[string]struct {
		plan  []byte
		since func(*imaptest.Account)
		want  string
	}{
		"one is gone":                 {within(t, 6), func(a *imaptest.Account) { a.Expunge("INBOX", 4) }, "5 appended, 1 expunged"},
		"another UIDVALIDITY":         {within(t, 6), func(a *imaptest.Account) { a.SetUIDValidity("INBOX", 4711) }, "6 failed uidvalidity-changed"},
		"another UIDVALIDITY for one": {record(func(m *stream.Message) { m.UIDValidity = 7 }), nil, "5 appended, 1 failed uidvalidity-changed"},
		"another key":                 {record(func(m *stream.Message) { m.Key = "recipe:00000000000000000000000000000000" }), nil, "5 appended, 1 failed key-changed"},
		"a folder that is not there": {within(t, 6, func(_ *stream.Begin, ms []*stream.Message) {
			for _, m := range ms {
				m.Folder = "Nowhere"
			}
		}), nil, "6 failed no-such-folder"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dry := range []bool{true, false} {
				server, account := filled(t, 6, imaptest.Options{})
				if test.since != nil {
					test.since(account)
				}
				want := test.want
				if dry {
					want = strings.TrimPrefix(strings.Replace(want, "5 appended", "", 1), ", ") + strings.Repeat(", 5 skipped dry-run", strings.Count(want, "5 appended"))
				}
				_, receipts, err := copying(t, server.Addr(), test.plan, func(o *Options) { o.DryRun = dry })
				if got := results(receipts); got != want {
					t.Errorf("dry run %v: %s, want %s", dry, got, want)
				}
				if failed := strings.Contains(want, "failed"); failed != (exit.CodeOf(err) == exit.Partial) || !failed && err != nil {
					t.Errorf("dry run %v: %v", dry, err)
				}
				if n := len(account.Messages("Copies")); dry && n > 0 || n == 6 {
					t.Errorf("dry run %v: %d copies", dry, n)
				}
			}
		})
	}
}

// Flags that the server forgets are set again, as they are at the source by now.
func TestServerCopyRestoresFlags(t *testing.T) {
	server, account := filled(t, 4, imaptest.Options{ForgetFlags: []string{`\Flagged`, "Work"}})
	account.SetFlags("INBOX", 2, `\Flagged`, `\Seen`)
	account.SetFlags("INBOX", 4, "Work")
	_, receipts, err := copying(t, server.Addr(), within(t, 4))
	if err != nil || results(receipts) != "4 appended, 2 flagged" {
		t.Errorf("%s, %v", results(receipts), err)
	}
	for i, e := range account.Messages("INBOX") {
		if c := account.Messages("Copies")[i]; !slices.Equal(c.Flags, e.Flags) {
			t.Errorf("%v became %v", e.Flags, c.Flags)
		}
	}
}

// Many messages, of which some are gone, keep their order.
func TestServerCopyMuch(t *testing.T) {
	const n = 450
	for name, o := range map[string]imaptest.Options{"UIDPLUS": {}, "no UIDPLUS": withoutUIDPlus} {
		t.Run(name, func(t *testing.T) {
			server, account := filled(t, n, o)
			plan := within(t, n)
			for uid := uint64(1); uid <= n; uid += 5 {
				account.Expunge("INBOX", uid)
			}
			_, receipts, err := copying(t, server.Addr(), plan)
			if err != nil || results(receipts) != "360 appended, 90 expunged" || !slices.Equal(bodies(account.Messages("Copies")), bodies(account.Messages("INBOX"))) {
				t.Errorf("%s, %v, %d copies", results(receipts), err, len(account.Messages("Copies")))
			}
		})
	}
}
