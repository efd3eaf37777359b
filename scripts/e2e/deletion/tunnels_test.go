package deletion

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestTunnels: an account is user, host and port. Joe at three ports of
// 127.0.0.1 is three accounts: a mirror from one to another is no mirror of
// itself, and no base, receipt or plan of one is taken for another's.
func TestTunnels(t *testing.T) {
	t.Parallel()
	src, dst, other := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"), harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"), harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	b := harness.Between(t, src, dst).With("OTHER", other.Options())
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b")}, {Path: "Work", Messages: harness.Notes("c")}}})
	b.Sh(`imap-fetch $SRC -o base.zst`).Wants(0)
	b.Sh(harness.Straight + ` >receipts`).Wants(0).Says("3 appended")
	other.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b")}, {Path: "Work", Messages: harness.Notes("c")}}})
	all := []string{"INBOX a", "INBOX b", "Work c"}

	b.Sh(`imap-fetch --base base.zst $OTHER -o delta.zst`).Wants(64).Says("the base is of")
	b.Sh(`imap-fetch $SRC | imap-diff --receipts receipts $OTHER >plan`).Wants(0).Says("receipts are of other runs")
	b.Sh(`imap-fetch --headers $SRC | imap-diff --delete-extra --proof receipts $OTHER >plan`).Wants(66).Says("tell of no run")
	b.Sh(`imap-fetch --headers $OTHER | imap-diff --delete-extra --proof receipts $DST >plan`).Wants(64).Says("the receipts are of")
	b.Sh(`imap-fetch --headers $OTHER | imap-diff --delete-extra --proof base.zst $DST >plan`).Wants(64).Says("the earlier stream is of")
	b.Sh(`imap-diff --undo receipts $OTHER >plan`).Wants(66).Says("tell of no run")
	b.Sh(`imap-diff --undo receipts $DST -o undo.zst`).Wants(0)
	b.Sh(`imap-push` + harness.DeleteAll + `$OTHER undo.zst`).Wants(3).Says("the plan was made for")
	other.Holds(t, all...)

	src.Expunge(t, "INBOX", 1)
	b.Sh(mirror(``, `--delete-extra --proof receipts`)).Wants(0).Says("1 deleted")
	src.Expunge(t, "INBOX", 2)
	b.Sh(mirror(``, `--delete-extra=all`)).Wants(0).Says("1 deleted")
	dst.Holds(t, "Work c")
	other.Holds(t, all...)
}

// TestReceiptsTwice: receipts of several runs may be in several files, and one
// file may be given twice.
func TestReceiptsTwice(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b")}, {Path: "Work", Messages: harness.Notes("c", "d")}}})
	for name, choice := range map[string]string{"first": "--folder INBOX", "second": "--folder Work"} {
		b.Sh(`imap-fetch ` + choice + ` $SRC | imap-diff $DST | imap-push --header-delete Message-ID --allow rewrite $DST >` + name).Wants(0).Says("2 appended")
	}
	b.Sh(`imap-fetch $SRC | imap-diff --receipts first $DST >plan`).Wants(0).Says("2 present, 2 missing")
	b.Sh(`imap-fetch $SRC | imap-diff --receipts first --receipts second $DST >plan`).Wants(0).Says("4 present, 0 missing")
	b.Sh(`imap-fetch $SRC | imap-diff --receipts first --receipts none $DST >plan`).Wants(66)
	b.Sh(`head -c -20 first >cut && imap-fetch $SRC | imap-diff --receipts cut --receipts second $DST >plan`).Wants(0).Says("4 present, 0 missing")

	src.Expunge(t, "INBOX", 1)
	src.Expunge(t, "Work", 1)
	b.Sh(mirror(``, `--delete-extra --receipts first --receipts second`)).Wants(0).Says("2 deleted")
	dst.Holds(t, "INBOX b", "Work d")
	src.Expunge(t, "INBOX", 2)
	b.Sh(mirror(``, `--delete-extra --proof second --proof first --proof first --receipts first --receipts second`)).Wants(0).Says("1 to delete", "1 deleted")
	dst.Holds(t, "Work d")
	b.Sh(`cat second second >both && imap-diff --undo both $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says("1 deleted")
	dst.Holds(t)
}
