package e2e

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
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

func (g *gmail) account(user string) account { return account{g.labelled.Addr(), user} }

// without is the account without labels.
func (g *gmail) without(user string) account { return account{g.plain.Addr(), user} }

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
		mail.Add(folder, &imaptest.ScriptMessage{Date: day(i).Format(imaptest.InternalDateLayout), Octets: string(octets), Labels: labels})
	}
	large := append(letter("large", ""), []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 90_000))...)
	mail.Folder("INBOX")
	add("All Mail", 0, letter("one", ""), `"\\Inbox"`, `"\\Important"`)
	add("All Mail", 1, letter("two", ""), `"Work"`, `"Reisen/B&APw-cher"`, `"\\Trash"`)
	add("All Mail", 2, large, `"Work"`, `"\\Starred"`)
	add("All Mail", 3, letter("four", ""))
	add("Work", 1, letter("two", ""), `\Inbox`)
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
	b := newBench(t).with("SRC", old.account("joe").options()).with("PLAIN", old.without("joe").options())
	want := `["All Mail",1,["\\Important","\\Inbox"],"180000000000001","17"]
["All Mail",2,["Reisen/Bücher","Work","\\Trash"],"180000000000002","17"]
["All Mail",3,["Work","\\Starred"],"180000000000003","17"]
["All Mail",4,[],"180000000000004","17"]
["Work",1,["\\Inbox"],"180000000000001","17"]
`
	for _, script := range []string{`imap-fetch $SRC`, `imap-fetch --headers $SRC`, `imap-fetch --max-size 10MB --client-search $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $PLAIN`,
		`imap-fetch $SRC -o all.zst && imap-fetch --source all.zst`} {
		if got := b.sh(script + ` | ` + gmailFields).wants(0).stdout; got != want {
			t.Errorf("%s:\n%s", script, got)
		}
	}
	for _, script := range []string{`imap-fetch $PLAIN`, `imap-fetch --disable-cap X-GM-EXT-1 $SRC`} {
		if got := b.sh(script + ` | zstdcat | grep -c gmail`).stdout; got != "0\n" {
			t.Errorf("%s: %s records", script, got)
		}
	}
	b.sh(`imap-fetch $SRC -o again.zst && cmp all.zst again.zst`).wants(0)
}

// TestGmailLabelsPushed: All Mail alone, with its labels, and a plan that maps a
// folder. Labels of one's own folder and those that move a message away stay
// behind; the same plan again adds none that is not there.
func TestGmailLabelsPushed(t *testing.T) {
	t.Parallel()
	old, there := gmails(t)
	b := between(t, old.account("joe"), there.account("joe"))
	b.env["PLAIN"] = there.without("joe").options()
	b.sh(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST -o plan.zst`).wants(0)
	b.sh(`imap-push --gmail-labels --dry-run $DST plan.zst`).wants(0)
	b.sh(`imap-push --gmail-labels $DST plan.zst`).wants(0).appended(4)
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
	b.sh(`imap-push --gmail-labels $DST plan.zst`).wants(0).appended(0)
	check()
	there.said()

	b.sh(`imap-fetch $SRC | imap-diff --map Work=Old/Work --map 'All Mail=-' $DST | imap-push $DST`).wants(0).appended(1)
	if said := there.said(); len(said) > 0 {
		t.Errorf("labels without --gmail-labels: %q", said)
	}
	b.sh(`imap-fetch $SRC | imap-diff --map Work=Later --map 'All Mail=Everything' $DST | imap-push --gmail-labels $DST`).wants(0).appended(5)
	if got := there.at("Everything", 3) + there.at("Later", 1); got != `"Later" \Starred\Inbox` {
		t.Errorf("labels %s", got)
	}
}

// TestGmailLabelsRefused: a label that is refused costs itself; a destination
// without labels, and a source without, cost a warning.
func TestGmailLabelsRefused(t *testing.T) {
	t.Parallel()
	old, there := gmails(t)
	b := between(t, old.account("joe"), there.account("joe"))
	b.env["PLAIN"], b.env["BARE"] = there.without("joe").options(), old.without("joe").options()
	there.refuse = "Work"
	refused := func(script string) string {
		t.Helper()
		o := b.sh(script).wants(3)
		b.write("receipts", []byte(o.stdout))
		return b.sh(`jq -r 'select(.reason == "labels") | "\(.result) \(.target) \(.text)"' receipts`).stdout
	}
	got := refused(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `rejected All Mail label "Work" of UID 2`) || !strings.Contains(got, "not allowed") {
		t.Errorf("receipts: %s", got)
	}
	if got := there.at("All Mail", 2) + there.at("All Mail", 3); got != `"Reisen/B&APw-cher"\Starred` {
		t.Errorf("labels %s", got)
	}
	b.sh(`imap-fetch --folder Work $SRC | imap-diff $PLAIN | imap-push --gmail-labels $PLAIN`).wants(0).appended(1).says("the destination has no labels (X-GM-EXT-1)")
	b.sh(`imap-fetch --folder Work $BARE | imap-diff --map Work=Bare $DST | imap-push --gmail-labels $DST`).wants(0).appended(1).says("the plan has no labels")
	// What a plan says of labels is as hostile as the rest of it.
	got = refused(`imap-fetch --level none --folder Work $SRC | jq -c 'if .type == "message" then .gmail_labels = ["a\r\nX LOGOUT", "⟦%zz⟧", "", "\u0000"] else . end' | imap-diff --edited --map Work=Odd $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `label "⟦%zz⟧" of UID 1`) {
		t.Errorf("receipts: %s", got)
	}
}
