package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestOnlyCopy: what was moved is at the destination alone, and neither a mirror
// by proof nor an undo takes it from there, as long as the receipts tell.
func TestOnlyCopy(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b", "c")}, {Path: "Work", Messages: notes("d")}}})
	b := between(t, src, dst)
	b.sh(`imap-fetch --headers $SRC -o monday; touch receipts`).wants(0)
	b.sh(`imap-diff --delete-duplicates $DST | imap-push --allow delete $DST >>receipts`).wants(0) // of no source
	b.sh(straight + ` >>receipts`).wants(0)
	b.sh(`imap-diff --delete-duplicates $DST | imap-push --allow delete $DST >>receipts`).wants(0)
	src.expunge(t, "INBOX", 3) // and not by us
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC >>receipts`).wants(0).says("3 deleted")
	src.one(t, notes("new")...)
	for _, proof := range []string{`--proof receipts --proof monday`, `--receipts receipts`, `--proof receipts --receipts receipts`} {
		b.sh(`imap-fetch --headers $SRC | imap-diff --delete-extra ` + proof + ` $DST >plan`).wants(0).says("1 to delete").says("3 messages that the source lacks stay: the receipts tell that they were moved here")
	}
	b.sh(mirror(``, `--delete-extra --proof receipts`) + ` >>receipts`).wants(0).says("1 appended").says("1 deleted")
	moved := []string{"INBOX a", "INBOX b", "INBOX new", "Work d"}
	dst.holds(t, moved...)
	b.sh(`imap-diff --undo receipts -o undo $DST`).wants(0).says("1 to delete")
	b.sh(`imap-push` + deleteAll + `$DST undo`).wants(0)
	dst.holds(t, "INBOX a", "INBOX b", "Work d")
	b.sh(mirror(``, `--receipts receipts --delete-extra=all`)).wants(0).says("3 deleted") // which is what it says
}

// TestDeleteSourceOfDeltas: an archive of several files is the account as it
// was in the end; of a message whose flags alone stand in a delta nothing is
// kept there.
func TestDeleteSourceOfDeltas(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b", "c")}}})
	b := between(t, src, dst)
	b.sh(`imap-fetch $SRC -o 0`).wants(0)
	src.tell(t, `SELECT INBOX`, `UID STORE 1 +FLAGS (\Flagged)`)
	src.expunge(t, "INBOX", 2)
	src.one(t, notes("new")...)
	b.sh(`imap-fetch --base 0 $SRC -o 1 && cat 0 1 >all`).wants(0)
	b.sh(`imap-diff --delete-source -o plan 1`).wants(0).says("1 to delete")
	b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0)
	src.holds(t, "INBOX a", "INBOX c")
	b.sh(`imap-diff --delete-source -o plan all`).wants(0).says("3 to delete")
	b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0).says("2 deleted")
	src.holds(t)
	// What the source had on any day is proof.
	b.sh(`imap-diff $DST all | imap-push $DST && cat 0 | imap-diff $DST | imap-push $DST`).wants(0)
	dst.holds(t, "INBOX a", "INBOX c", "INBOX new", "INBOX b")
	b.sh(mirror(``, `--delete-extra --proof all`)).wants(0).says("4 deleted")
	dst.holds(t)
}
