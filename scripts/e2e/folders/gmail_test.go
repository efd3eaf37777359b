package folders

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// gmail is a server with labels (X-GM-EXT-1), and the same mail at another that
// has none.
type gmail struct {
	labelled, plain *imaptest.Script
	refuse          string // this label
	stores          int    // commands that said has told of
}

func startGmail(t *testing.T, store *imaptest.ScriptStore) *gmail {
	t.Helper()
	g := &gmail{}
	g.plain = (&imaptest.Script{Store: store}).Start(t)
	refused := func(command string) bool {
		return g.refuse != "" && strings.HasPrefix(command, "UID STORE ") && strings.Contains(command, g.refuse)
	}
	g.labelled = (&imaptest.Script{
		Caps:  imaptest.DefaultScriptCaps + " X-GM-EXT-1",
		Store: store,
		Rules: []*imaptest.ScriptRule{{When: refused, Play: func(r *imaptest.Reply) {
			r.Say("TAG NO [CANNOT] Label name is not allowed: " + g.refuse + "\r\n")
		}}},
	}).Start(t)
	return g
}

func (g *gmail) account(user string) harness.Account {
	return harness.Account{Addr: g.labelled.Addr(), User: user}
}

// without is the account without labels.
func (g *gmail) without(user string) harness.Account {
	return harness.Account{Addr: g.plain.Addr(), User: user}
}

// said returns what was asked of labels since it was last called.
func (g *gmail) said() []string {
	var stores []string
	for _, command := range g.labelled.Commands("UID STORE") {
		if strings.Contains(command, "X-GM-LABELS") {
			stores = append(stores, command)
		}
	}
	defer func() { g.stores = len(stores) }()
	return stores[g.stores:]
}

// at returns the labels of a message.
func (g *gmail) at(folder string, uid int) string {
	for _, m := range g.labelled.Store.Messages(folder) {
		if m.UID == uint64(uid) {
			return strings.Join(m.Labels, " ")
		}
	}
	return ""
}

// gmails are two accounts at Gmail: the source's All Mail has labelled mail, a
// message of some MiB among it.
func gmails(t *testing.T) (old, gone *gmail) {
	mail, empty := &imaptest.ScriptStore{}, &imaptest.ScriptStore{}
	add := func(folder string, i int, octets []byte, labels ...string) {
		mail.Add(folder, &imaptest.ScriptMessage{Date: harness.Day(i).Format(imaptest.InternalDateLayout), Octets: string(octets), Labels: labels})
	}
	large := append(harness.Letter("large", ""), []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 90_000))...)
	mail.Folder("INBOX")
	add("All Mail", 0, harness.Letter("one", ""), `"\\Inbox"`, `"\\Important"`)
	add("All Mail", 1, harness.Letter("two", ""), `"Work"`, `"Reisen/B&APw-cher"`, `"\\Trash"`)
	add("All Mail", 2, large, `"Work"`, `"\\Starred"`)
	add("All Mail", 3, harness.Letter("four", ""))
	add("Work", 1, harness.Letter("two", ""), `\Inbox`)
	empty.Folder("INBOX")
	empty.Folder("All Mail")
	return startGmail(t, mail), startGmail(t, empty)
}

// gmailFields prints what a stream tells of labels.
const gmailFields = `zstdcat -f | jq -c 'select(.type == "message") | [.folder, .uid, .gmail_labels, .gmail_msgid, .gmail_thrid]'`

// TestGmailLabelsFetched: labels and numbers are in the records, with bodies and
// without, of small messages and large ones; and nothing of it elsewhere.
func TestGmailLabelsFetched(t *testing.T) {
	t.Parallel()
	old, _ := gmails(t)
	b := harness.NewShell(t).With("SRC", old.account("joe").Options()).With("PLAIN", old.without("joe").Options())
	want := `["All Mail",1,["\\Important","\\Inbox"],"180000000000001","17"]
["All Mail",2,["Reisen/Bücher","Work","\\Trash"],"180000000000002","17"]
["All Mail",3,["Work","\\Starred"],"180000000000003","17"]
["All Mail",4,[],"180000000000004","17"]
["Work",1,["\\Inbox"],"180000000000001","17"]
`
	for _, script := range []string{`imap-fetch $SRC`, `imap-fetch --headers $SRC`, `imap-fetch --max-size 10MB --client-search $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $PLAIN`,
		`imap-fetch $SRC -o all.zst && imap-fetch --source all.zst`} {
		if got := b.Sh(script + ` | ` + gmailFields).Wants(0).Stdout; got != want {
			t.Errorf("%s:\n%s", script, got)
		}
	}
	for _, script := range []string{`imap-fetch $PLAIN`, `imap-fetch --disable-cap X-GM-EXT-1 $SRC`} {
		if got := b.Sh(script + ` | zstdcat | grep -c gmail`).Stdout; got != "0\n" {
			t.Errorf("%s: %s records", script, got)
		}
	}
	b.Sh(`imap-fetch $SRC -o again.zst && cmp all.zst again.zst`).Wants(0)
}

