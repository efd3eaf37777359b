package push

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push/deletion"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// keyOf is the key of a letter.
func keyOf(t testing.TB, l letter) string {
	t.Helper()
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err != nil {
		t.Fatal(err)
	}
	scan := headerkey.NewScanner(recipe)
	scan.Write(l.octets())
	return scan.Sum().Key
}

// deletionPlan is a plan of records alone, for the account joe.
func deletionPlan(t testing.TB, begin stream.Begin, records ...stream.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{Level: frame.None})
	err := w.Write(&begin)
	for _, r := range records {
		if err == nil {
			err = w.Write(r)
		}
	}
	if err == nil {
		err = w.End(&stream.End{Plan: true})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var forJoe = stream.Begin{Content: stream.Headers, Plan: true, User: "joe", Host: "old", TargetUser: "joe", TargetHost: "127.0.0.1", Key: headerkey.Default}

func anyShare(t testing.TB) limit.Share {
	t.Helper()
	s, err := limit.ParseShare("100%")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filled is a server whose account joe has letters 0 to n-1 in INBOX, as UIDs 1
// to n.
func filled(t testing.TB, n int, o imaptest.Options) (*imaptest.Server, *imaptest.Account) {
	t.Helper()
	server := imaptest.StartServer(t, o)
	account := server.Account("joe")
	account.AddMailbox("INBOX")
	for _, l := range numbered(n) {
		account.AddMessage("INBOX", nil, l.arrived(), l.octets())
	}
	return server, account
}

// deletionOf asks for the deletion of letter n.
func deletionOf(t testing.TB, n int) *stream.Delete {
	return &stream.Delete{Target: "INBOX", TargetUIDValidity: 1001, TargetUID: uint64(n + 1), Key: keyOf(t, numbered(n + 1)[n])}
}

func uids(account *imaptest.Account, folder string) (list []uint64) {
	for _, e := range account.Messages(folder) {
		list = append(list, e.UID)
	}
	return list
}

// What a plan says, and nothing else, is deleted; a stranger's \Deleted message
// stays.
func TestDelete(t *testing.T) {
	server, account := filled(t, 6, imaptest.Options{})
	account.SetFlags("INBOX", 5, `\Deleted`)
	account.SetFlags("INBOX", 2, `\Seen`, `\Deleted`) // somebody marked what goes anyway
	plan := deletionPlan(t, forJoe, deletionOf(t, 1), deletionOf(t, 3))
	opt := Options{AllowDelete: true, MaxDelete: anyShare(t)}
	outcome, receipts, err := carryOut(t, server.Addr(), plan, opt)
	if err != nil || outcome.Deleted != 2 || !strings.Contains(outcome.String(), "2 deleted") {
		t.Errorf("%s, %v", outcome, err)
	}
	for _, r := range receipts {
		if r.Result != receipt.Deleted || r.Target != "INBOX" || r.TargetUID == 0 || r.TargetUIDValidity != 1001 || r.Key == "" {
			t.Errorf("%+v", r)
		}
	}
	want := []uint64{1, 3, 5, 6}
	if got := uids(account, "INBOX"); !slices.Equal(got, want) {
		t.Errorf("%v is left, want %v", got, want)
	}
	if flags := account.Messages("INBOX")[0].Flags; len(flags) > 0 {
		t.Errorf("the first has %v now", flags)
	}
	// The same plan again finds nothing to do.
	outcome, receipts, err = carryOut(t, server.Addr(), plan, opt)
	if err != nil || outcome.Deleted != 0 || len(receipts) != 2 || receipts[0].Result != receipt.Expunged || len(uids(account, "INBOX")) != 4 {
		t.Errorf("%s, %v, %+v", outcome, err, receipts)
	}
}

// Each of these plans, or what became of the account since, saves every message
// of it.
func TestNothingIsDeleted(t *testing.T) {
	opt := func(change func(*Options)) Options {
		o := Options{AllowDelete: true, MaxDelete: anyShare(t)}
		change(&o)
		return o
	}
	same := func(*Options) {}
	good := deletionPlan(t, forJoe, deletionOf(t, 1), deletionOf(t, 3))
	begin := func(change func(*stream.Begin)) []byte {
		b := forJoe
		change(&b)
		return deletionPlan(t, b, deletionOf(t, 1), deletionOf(t, 3))
	}
	with := func(change func(*stream.Delete)) []byte {
		d := deletionOf(t, 3)
		change(d)
		return deletionPlan(t, forJoe, deletionOf(t, 1), d)
	}
	failing := deletionPlan(t, forJoe, &stream.Folder{Name: "INBOX", Octets: -1}, &stream.Failed{Folder: "INBOX", Reason: stream.ReasonRefused}, deletionOf(t, 1))
	cases := []struct {
		name   string
		plan   []byte
		opt    Options
		since  func(*imaptest.Account)
		reason string // of a receipt, beside held-back
		code   exit.Code
	}{
		{"not allowed", good, opt(func(o *Options) { o.AllowDelete = false }), nil, "not-allowed", exit.Partial},
		{"a dry run", good, opt(func(o *Options) { o.DryRun = true }), nil, "dry-run", exit.OK},
		{"read as edited", good, opt(func(o *Options) { o.Edited = true }), nil, "filtered", exit.Partial},
		{"edited before", begin(func(b *stream.Begin) { b.Filters = []string{"edited"} }), opt(same), nil, "filtered", exit.Partial},
		{"made of rejects", begin(func(b *stream.Begin) { b.Filters = []string{"rejects"} }), opt(same), nil, "filtered", exit.Partial},
		{"no plan", begin(func(b *stream.Begin) { b.Plan = false }), opt(func(o *Options) { o.Unconditional = true }), nil, "other-account", exit.Partial},
		{"for another user", begin(func(b *stream.Begin) { b.TargetUser = "ann" }), opt(same), nil, "other-account", exit.Partial},
		{"for another host", begin(func(b *stream.Begin) { b.TargetHost = "new" }), opt(same), nil, "other-account", exit.Partial},
		{"for nobody", begin(func(b *stream.Begin) { b.TargetUser, b.TargetHost = "", "" }), opt(same), nil, "other-account", exit.Partial},
		{"with another recipe", begin(func(b *stream.Begin) { b.Key = "message-id" }), opt(same), nil, "key-changed", exit.Partial},
		{"too many", good, opt(func(o *Options) { o.MaxDelete = limit.Share{} }), nil, "max-delete", exit.Partial},
		{"something failed", failing, opt(same), nil, "incomplete", exit.Partial},
		{"another key", with(func(d *stream.Delete) { d.Key = "recipe:00000000000000000000000000000000" }), opt(same), nil, "key-changed", exit.Partial},
		{"other octets", with(func(d *stream.Delete) { d.SHA256 = strings.Repeat("0", 64) }), opt(same), nil, "octets-changed", exit.Partial},
		{"another folder", with(func(d *stream.Delete) { d.Target = "Nowhere" }), opt(same), nil, "no-folder", exit.Partial},
		{"another UIDVALIDITY", with(func(d *stream.Delete) { d.TargetUIDValidity++ }), opt(same), nil, "uidvalidity-changed", exit.Partial},
		{"a copy of what is not there", with(func(d *stream.Delete) { d.CopyOf = 77 }), opt(same), nil, "last-copy", exit.Partial},
		{"a copy of something else", with(func(d *stream.Delete) { d.CopyOf = 1 }), opt(same), nil, "last-copy", exit.Partial},
		{"the UIDVALIDITY changes", good, opt(same), func(a *imaptest.Account) { a.SetUIDValidity("INBOX", 4711) }, "uidvalidity-changed", exit.Partial},
		{"a concatenation with one that fails", slices.Concat(good, failing), opt(same), nil, "incomplete", exit.Partial},
		{"a concatenation with one for another", slices.Concat(good, begin(func(b *stream.Begin) { b.TargetUser = "ann" })), opt(same), nil, "other-account", exit.Partial},
		{"a concatenation with an edited one", slices.Concat(good, begin(func(b *stream.Begin) { b.Filters = []string{"edited"} })), opt(same), nil, "filtered", exit.Partial},
		{"an aborted plan", slices.Concat(bytes.SplitAfterN(good, []byte("\n"), 4)[0], bytes.SplitAfterN(good, []byte("\n"), 4)[1], []byte(`{"type":"abort","command":"imap-diff","exit":75,"text":"enough"}`+"\n")), opt(same), nil, "incomplete-plan", exit.Temporary},
		{"an abort behind it", slices.Concat(good, []byte(`{"type":"abort","command":"imap-diff","exit":75,"text":"enough"}`+"\n")), opt(same), nil, "incomplete-plan", exit.Temporary},
		{"an edited hash", bytes.Replace(good, []byte(`"target_uid":4`), []byte(`"target_uid":5`), 1), opt(same), nil, "incomplete-plan", exit.Data},
		{"no server to expunge by UID", good, opt(same), nil, "no-uidplus", exit.Partial},
		{"full expunge, and somebody's mark", good, opt(func(o *Options) { o.FullExpunge = true }), func(a *imaptest.Account) { a.SetFlags("INBOX", 5, `\Deleted`) }, "foreign-deleted-flag", exit.Partial},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := imaptest.Options{}
			if c.reason == "no-uidplus" || c.reason == "foreign-deleted-flag" {
				o = withoutUIDPlus
			}
			server, account := filled(t, 6, o)
			if c.since != nil {
				c.since(account)
			}
			_, receipts, err := carryOut(t, server.Addr(), c.plan, c.opt)
			if exit.CodeOf(err) != c.code {
				t.Errorf("%v, want exit %d", err, c.code)
			}
			if got := uids(account, "INBOX"); len(got) != 6 {
				t.Errorf("%v is left", got)
			}
			found := false
			for _, r := range receipts {
				if r.TargetUID == 0 {
					continue
				}
				found = found || r.Reason == c.reason
				if r.Result != receipt.Skipped || r.Reason != c.reason && r.Reason != "blocked" {
					t.Errorf("%+v", r)
				}
			}
			if !found {
				t.Errorf("no receipt says %s: %+v", c.reason, receipts)
			}
		})
	}
}

