package e2e

import (
	"strings"
	"testing"
	"time"

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
		b.sh(`imap-fetch --headers $SRC | imap-diff --delete-extra ` + proof + ` $DST >plan`).wants(0).says("0 to delete").says("4 messages that the source lacks stay: the receipts tell that they were moved here")
	}
	b.sh(mirror(``, `--delete-extra --proof receipts`) + ` >>receipts`).wants(0).says("1 appended").says("0 to delete")
	dst.holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX new", "Work d")
	src.one(t, notes("later")...)
	b.sh(straight + ` >>receipts`).wants(0)
	src.expunge(t, "INBOX", 4) // no plan of ours has named it
	b.sh(mirror(``, `--delete-extra --proof receipts`) + ` >>receipts`).wants(0).says("1 deleted")
	dst.holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX later", "Work d")
	b.sh(`imap-diff --undo receipts -o undo $DST`).wants(0).says("1 to delete")
	b.sh(`imap-push` + deleteAll + `$DST undo`).wants(0)
	dst.holds(t, "INBOX a", "INBOX b", "INBOX c", "Work d")
	b.sh(mirror(``, `--receipts receipts --delete-extra=all`)).wants(0).says("4 deleted") // which is what it says
}

// TestOnlyCopyLostReceipt: the run that deleted at the source could not say so. The
// same plan, pushed again, finds the messages gone; their copies stay as those of a
// move that has told all.
func TestOnlyCopyLostReceipt(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := letters(server, "src", notes("a", "b")...), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(straight + ` >receipts && imap-diff --move receipts -o moved $DST`).wants(0)
	b.sh(`imap-push` + deleteAll + `$SRC moved >lost && imap-push` + deleteAll + `$SRC moved >>receipts`).wants(0)
	src.holds(t)
	b.sh(mirror(``, `--delete-extra --proof receipts`)).wants(0).says("0 to delete")
	b.sh(`imap-diff --undo receipts $DST | imap-push` + deleteAll + `$DST`).wants(0)
	dst.holds(t, "INBOX a", "INBOX b")
	// Nor do they go where nobody knows whether the source has them.
	b.sh(`sed 's/"result":"expunged"/"result":"failed","reason":"in-doubt"/' receipts >doubt`).wants(0)
	b.sh(mirror(``, `--delete-extra --proof doubt`)).wants(0).says("0 to delete")
	b.sh(`imap-diff --undo doubt $DST | imap-push` + deleteAll + `$DST`).wants(0)
	dst.holds(t, "INBOX a", "INBOX b")
}

// TestOnlyCopyKilledRun: the run that deleted at the source was killed before it could
// say so, and has not been repeated. It has named what it was about to delete.
func TestOnlyCopyKilledRun(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, verb := range []string{"UID EXPUNGE", "EXPUNGE"} {
		user := strings.ReplaceAll(verb, " ", "-")
		src := letters(server, user+"-src", notes("a", "b")...)
		dst := letters(server, user+"-dst", notes("own")...)
		line := imaptest.NewFaultProxy(t, src.addr, imaptest.StallAnswer(verb, 1, 0))
		b := between(t, src.by(line.Addr()), dst)
		b.sh(straight + ` >receipts && imap-diff --move receipts -o moved $DST`).wants(0)
		options := ` --allow delete --max-delete 100% `
		if verb == "EXPUNGE" {
			options += `--allow full-expunge --disable-cap UIDPLUS `
		}
		s := b.start(`imap-push` + options + `$SRC moved >>receipts`)
		for deadline := time.Now().Add(time.Minute); line.Fired() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		s.kill(0)
		s.wait(time.Minute)
		src.holds(t)
		for _, proof := range []string{`--proof receipts`, `--proof receipts --receipts receipts`} {
			b.sh(mirror(``, `--delete-extra `+proof)).wants(0).says("0 to delete")
		}
		b.sh(`imap-diff --undo receipts $DST | imap-push` + deleteAll + `$DST`).wants(0)
		dst.holds(t, "INBOX own", "INBOX a", "INBOX b")
	}
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

// TestDeleteForMarked: a copy that is marked \Deleted goes with the next EXPUNGE of any
// client, so that nothing is deleted for it.
func TestDeleteForMarked(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := letters(server, "src", notes("a", "b")...), letters(server, "dst", notes("own")...)
	b := between(t, src, dst)
	b.sh(straight + ` >receipts && imap-fetch $SRC -o mail`).wants(0)
	dst.tell(t, `SELECT INBOX`, `UID STORE 2 +FLAGS (\Deleted)`)
	b.sh(`imap-diff --move receipts -o moved $DST`).wants(0).says("2 acknowledged, 1 to delete").says(`1 message stays, as "INBOX" UID 1`)
	b.sh(`imap-diff --delete-present -o present $DST mail`).wants(0).says("1 to delete").says(`1 message stays, as "INBOX" UID 1`)
	b.sh(`imap-push` + deleteAll + `$SRC moved`).wants(0).says("1 deleted")
	b.sh(`imap-push` + deleteAll + `$SRC present`).wants(0)
	src.holds(t, "INBOX a")
	// Of two of one text, the one that the source's stands for is marked: the other is no extra.
	server.Account("dst").Expunge("INBOX", 1)
	server.Account("dst").Expunge("INBOX", 3)
	server.Account("dst").AddMessage("INBOX", nil, day(0), notes("a")[0].Octets)
	b.sh(mirror(``, `--delete-extra=all`)).wants(0).says("0 to delete")
	// All copies of one text are marked: none goes for another.
	dst.tell(t, `SELECT INBOX`, `UID STORE 4 +FLAGS (\Deleted)`)
	b.sh(`imap-diff --delete-duplicates $DST | imap-push` + deleteAll + `$DST`).wants(0).says("1 copy stays")
	dst.holds(t, "INBOX a", "INBOX a")
}

// TestOnlyCopyOfOtherPlans: what --delete-present and --delete-source have deleted at the
// source has its only copy at the destination, as what was moved.
func TestOnlyCopyOfOtherPlans(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for option, to := range map[string]string{`--delete-present`: ` $DST`, `--delete-source`: ``} {
		user := strings.TrimPrefix(option, "--delete-")
		src := letters(server, user+"-src", notes("a", "b", "c", "stays")...)
		dst := letters(server, user+"-dst", notes("own", "b")...)
		b := between(t, src, dst)
		b.sh(straight + ` >receipts && imap-fetch $SRC -o monday`).wants(0)
		b.sh(`imap-fetch --uid 1:3 $SRC | imap-diff ` + option + to + ` | imap-push` + deleteAll + `$SRC >>receipts`).wants(0).says("3 deleted")
		for _, proof := range []string{`--proof receipts`, `--proof receipts --proof monday`} {
			b.sh(mirror(``, `--delete-extra `+proof)).wants(0).says("0 to delete")
		}
		b.sh(`imap-diff --undo receipts $DST | imap-push` + deleteAll + `$DST`).wants(0).says("1 deleted")
		src.holds(t, "INBOX stays")
		if left := dst.dump(t); len(left) != 4 {
			t.Errorf("%s: %v is left", option, left)
		}
	}
}
