package deletion

import (
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestOnlyCopy: what was moved is at the destination alone, and neither a mirror
// by proof nor an undo takes it from there, as long as the receipts tell.
func TestOnlyCopy(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b", "c")}, {Path: "Work", Messages: harness.Notes("d")}}})
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --headers $SRC -o monday; touch receipts`).Wants(0)
	b.Sh(`imap-diff --delete-duplicates $DST | imap-push --allow delete $DST >>receipts`).Wants(0) // of no source
	b.Sh(harness.Straight + ` >>receipts`).Wants(0)
	b.Sh(`imap-diff --delete-duplicates $DST | imap-push --allow delete $DST >>receipts`).Wants(0)
	src.Expunge(t, "INBOX", 3) // and not by us
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC >>receipts`).Wants(0).Says("3 deleted")
	src.One(t, harness.Notes("new")...)
	for _, proof := range []string{`--proof receipts --proof monday`, `--receipts receipts`, `--proof receipts --receipts receipts`} {
		b.Sh(`imap-fetch --headers $SRC | imap-diff --delete-extra ` + proof + ` $DST >plan`).Wants(0).Says("0 to delete").Says("4 messages that the source lacks stay: the receipts tell that they were moved here")
	}
	b.Sh(mirror(``, `--delete-extra --proof receipts`) + ` >>receipts`).Wants(0).Says("1 appended").Says("0 to delete")
	dst.Holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX new", "Work d")
	src.One(t, harness.Notes("later")...)
	b.Sh(harness.Straight + ` >>receipts`).Wants(0)
	src.Expunge(t, "INBOX", 4) // no plan of ours has named it
	b.Sh(mirror(``, `--delete-extra --proof receipts`) + ` >>receipts`).Wants(0).Says("1 deleted")
	dst.Holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX later", "Work d")
	b.Sh(`imap-diff --undo receipts -o undo $DST`).Wants(0).Says("1 to delete")
	b.Sh(`imap-push` + harness.DeleteAll + `$DST undo`).Wants(0)
	dst.Holds(t, "INBOX a", "INBOX b", "INBOX c", "Work d")
	b.Sh(mirror(``, `--receipts receipts --delete-extra=all`)).Wants(0).Says("4 deleted") // which is what it says
}

// TestOnlyCopyLostReceipt: the run that deleted at the source could not say so. The
// same plan, pushed again, finds the messages gone; their copies stay as those of a
// move that has told all.
func TestOnlyCopyLostReceipt(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Letters(server, "src", harness.Notes("a", "b")...), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight + ` >receipts && imap-diff --move receipts -o moved $DST`).Wants(0)
	b.Sh(`imap-push` + harness.DeleteAll + `$SRC moved >lost && imap-push` + harness.DeleteAll + `$SRC moved >>receipts`).Wants(0)
	src.Holds(t)
	b.Sh(mirror(``, `--delete-extra --proof receipts`)).Wants(0).Says("0 to delete")
	b.Sh(`imap-diff --undo receipts $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0)
	dst.Holds(t, "INBOX a", "INBOX b")
	// Nor do they go where nobody knows whether the source has them.
	b.Sh(`sed 's/"result":"expunged"/"result":"failed","reason":"in-doubt"/' receipts >doubt`).Wants(0)
	b.Sh(mirror(``, `--delete-extra --proof doubt`)).Wants(0).Says("0 to delete")
	b.Sh(`imap-diff --undo doubt $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0)
	dst.Holds(t, "INBOX a", "INBOX b")
}