// A plan that is cut anywhere deletes nothing.
func TestCutAtEveryRecord(t *testing.T) {
	server, account := filled(t, 6, imaptest.Options{})
	plan := deletionPlan(t, forJoe, deletionOf(t, 1), deletionOf(t, 3), deletionOf(t, 5))
	lines := bytes.SplitAfter(plan, []byte("\n"))
	for n := range lines[:len(lines)-1] {
		for _, short := range []int{0, 1} {
			cut := bytes.Join(lines[:n+1], nil)
			cut = cut[:len(cut)-short]
			if len(cut) == len(plan) {
				continue
			}
			if _, _, err := carryOut(t, server.Addr(), cut, Options{AllowDelete: true, MaxDelete: anyShare(t)}); exit.CodeOf(err) != exit.Data || len(uids(account, "INBOX")) != 6 {
				t.Fatalf("cut after record %d: %v, %v is left", n, err, uids(account, "INBOX"))
			}
		}
	}
}

// The receipt of a message that is gone says so, though another keeps the rest: the run
// that has deleted it may not have come to say it.
func TestGoneIsToldInAnyCase(t *testing.T) {
	server, account := filled(t, 4, imaptest.Options{})
	account.Expunge("INBOX", 2)
	other := deletionOf(t, 3)
	other.Key = keyOf(t, numbered(1)[0])
	plan := deletionPlan(t, forJoe, deletionOf(t, 0), deletionOf(t, 1), other)
	_, receipts, err := carryOut(t, server.Addr(), plan, Options{AllowDelete: true, MaxDelete: anyShare(t)})
	told := map[uint64]string{}
	for _, r := range receipts {
		told[uint64(r.TargetUID)] = fmt.Sprint(r.Result, " ", r.Reason)
	}
	if got := fmt.Sprint(told); exit.CodeOf(err) != exit.Partial || got != "map[1:skipped blocked 2:expunged  4:skipped key-changed]" {
		t.Errorf("%v, %s", err, got)
	}
}

