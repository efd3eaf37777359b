package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestBaseAlone: a delta without its base brings all that its new messages have
// to be counted with, be they without Message-ID or not told of by a base that is
// a delta itself.
func TestBaseAlone(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		nameless := imaptest.Message{Octets: []byte("Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: Joe <joe@example.org>\r\nSubject: nameless\r\n\r\nHello\r\n"), InternalDate: day(1)}
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(notes("a", "b", "c"), nameless)}, {Path: "Work", Messages: notes("d")}}})
		b := between(t, src, dst)
		b.sh(`imap-fetch $SRC -o 0 && imap-diff $DST 0 | imap-push $DST`).wants(0).says("5 appended")
		src.tell(t, "SELECT INBOX", `UID STORE 1 +FLAGS.SILENT (\Flagged)`)
		b.sh(`imap-fetch --base 0 $SRC -o 1 && imap-diff --sync-flags exact $DST 1 | imap-push $DST`).wants(0).appended(0)
		src.one(t, append(notes("b", "a"), nameless)...)
		b.sh(`imap-fetch --base 1 $SRC -o 2`).wants(0)
		b.sh(`imap-diff $DST 2 | imap-push $DST`).wants(0).appended(3)
		same(t, src.dump(t), dst.dump(t))
		// What other folders have is in the base alone.
		src.one(t, notes("d")...)
		b.sh(`imap-fetch --base 2 $SRC -o 3 && cat 0 1 2 3 >all`).wants(0)
		b.sh(`imap-diff --match account $DST 3 | imap-push $DST`).wants(64).says("a file of both")
		b.sh(`imap-diff --map Work=INBOX $DST 3 | imap-push $DST`).wants(64).says("a file of both")
		b.sh(`imap-diff --map Work=INBOX --report $DST 3`).wants(64)
		b.sh(`imap-diff --match account $DST all | imap-push $DST`).wants(0).appended(1)
		same(t, src.dump(t), dst.dump(t))
		b.sh(`imap-diff --map Work=INBOX $DST all | imap-push $DST`).wants(0).appended(1)
	})
}
