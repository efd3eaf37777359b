package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestTunnels: an account is user, host and port. Joe at three ports of
// 127.0.0.1 is three accounts: a mirror from one to another is no mirror of
// itself, and no base, receipt or plan of one is taken for another's.
func TestTunnels(t *testing.T) {
	t.Parallel()
	src, dst, other := embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"), embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"), embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	b := between(t, src, dst).with("OTHER", other.options())
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b")}, {Path: "Work", Messages: notes("c")}}})
	b.sh(`imap-fetch $SRC -o base.zst`).wants(0)
	b.sh(straight + ` >receipts`).wants(0).says("3 appended")
	other.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b")}, {Path: "Work", Messages: notes("c")}}})
	all := []string{"INBOX a", "INBOX b", "Work c"}

	b.sh(`imap-fetch --base base.zst $OTHER -o delta.zst`).wants(64).says("the base is of")
	b.sh(`imap-fetch $SRC | imap-diff --receipts receipts $OTHER >plan`).wants(0).says("receipts are of other runs")
	b.sh(`imap-fetch --headers $SRC | imap-diff --delete-extra --proof receipts $OTHER >plan`).wants(66).says("tell of no run")
	b.sh(`imap-fetch --headers $OTHER | imap-diff --delete-extra --proof receipts $DST >plan`).wants(64).says("the receipts are of")
	b.sh(`imap-fetch --headers $OTHER | imap-diff --delete-extra --proof base.zst $DST >plan`).wants(64).says("the earlier stream is of")
	b.sh(`imap-diff --undo receipts $OTHER >plan`).wants(66).says("tell of no run")
	b.sh(`imap-diff --undo receipts $DST -o undo.zst`).wants(0)
	b.sh(`imap-push` + deleteAll + `$OTHER undo.zst`).wants(3).says("the plan was made for")
	other.holds(t, all...)

	src.expunge(t, "INBOX", 1)
	b.sh(mirror(``, `--delete-extra --proof receipts`)).wants(0).says("1 deleted")
	src.expunge(t, "INBOX", 2)
	b.sh(mirror(``, `--delete-extra=all`)).wants(0).says("1 deleted")
	dst.holds(t, "Work c")
	other.holds(t, all...)
}

// TestReceiptsTwice: receipts of several runs may be in several files, and one
// file may be given twice.
func TestReceiptsTwice(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b")}, {Path: "Work", Messages: notes("c", "d")}}})
	for name, choice := range map[string]string{"first": "--folder INBOX", "second": "--folder Work"} {
		b.sh(`imap-fetch ` + choice + ` $SRC | imap-diff $DST | imap-push --header-delete Message-ID --allow rewrite $DST >` + name).wants(0).says("2 appended")
	}
	b.sh(`imap-fetch $SRC | imap-diff --receipts first $DST >plan`).wants(0).says("2 present, 2 missing")
	b.sh(`imap-fetch $SRC | imap-diff --receipts first --receipts second $DST >plan`).wants(0).says("4 present, 0 missing")
	b.sh(`imap-fetch $SRC | imap-diff --receipts first --receipts none $DST >plan`).wants(66)
	b.sh(`head -c -20 first >cut && imap-fetch $SRC | imap-diff --receipts cut --receipts second $DST >plan`).wants(0).says("4 present, 0 missing")

	src.expunge(t, "INBOX", 1)
	src.expunge(t, "Work", 1)
	b.sh(mirror(``, `--delete-extra --receipts first --receipts second`)).wants(0).says("2 deleted")
	dst.holds(t, "INBOX b", "Work d")
	src.expunge(t, "INBOX", 2)
	b.sh(mirror(``, `--delete-extra --proof second --proof first --proof first --receipts first --receipts second`)).wants(0).says("1 to delete", "1 deleted")
	dst.holds(t, "Work d")
	b.sh(`cat second second >both && imap-diff --undo both $DST | imap-push` + deleteAll + `$DST`).wants(0).says("1 deleted")
	dst.holds(t)
}
