package archive

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestBaseAlone: a delta without its base brings all that its new messages have
// to be counted with, be they without Message-ID or not told of by a base that is
// a delta itself.
func TestBaseAlone(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		nameless := imaptest.Message{Octets: []byte("Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: Joe <joe@example.org>\r\nSubject: nameless\r\n\r\nHello\r\n"), InternalDate: harness.Day(1)}
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(harness.Notes("a", "b", "c"), nameless)}, {Path: "Work", Messages: harness.Notes("d")}}})
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch $SRC -o 0 && imap-diff $DST 0 | imap-push $DST`).Wants(0).Says("5 appended")
		src.Tell(t, "SELECT INBOX", `UID STORE 1 +FLAGS.SILENT (\Flagged)`)
		b.Sh(`imap-fetch --base 0 $SRC -o 1 && imap-diff --sync-flags exact $DST 1 | imap-push $DST`).Wants(0).Appended(0)
		src.One(t, append(harness.Notes("b", "a"), nameless)...)
		b.Sh(`imap-fetch --base 1 $SRC -o 2`).Wants(0)
		b.Sh(`imap-diff $DST 2 | imap-push $DST`).Wants(0).Appended(3)
		harness.Same(t, src.Dump(t), dst.Dump(t))
		// What other folders have is in the base alone.
		src.One(t, harness.Notes("d")...)
		b.Sh(`imap-fetch --base 2 $SRC -o 3 && cat 0 1 2 3 >all`).Wants(0)
		b.Sh(`imap-diff --match account $DST 3 | imap-push $DST`).Wants(64).Says("a file of both")
		b.Sh(`imap-diff --map Work=INBOX $DST 3 | imap-push $DST`).Wants(64).Says("a file of both")
		b.Sh(`imap-diff --map Work=INBOX --report $DST 3`).Wants(64)
		b.Sh(`imap-diff --match account $DST all | imap-push $DST`).Wants(0).Appended(1)
		harness.Same(t, src.Dump(t), dst.Dump(t))
		b.Sh(`imap-diff --map Work=INBOX $DST all | imap-push $DST`).Wants(0).Appended(1)
	})
}
