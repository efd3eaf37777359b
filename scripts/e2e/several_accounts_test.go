package e2e

import (
	"bytes"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
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
	joe, ann := letters(plain, "joe", notes("j1", "j2", "j3")...), letters(plain, "ann", notes("a1", "a2", "a3", "a4", "a5")...)
	dst := letters(server, "all")
	b := newBench(t).with("JOE", joe.options()).with("ANN", ann.options()).with("DST", dst.options())
	b.sh(`imap-fetch $JOE -o joe.zst && imap-fetch $ANN -o ann.zst && cat joe.zst ann.zst >both.zst`).wants(0)
	b.sh(`imap-diff $DST both.zst | imap-push --allow rewrite $DST >receipts`).wants(0)
	if got := len(dst.dump(t)); got != 8 {
		t.Fatalf("%d messages, want 8", got)
	}
	for _, source := range []string{`both.zst`, `ann.zst`, `joe.zst`} {
		b.sh(`imap-diff --receipts receipts $DST ` + source + ` | imap-push $DST`).wants(0).appended(0)
	}

	// So it is where two folders of an account become one.
	plain.Account("joe").AddMessage("Work", nil, day(9), letter("w1", "Hello w1\n"))
	const merge = `imap-fetch $JOE | imap-diff --map Work=INBOX --receipts receipts $DST | imap-push --allow rewrite $DST >>receipts`
	b.sh(merge).wants(0).says("1 appended")
	b.sh(merge).wants(0).says("0 appended")
	plain.Account("joe").Expunge("Work", 1)

	// Nothing of ann's goes, since joe's account lacks it.
	dst = letters(plain, "kept")
	b = b.with("DST", dst.options())
	b.sh(`imap-diff $DST both.zst | imap-push $DST >receipts`).wants(0).says("8 appended")
	const mirror = `imap-fetch $JOE | imap-diff --delete-extra --proof receipts $DST | imap-push` + deleteAll + `$DST`
	b.sh(mirror).wants(0).says("0 to delete")
	plain.Account("joe").Expunge("INBOX", 2)
	b.sh(mirror).wants(0).says("1 deleted")
	dst.holds(t, "INBOX j1", "INBOX j3", "INBOX a1", "INBOX a2", "INBOX a3", "INBOX a4", "INBOX a5")
	// What would need one source is refused.
	b.sh(`imap-diff --move receipts $DST >/dev/null`).wants(64).says("two sources")
}
