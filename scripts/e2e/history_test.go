package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// restored are the accounts that a history is restored to.
var restored = []string{"dst0", "dst1", "dst2", "dst3", "dst4", "dst5", "dst6", "dst7", "dst8", "dst9"}

// historians runs a test with an empty account at each kind of server, of which
// a plain run takes one; others there are those of restored.
func historians(t *testing.T, test func(t *testing.T, src account)) {
	for name, start := range some(t, 1, map[string]func(t *testing.T) account{
		"embedded": func(t *testing.T) account { return embedded(imaptest.StartServer(t, imaptest.Options{}), "joe") },
		"dovecot":  func(t *testing.T) account { return real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe") },
		"cyrus": func(t *testing.T) account {
			return real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: append([]string{"joe"}, restored...)}), "joe")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// history is an account that its user works with.
type history struct {
	t     testing.TB
	rnd   *rand.Rand
	a     account
	mails []imaptest.Message // to come
	names int                // folders that were made
}

func newHistory(t *testing.T, a account) *history {
	return &history{t: t, rnd: random(t), a: a, mails: imaptest.Generate(5, 4000)}
}

// some are the next messages.
func (h *history) some(n int) []imaptest.Message {
	taken := h.mails[:n]
	h.mails = h.mails[n:]
	return taken
}

func (h *history) fill(path string, n int) {
	h.t.Helper()
	h.a.fill(h.t, imaptest.Spec{Folders: []imaptest.Folder{{Path: path, Subscribed: h.rnd.IntN(2) == 0, Messages: h.some(n)}}})
}

// name is a name that no folder had.
func (h *history) name() string {
	h.names++
	return fmt.Sprintf("Folder %d é", h.names)
}

// begin makes some folders with mail.
func (h *history) begin() {
	h.t.Helper()
	h.fill("INBOX", 30)
	for range 4 {
		h.fill(h.name(), h.rnd.IntN(25))
	}
	h.fill("Above/Below", 12)
}

// wires are the folders that hold messages, as the server spells them.
func (h *history) wires() (all []string) {
	h.t.Helper()
	for _, box := range h.a.folders(h.t) {
		if box.Selectable() {
			all = append(all, box.Wire)
		}
	}
	return all
}

func inQuotes(wire string) string { return `"` + strings.ReplaceAll(wire, `"`, `\"`) + `"` }

// pick returns a set of UIDs that the folder may hold.
func (h *history) pick() string {
	from := 1 + h.rnd.IntN(40)
	return fmt.Sprintf("%d:%d,%d", from, from+h.rnd.IntN(6), 1+h.rnd.IntN(40))
}

// step does one of the things that users do.
func (h *history) step() string {
	h.t.Helper()
	wires := h.wires()
	wire := wires[h.rnd.IntN(len(wires))]
	other := wires[h.rnd.IntN(len(wires))]
	inbox := strings.EqualFold(wire, "INBOX")
	do := func(commands ...string) string {
		h.t.Helper()
		h.a.tell(h.t, append([]string{"SELECT " + inQuotes(wire)}, commands...)...)
		return wire + ": " + strings.Join(commands, "; ")
	}
	switch n := h.rnd.IntN(12); {
	case n < 3:
		flag := []string{`\Seen`, `\Flagged`, `$Label1`, `\Answered`, `Later`}[h.rnd.IntN(5)]
		return do("UID STORE " + h.pick() + " " + []string{"+", "-"}[h.rnd.IntN(2)] + "FLAGS.SILENT (" + flag + ")")
	case n < 5:
		return do(`UID STORE `+h.pick()+` +FLAGS.SILENT (\Deleted)`, "EXPUNGE")
	case n < 6:
		return do("UID COPY " + h.pick() + " " + inQuotes(other))
	case n < 7:
		return do("UID COPY " + h.pick() + " " + inQuotes(wire))
	case n < 8:
		path := h.name()
		h.fill(path, h.rnd.IntN(8))
		return "made " + path
	case n < 9 && !inbox:
		h.names++
		to := fmt.Sprintf("%s-%d", wire, h.names)
		h.a.tell(h.t, "RENAME "+inQuotes(wire)+" "+inQuotes(to))
		return "renamed " + wire + " to " + to
	case n < 10 && !inbox && !strings.Contains(wire, "Above"):
		h.a.tell(h.t, "DELETE "+inQuotes(wire))
		if h.rnd.IntN(2) == 0 {
			return "deleted " + wire
		}
		h.a.tell(h.t, "CREATE "+inQuotes(wire))
		h.a.tell(h.t, "UNSUBSCRIBE "+inQuotes(wire))
		return "made " + wire + " anew"
	}
	h.fill("INBOX", 1+h.rnd.IntN(5))
	return "mail for INBOX"
}

// check restores all.zst to an empty account and lets the oracle compare, and
// compares it with the account by the commands themselves.
func (h *history) check(b *bench, dst account) {
	h.t.Helper()
	b = b.with("DST", dst.options())
	b.sh(`imap-diff $DST all.zst | imap-push $DST >receipts`).wants(0)
	same(h.t, h.a.dump(h.t), dst.dump(h.t))
	if want, got := subscriptions(h.a.folders(h.t)), subscriptions(dst.folders(h.t)); !slices.Equal(want, got) {
		h.t.Errorf("folders\n%q\nwant\n%q", got, want)
	}
	b.sh(`imap-diff --report --equal $SRC all.zst >report`).wants(0)
	b.sh(`imap-fetch --source all.zst -o folded.zst && imap-fetch $SRC -o now.zst && imap-diff --report --equal folded.zst now.zst >report && imap-diff --report --equal now.zst all.zst >report`).wants(0)
	b.sh(`imap-list --source all.zst --format ndjson | jq -c '[.name,.uidvalidity,.messages]' | sort >listed; imap-list $SRC --format ndjson | jq -c '[.name,.uidvalidity,.messages]' | sort | cmp - listed`).wants(0)
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