// TestGmailLabelsPushed: All Mail alone, with its labels, and a plan that maps a
// folder. Labels of one's own folder and those that move a message away stay
// behind; the same plan again adds none that is not there.
func TestGmailLabelsPushed(t *testing.T) {
	t.Parallel()
	old, there := gmails(t)
	b := harness.Between(t, old.account("joe"), there.account("joe"))
	b.Env["PLAIN"] = there.without("joe").Options()
	b.Sh(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST -o plan.zst`).Wants(0)
	b.Sh(`imap-push --gmail-labels --dry-run $DST plan.zst`).Wants(0)
	b.Sh(`imap-push --gmail-labels $DST plan.zst`).Wants(0).Appended(4)
	check := func() {
		t.Helper()
		for uid, want := range []string{1: `\Important \Inbox`, 2: `"Reisen/B&APw-cher" "Work"`, 3: `"Work" \Starred`, 4: ""} {
			if got := there.at("All Mail", uid); uid > 0 && got != want {
				t.Errorf("UID %d has %s, want %s", uid, got, want)
			}
		}
	}
	check()
	if said := there.said(); len(said) > 6 {
		t.Errorf("%d commands for four messages: %q", len(said), said)
	}
	for uid := range uint64(4) {
		there.labelled.Store.SetLabels("All Mail", uid+1) // as if it had been killed before
	}
	b.Sh(`imap-push --gmail-labels $DST plan.zst`).Wants(0).Appended(0)
	check()
	there.said()

	b.Sh(`imap-fetch $SRC | imap-diff --map Work=Old/Work --map 'All Mail=-' $DST | imap-push $DST`).Wants(0).Appended(1)
	if said := there.said(); len(said) > 0 {
		t.Errorf("labels without --gmail-labels: %q", said)
	}
	b.Sh(`imap-fetch $SRC | imap-diff --map Work=Later --map 'All Mail=Everything' $DST | imap-push --gmail-labels $DST`).Wants(0).Appended(5)
	if got := there.at("Everything", 3) + there.at("Later", 1); got != `"Later" \Starred\Inbox` {
		t.Errorf("labels %s", got)
	}
}

// TestGmailLabelsRefused: a label that is refused costs itself; a destination
// without labels, and a source without, cost a warning.
func TestGmailLabelsRefused(t *testing.T) {
	t.Parallel()
	old, there := gmails(t)
	b := harness.Between(t, old.account("joe"), there.account("joe"))
	b.Env["PLAIN"], b.Env["BARE"] = there.without("joe").Options(), old.without("joe").Options()
	there.refuse = "Work"
	refused := func(script string) string {
		t.Helper()
		o := b.Sh(script).Wants(3)
		b.Write("receipts", []byte(o.Stdout))
		return b.Sh(`jq -r 'select(.reason == "labels") | "\(.result) \(.target) \(.text)"' receipts`).Stdout
	}
	got := refused(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `rejected All Mail label "Work" of UID 2`) || !strings.Contains(got, "not allowed") {
		t.Errorf("receipts: %s", got)
	}
	if got := there.at("All Mail", 2) + there.at("All Mail", 3); got != `"Reisen/B&APw-cher"\Starred` {
		t.Errorf("labels %s", got)
	}
	b.Sh(`imap-fetch --folder Work $SRC | imap-diff $PLAIN | imap-push --gmail-labels $PLAIN`).Wants(0).Appended(1).Says("the destination has no labels (X-GM-EXT-1)")
	b.Sh(`imap-fetch --folder Work $BARE | imap-diff --map Work=Bare $DST | imap-push --gmail-labels $DST`).Wants(0).Appended(1).Says("the plan has no labels")
	// What a plan says of labels is as hostile as the rest of it.
	got = refused(`imap-fetch --level none --folder Work $SRC | jq -c 'if .type == "message" then .gmail_labels = ["a\r\nX LOGOUT", "⟦%zz⟧", "", "\u0000"] else . end' | imap-diff --edited --map Work=Odd $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `label "⟦%zz⟧" of UID 1`) {
		t.Errorf("receipts: %s", got)
	}
}
