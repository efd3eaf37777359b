package harness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// Restored are the accounts that a history is restored to.
var Restored = []string{"dst0", "dst1", "dst2", "dst3", "dst4", "dst5", "dst6", "dst7", "dst8", "dst9"}

// OnEachServer runs a test with an empty account at each kind of server, of which
// a plain run takes one; other accounts there are those of Restored.
func OnEachServer(t *testing.T, test func(t *testing.T, src Account)) {
	for name, start := range Some(t, 1, map[string]func(t *testing.T) Account{
		"embedded": func(t *testing.T) Account { return Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe") },
		"dovecot": func(t *testing.T) Account {
			return Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}),
				"joe")
		},
		"cyrus": func(t *testing.T) Account {
			return Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: append([]string{"joe"}, Restored...)}),
				"joe")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// History is an account that its user works with.
type History struct {
	t     testing.TB
	Rnd   *rand.Rand
	a     Account
	mails []imaptest.Message // to come
	Names int                // folders that were made
}

// NewHistory begins a history whose random numbers have a seed in the log.
func NewHistory(t *testing.T, a Account) *History {
	return &History{t: t, Rnd: Random(t), a: a, mails: imaptest.Generate(5, 4000)}
}

// some are the next messages.
func (h *History) some(n int) []imaptest.Message {
	taken := h.mails[:n]
	h.mails = h.mails[n:]
	return taken
}

// Fill puts the next n messages into a folder.
func (h *History) Fill(path string, n int) {
	h.t.Helper()
	h.a.Fill(h.t, imaptest.Spec{Folders: []imaptest.Folder{{Path: path, Subscribed: h.Rnd.IntN(2) == 0,
		Messages: h.some(n)}}})
}

// name is a name that no folder had.
func (h *History) name() string {
	h.Names++
	return fmt.Sprintf("Folder %d é", h.Names)
}

// Begin makes some folders with mail.
func (h *History) Begin() {
	h.t.Helper()
	h.Fill("INBOX", 30)
	for range 4 {
		h.Fill(h.name(), h.Rnd.IntN(25))
	}
	h.Fill("Above/Below", 12)
}

// wires are the folders that hold messages, as the server spells them.
func (h *History) wires() (all []string) {
	h.t.Helper()
	for _, box := range h.a.Folders(h.t) {
		if box.Selectable() {
			all = append(all, box.Wire)
		}
	}
	return all
}

func inQuotes(wire string) string { return `"` + strings.ReplaceAll(wire, `"`, `\"`) + `"` }

// pick returns a set of UIDs that the folder may hold.
func (h *History) pick() string {
	from := 1 + h.Rnd.IntN(40)
	return fmt.Sprintf("%d:%d,%d", from, from+h.Rnd.IntN(6), 1+h.Rnd.IntN(40))
}

// Step does one of the things that users do.
func (h *History) Step() string {
	h.t.Helper()
	wires := h.wires()
	wire := wires[h.Rnd.IntN(len(wires))]
	other := wires[h.Rnd.IntN(len(wires))]
	inbox := strings.EqualFold(wire, "INBOX")
	do := func(commands ...string) string {
		h.t.Helper()
		h.a.Tell(h.t, append([]string{"SELECT " + inQuotes(wire)}, commands...)...)
		return wire + ": " + strings.Join(commands, "; ")
	}
	switch n := h.Rnd.IntN(12); {
	case n < 3:
		flag := []string{`\Seen`, `\Flagged`, `$Label1`, `\Answered`, `Later`}[h.Rnd.IntN(5)]
		return do("UID STORE " + h.pick() + " " + []string{"+", "-"}[h.Rnd.IntN(2)] + "FLAGS.SILENT (" + flag + ")")
	case n < 5:
		return do(`UID STORE `+h.pick()+` +FLAGS.SILENT (\Deleted)`, "EXPUNGE")
	case n < 6:
		return do("UID COPY " + h.pick() + " " + inQuotes(other))
	case n < 7:
		return do("UID COPY " + h.pick() + " " + inQuotes(wire))
	case n < 8:
		path := h.name()
		h.Fill(path, h.Rnd.IntN(8))
		return "made " + path
	case n < 9 && !inbox:
		h.Names++
		to := fmt.Sprintf("%s-%d", wire, h.Names)
		h.a.Tell(h.t, "RENAME "+inQuotes(wire)+" "+inQuotes(to))
		return "renamed " + wire + " to " + to
	case n < 10 && !inbox && !strings.Contains(wire, "Above"):
		h.a.Tell(h.t, "DELETE "+inQuotes(wire))
		if h.Rnd.IntN(2) == 0 {
			return "deleted " + wire
		}
		h.a.Tell(h.t, "CREATE "+inQuotes(wire))
		h.a.Tell(h.t, "UNSUBSCRIBE "+inQuotes(wire))
		return "made " + wire + " anew"
	}
	h.Fill("INBOX", 1+h.Rnd.IntN(5))
	return "mail for INBOX"
}

// Check restores all.zst to an empty account and lets the oracle compare, and
// compares it with the account by the commands themselves.
func (h *History) Check(b *Shell, dst Account) {
	h.t.Helper()
	b = b.With("DST", dst.Options())
	b.Sh(`imap-diff $DST all.zst | imap-push $DST >receipts`).Wants(0)
	Same(h.t, h.a.Dump(h.t), dst.Dump(h.t))
	if want, got := subscriptions(h.a.Folders(h.t)), subscriptions(dst.Folders(h.t)); !slices.Equal(want, got) {
		h.t.Errorf("folders\n%q\nwant\n%q", got, want)
	}
	b.Sh(`imap-diff --report --equal $SRC all.zst >report`).Wants(0)
	b.Sh(`imap-fetch --source all.zst -o folded.zst && imap-fetch $SRC -o now.zst && imap-diff --report --equal folded.zst now.zst >report && imap-diff --report --equal now.zst all.zst >report`).Wants(0)
	b.Sh(`imap-list --source all.zst --format ndjson | jq -c '[.name,.uidvalidity,.messages]' | sort >listed; imap-list $SRC --format ndjson | jq -c '[.name,.uidvalidity,.messages]' | sort | cmp - listed`).Wants(0)
}

func subscriptions(boxes []imaptest.Mailbox) (all []string) {
	for _, box := range boxes {
		if box.Selectable() {
			all = append(all, fmt.Sprintf("%s %t", box.Path, box.Subscribed))
		}
	}
	slices.Sort(all)
	return all
}