// TestOnlyCopyKilledRun: the run that deleted at the source was killed before it could
// say so, and has not been repeated. It has named what it was about to delete.
func TestOnlyCopyKilledRun(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, verb := range []string{"UID EXPUNGE", "EXPUNGE"} {
		user := strings.ReplaceAll(verb, " ", "-")
		src := harness.Letters(server, user+"-src", harness.Notes("a", "b")...)
		dst := harness.Letters(server, user+"-dst", harness.Notes("own")...)
		line := imaptest.NewFaultProxy(t, src.Addr, imaptest.StallAnswer(verb, 1, 0))
		b := harness.Between(t, src.By(line.Addr()), dst)
		b.Sh(harness.Straight + ` >receipts && imap-diff --move receipts -o moved $DST`).Wants(0)
		options := ` --allow delete --max-delete 100% `
		if verb == "EXPUNGE" {
			options += `--allow full-expunge --disable-cap UIDPLUS `
		}
		s := b.Start(`imap-push` + options + `$SRC moved >>receipts`)
		for deadline := time.Now().Add(time.Minute); line.Fired() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		s.Kill(0)
		s.Wait(time.Minute)
		src.Holds(t)
		for _, proof := range []string{`--proof receipts`, `--proof receipts --receipts receipts`} {
			b.Sh(mirror(``, `--delete-extra `+proof)).Wants(0).Says("0 to delete")
		}
		b.Sh(`imap-diff --undo receipts $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0)
		dst.Holds(t, "INBOX own", "INBOX a", "INBOX b")
	}
}

// TestDeleteSourceOfDeltas: an archive of several files is the account as it
// was in the end; of a message whose flags alone stand in a delta nothing is
// kept there.
func TestDeleteSourceOfDeltas(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b", "c")}}})
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch $SRC -o 0`).Wants(0)
	src.Tell(t, `SELECT INBOX`, `UID STORE 1 +FLAGS (\Flagged)`)
	src.Expunge(t, "INBOX", 2)
	src.One(t, harness.Notes("new")...)
	b.Sh(`imap-fetch --base 0 $SRC -o 1 && cat 0 1 >all`).Wants(0)
	b.Sh(`imap-diff --delete-source -o plan 1`).Wants(0).Says("1 to delete")
	b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0)
	src.Holds(t, "INBOX a", "INBOX c")
	b.Sh(`imap-diff --delete-source -o plan all`).Wants(0).Says("3 to delete")
	b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0).Says("2 deleted")
	src.Holds(t)
	// What the source had on any day is proof.
	b.Sh(`imap-diff $DST all | imap-push $DST && cat 0 | imap-diff $DST | imap-push $DST`).Wants(0)
	dst.Holds(t, "INBOX a", "INBOX c", "INBOX new", "INBOX b")
	b.Sh(mirror(``, `--delete-extra --proof all`)).Wants(0).Says("4 deleted")
	dst.Holds(t)
}

// TestDeleteForMarked: a copy that is marked \Deleted goes with the next EXPUNGE of any
// client, so that nothing is deleted for it.
func TestDeleteForMarked(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Letters(server, "src", harness.Notes("a", "b")...), harness.Letters(server, "dst", harness.Notes("own")...)
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight + ` >receipts && imap-fetch $SRC -o mail`).Wants(0)
	dst.Tell(t, `SELECT INBOX`, `UID STORE 2 +FLAGS (\Deleted)`)
	b.Sh(`imap-diff --move receipts -o moved $DST`).Wants(0).Says("2 acknowledged, 1 to delete").Says(`1 message stays, as "INBOX" UID 1`)
	b.Sh(`imap-diff --delete-present -o present $DST mail`).Wants(0).Says("1 to delete").Says(`1 message stays, as "INBOX" UID 1`)
	b.Sh(`imap-push` + harness.DeleteAll + `$SRC moved`).Wants(0).Says("1 deleted")
	b.Sh(`imap-push` + harness.DeleteAll + `$SRC present`).Wants(0)
	src.Holds(t, "INBOX a")
	// Of two of one text, the one that the source's stands for is marked: the other is no extra.
	server.Account("dst").Expunge("INBOX", 1)
	server.Account("dst").Expunge("INBOX", 3)
	server.Account("dst").AddMessage("INBOX", nil, harness.Day(0), harness.Notes("a")[0].Octets)
	b.Sh(mirror(``, `--delete-extra=all`)).Wants(0).Says("0 to delete")
	// All copies of one text are marked: none goes for another.
	dst.Tell(t, `SELECT INBOX`, `UID STORE 4 +FLAGS (\Deleted)`)
	b.Sh(`imap-diff --delete-duplicates $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says("1 copy stays")
	dst.Holds(t, "INBOX a", "INBOX a")
}

// TestOnlyCopyOfOtherPlans: what --delete-present and --delete-source have deleted at the
// source has its only copy at the destination, as what was moved.
func TestOnlyCopyOfOtherPlans(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for option, to := range map[string]string{`--delete-present`: ` $DST`, `--delete-source`: ``} {
		user := strings.TrimPrefix(option, "--delete-")
		src := harness.Letters(server, user+"-src", harness.Notes("a", "b", "c", "stays")...)
		dst := harness.Letters(server, user+"-dst", harness.Notes("own", "b")...)
		b := harness.Between(t, src, dst)
		b.Sh(harness.Straight + ` >receipts && imap-fetch $SRC -o monday`).Wants(0)
		b.Sh(`imap-fetch --uid 1:3 $SRC | imap-diff ` + option + to + ` | imap-push` + harness.DeleteAll + `$SRC >>receipts`).Wants(0).Says("3 deleted")
		for _, proof := range []string{`--proof receipts`, `--proof receipts --proof monday`} {
			b.Sh(mirror(``, `--delete-extra `+proof)).Wants(0).Says("0 to delete")
		}
		b.Sh(`imap-diff --undo receipts $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says("1 deleted")
		src.Holds(t, "INBOX stays")
		if left := dst.Dump(t); len(left) != 4 {
			t.Errorf("%s: %v is left", option, left)
		}
	}
}