// Of two that are copies of each other one stays, whatever a plan says.
func TestNoCopyIsTheLast(t *testing.T) {
	for _, between := range []int{0, deletion.BatchSize + 7} { // in one batch, and far apart
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		l := letter{"twin", "a", 1}
		for range between + 2 {
			account.AddMessage("INBOX", nil, l.arrived(), l.octets())
		}
		var records []stream.Record
		for n := range between + 2 {
			uid := uint64(n + 1)
			copyOf := uint64(1)
			if uid == 1 {
				copyOf = uint64(between + 2)
			}
			records = append(records, &stream.Delete{Target: "INBOX", TargetUIDValidity: 1001, TargetUID: uid, Key: keyOf(t, l), CopyOf: copyOf})
		}
		_, _, err := carryOut(t, server.Addr(), deletionPlan(t, forJoe, records...), Options{AllowDelete: true, MaxDelete: anyShare(t)})
		if left := len(uids(account, "INBOX")); exit.CodeOf(err) != exit.Partial || left == 0 {
			t.Errorf("%d between: %d are left, %v", between, left, err)
		}
	}
}

// The copy that is to stay was marked \Deleted by another client since the plan was made:
// it would go with that client's EXPUNGE.
func TestNoCopyOfOneMarkedDeleted(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	l := letter{"twin", "a", 1}
	for range 2 {
		account.AddMessage("INBOX", nil, l.arrived(), l.octets())
	}
	plan := deletionPlan(t, forJoe, &stream.Delete{Target: "INBOX", TargetUIDValidity: 1001, TargetUID: 2, Key: keyOf(t, l), CopyOf: 1})
	account.SetFlags("INBOX", 1, `\Deleted`)
	_, receipts, err := carryOut(t, server.Addr(), plan, Options{AllowDelete: true, MaxDelete: anyShare(t)})
	if exit.CodeOf(err) != exit.Partial || len(uids(account, "INBOX")) != 2 || len(receipts) != 1 || receipts[0].Reason != "last-copy" {
		t.Errorf("%v, %v is left, %+v", err, uids(account, "INBOX"), receipts)
	}
}

