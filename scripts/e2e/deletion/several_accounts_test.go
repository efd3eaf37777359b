package deletion

import (
	"bytes"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestSeveralAccountsInOnePlan: receipts say of which account each message came,
// and what one account lacks is nothing about the mail of another.
func TestSeveralAccountsInOnePlan(t *testing.T) {
	t.Parallel()
	// The server stores messages under another key: receipts alone know them.
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(_, _ string, octets []byte) []byte {
		return bytes.Replace(octets, []byte("@example.org>"), []byte("@stored.example>"), 1)
	}})
	plain := imaptest.StartServer(t, imaptest.Options{})
	joe, ann := harness.Letters(plain, "joe", harness.Notes("j1", "j2", "j3")...), harness.Letters(plain, "ann", harness.Notes("a1", "a2", "a3", "a4", "a5")...)
	dst := harness.Letters(server, "all")
	b := harness.NewShell(t).With("JOE", joe.Options()).With("ANN", ann.Options()).With("DST", dst.Options())
	b.Sh(`imap-fetch $JOE -o joe.zst && imap-fetch $ANN -o ann.zst && cat joe.zst ann.zst >both.zst`).Wants(0)
	b.Sh(`imap-diff $DST both.zst | imap-push --allow rewrite $DST >receipts`).Wants(0)
	if got := len(dst.Dump(t)); got != 8 {
		t.Fatalf("%d messages, want 8", got)
	}
	for _, source := range []string{`both.zst`, `ann.zst`, `joe.zst`} {
		b.Sh(`imap-diff --receipts receipts $DST ` + source + ` | imap-push $DST`).Wants(0).Appended(0)
	}

	// So it is where two folders of an account become one.
	plain.Account("joe").AddMessage("Work", nil, harness.Day(9), harness.Letter("w1", "Hello w1\n"))
	const merge = `imap-fetch $JOE | imap-diff --map Work=INBOX --receipts receipts $DST | imap-push --allow rewrite $DST >>receipts`
	b.Sh(merge).Wants(0).Says("1 appended")
	b.Sh(merge).Wants(0).Says("0 appended")
	plain.Account("joe").Expunge("Work", 1)

	// Nothing of ann's goes, since joe's account lacks it.
	dst = harness.Letters(plain, "kept")
	b = b.With("DST", dst.Options())
	b.Sh(`imap-diff $DST both.zst | imap-push $DST >receipts`).Wants(0).Says("8 appended")
	const mirror = `imap-fetch $JOE | imap-diff --delete-extra --proof receipts $DST | imap-push` + harness.DeleteAll + `$DST`
	b.Sh(mirror).Wants(0).Says("0 to delete")
	plain.Account("joe").Expunge("INBOX", 2)
	b.Sh(mirror).Wants(0).Says("1 deleted")
	dst.Holds(t, "INBOX j1", "INBOX j3", "INBOX a1", "INBOX a2", "INBOX a3", "INBOX a4", "INBOX a5")
	// What would need one source is refused.
	b.Sh(`imap-diff --move receipts $DST >/dev/null`).Wants(64).Says("two sources")
}