// Many folders, many batches, any order and the same message twice.
func TestDeleteMuch(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	const n = deletion.BatchSize + 100
	var records []stream.Record
	letters := numbered(n)
	keys := make([]string, n)
	for i, l := range letters {
		keys[i] = keyOf(t, l)
	}
	for f, folder := range []string{"a", "b"} {
		for _, l := range letters {
			account.AddMessage(folder, nil, l.arrived(), l.octets())
		}
		for i := n - 1; i >= 0; i-- {
			if i%3 != 0 {
				records = append(records, &stream.Delete{Target: folder, TargetUIDValidity: uint64(1002 + f), TargetUID: uint64(i + 1), Key: keys[i]})
			}
		}
		records = append(records, records[0])
	}
	outcome, _, err := carryOut(t, server.Addr(), deletionPlan(t, forJoe, records...), Options{AllowDelete: true, MaxDelete: anyShare(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"a", "b"} {
		got := uids(account, folder)
		if len(got) != n/3 || slices.ContainsFunc(got, func(uid uint64) bool { return uid%3 != 1 }) {
			t.Errorf("%s: %d are left", folder, len(got))
		}
	}
	if outcome.Deleted < 2*(n-n/3) {
		t.Errorf("%s", outcome)
	}
}

// Without UIDPLUS all that is marked goes, and only if it is ours.
func TestFullExpunge(t *testing.T) {
	server, account := filled(t, 6, withoutUIDPlus)
	opt := Options{AllowDelete: true, FullExpunge: true, MaxDelete: anyShare(t)}
	plan := deletionPlan(t, forJoe, deletionOf(t, 1), deletionOf(t, 3))
	if outcome, _, err := carryOut(t, server.Addr(), plan, opt); err != nil || outcome.Deleted != 2 || fmt.Sprint(uids(account, "INBOX")) != "[1 3 5 6]" {
		t.Errorf("%s, %v: %v", outcome, err, uids(account, "INBOX"))
	}
}

// Without UIDPLUS the flags of a folder are read twice in all, however many
// batches there are.
func TestFullExpungeOfMany(t *testing.T) {
	const n = 3 * deletion.BatchSize
	server, account := filled(t, n+1, withoutUIDPlus)
	line := imaptest.NewFaultProxy(t, server.Addr())
	flags := 0
	isFlags := regexp.MustCompile(`^\* \d+ FETCH \(UID \d+ FLAGS \([^)]*\)\)`)
	line.Rewrite(func(l string) string {
		if isFlags.MatchString(l) {
			flags++
		}
		return l
	})
	var records []stream.Record
	for i, l := range numbered(n) {
		records = append(records, &stream.Delete{Target: "INBOX", TargetUIDValidity: 1001, TargetUID: uint64(i + 1), Key: keyOf(t, l)})
	}
	opt := Options{AllowDelete: true, FullExpunge: true, MaxDelete: anyShare(t)}
	outcome, _, err := carryOut(t, line.Addr(), deletionPlan(t, forJoe, records...), opt)
	if err != nil || outcome.Deleted != n || fmt.Sprint(uids(account, "INBOX")) != fmt.Sprint([]int{n + 1}) {
		t.Errorf("%s, %v", outcome, err)
	}
	if flags < 2 || flags > 2*(n+1)+n {
		t.Errorf("%d answers with flags for %d messages", flags, n)
	}
}

// A server that refuses, or only says that it obeys.
func TestServersThatDeleteNothing(t *testing.T) {
	for name, lie := range map[string]func(string) string{
		"STORE is refused":               imaptest.Replace(`^(\S+) OK (.*STORE.*)`, "$1 NO $2", -1),
		"EXPUNGE is refused":             imaptest.Replace(`^(\S+) OK (.*EXPUNGE.*)`, "$1 NO $2", -1),
		"the folder is open for reading": imaptest.Replace(`READ-WRITE`, "READ-ONLY", -1),
	} {
		t.Run(name, func(t *testing.T) {
			server, account := filled(t, 3, imaptest.Options{})
			line := imaptest.NewFaultProxy(t, server.Addr())
			line.Rewrite(lie)
			_, receipts, err := carryOut(t, line.Addr(), deletionPlan(t, forJoe, deletionOf(t, 1)), Options{AllowDelete: true, MaxDelete: anyShare(t)})
			left := uids(account, "INBOX")
			switch {
			case len(receipts) != 1:
				t.Errorf("%+v", receipts)
			case len(left) == 3 && (receipts[0].Result != receipt.Skipped || receipts[0].Text == "" || exit.CodeOf(err) != exit.Partial):
				t.Errorf("%+v, %v", receipts[0], err)
			case len(left) == 2 && receipts[0].Result != receipt.Deleted:
				t.Errorf("it is gone: %+v", receipts[0])
			case len(left) < 2:
				t.Errorf("%v is left", left)
			}
			for _, m := range account.Messages("INBOX") {
				if slices.Contains(m.Flags, `\Deleted`) {
					t.Errorf("UID %d is left with a mark", m.UID)
				}
			}
		})
	}
}

// The answer to any command is lost: no other message goes, and the next run
// ends it.
func TestDeleteOnABadLine(t *testing.T) {
	for _, verb := range []string{"UID STORE", "UID EXPUNGE", "EXPUNGE", "UID FETCH"} {
		for _, o := range []imaptest.Options{{}, withoutUIDPlus} {
			server, account := filled(t, 6, o)
			line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.DropAnswer(verb, 1))
			opt := Options{AllowDelete: true, FullExpunge: true, MaxDelete: anyShare(t)}
			plan := deletionPlan(t, forJoe, deletionOf(t, 1), deletionOf(t, 3))
			_, receipts, err := carryOut(t, line.Addr(), plan, opt)
			if left := uids(account, "INBOX"); err != nil && len(left) != 4 && len(left) != 6 || err == nil && (len(left) != 4 || receipts[0].Result != receipt.Deleted) {
				t.Errorf("%s: %v, %v is left: %+v", verb, err, left, receipts)
			}
			if _, _, err := carryOut(t, server.Addr(), plan, opt); err != nil || fmt.Sprint(uids(account, "INBOX")) != "[1 3 5 6]" {
				t.Errorf("%s: %v, %v is left", verb, err, uids(account, "INBOX"))
			}
		}
	}
}

// withoutUIDPlus is a server that cannot expunge single messages.
var withoutUIDPlus = imaptest.Options{Caps: []string{"NAMESPACE", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "CHILDREN", "SPECIAL-USE"}}
