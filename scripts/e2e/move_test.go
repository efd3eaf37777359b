package e2e

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestMove: what is on both sides goes from the source, and one copy is
// left; a plan alone removes nothing; what was refused, or is not at the
// destination any more, stays at the source.
func TestMove(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b", "b")}, {Path: "Work", Messages: notes("c")}}})
		b := between(t, src, dst)
		b.sh(straight + ` >>receipts`).wants(0)
		b.sh(straight + ` >>receipts`).wants(0) // they are on both sides, and were before
		b.sh(`imap-diff --move receipts -o plan $DST`).wants(0).says("4 acknowledged, 4 to delete")
		src.holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		b.sh(`imap-push $SRC plan`).wants(3)
		b.sh(`imap-push --allow delete $SRC plan`).wants(3) // more than 10%
		b.sh(`imap-push --dry-run` + deleteAll + `$SRC plan`).wants(0)
		b.sh(`imap-push` + deleteAll + `$DST plan`).wants(3) // the wrong account
		src.holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		dst.holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		src.one(t, notes("new")...)
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0).says("4 deleted")
		src.holds(t, "INBOX new")
		dst.holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0) // once more
		src.holds(t, "INBOX new")
		b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0)
		src.holds(t, "INBOX new")
		b.sh(`imap-diff --empty-folders ^Work $SRC | imap-push --allow delete $SRC`).wants(0).says("1 folder to remove")
		for _, box := range src.folders(t) {
			if box.Path == "Work" {
				t.Error("the empty folder is there")
			}
		}
	})
}

// TestMoveKeepsWhatIsRefused: the source keeps what the destination has refused, and
// what it has lost since.
func TestMoveKeepsWhatIsRefused(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnAppend: func(_, _ string, m imaptest.Message) error {
		if strings.Contains(string(m.Octets), "Subject: bad") {
			return says("NO", "", "not this one")
		}
		return nil
	}})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	for _, m := range notes("a", "bad", "c", "d") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := between(t, src, dst)
	b.sh(straight + ` >receipts`).wants(3)
	server.Account("dst").Expunge("INBOX", 2)
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0)
	src.holds(t, "INBOX bad", "INBOX c")
	dst.holds(t, "INBOX a", "INBOX d")
	server.Account("dst").SetUIDValidity("INBOX", 4711)
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0)
	src.holds(t, "INBOX bad", "INBOX c")
}

// TestMoveWithoutUIDs: where the destination tells no UIDs, a message goes from
// the source only if its octets are there. Another of its key is no proof.
func TestMoveWithoutUIDs(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	src := letters(server, "src", imaptest.Message{Octets: letter("one", "Hello\n"), InternalDate: day(1)}, imaptest.Message{Octets: letter("two", "Hello\n"), InternalDate: day(2)})
	dst := embedded(server, "dst")
	b := between(t, src, withoutAPPENDUID(t, dst))
	b.sh(straight + ` >receipts`).wants(0).says("2 appended")
	server.Account("dst").AddMessage("INBOX", nil, day(9), letter("one", "Another text\n"))
	server.Account("dst").Expunge("INBOX", 1)
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0).says("2 acknowledged, 1 to delete")
	src.holds(t, "INBOX one")
	dst.holds(t, "INBOX two", "INBOX one")
}

// TestUndoOwnCopyGone: the copy that a run has sent was deleted since. One that was
// there before has the same octets, and is not taken for it.
func TestUndoOwnCopyGone(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := letters(server, "src", notes("a", "b")...), letters(server, "dst", notes("a")...)
	server.Account("src").AddMessage("INBOX", nil, day(0), notes("a")[0].Octets)
	b := between(t, src, withoutAPPENDUID(t, dst))
	b.sh(straight + ` >receipts`).wants(0).says("2 appended")
	for _, e := range dst.dumpOctets(t) {
		if e.UID > 1 && strings.Contains(string(e.Octets), "Hello a") {
			server.Account("dst").Expunge("INBOX", e.UID)
		}
	}
	b.sh(`imap-diff --undo receipts $DST | imap-push` + deleteAll + `$DST`).wants(0).says("1 deleted")
	dst.holds(t, "INBOX a")
}

// TestMoveWithoutProof: receipts that prove nothing move nothing.
// TestUndo takes a run back: its messages and its folders, and nothing else.
// TestDups: copies in one folder are listed, and deleted but for one; what has
// the same key alone, or is in another folder, is none.
// mirror is the straight-through pipeline that deletes, too.
func mirror(fetch, diff string) string {
	return `imap-fetch --headers ` + fetch + ` $SRC | imap-diff ` + diff + ` $DST | imap-fetch --select - $SRC | imap-push` + deleteAll + `$DST`
}

// TestMoveAndMirror cannot be had at once.
func TestMoveAndMirror(t *testing.T) {
	t.Parallel()
	_, _, _, b := inMemory(t, 3)
	b.sh(straight + ` >receipts && imap-fetch $SRC -o mail`).wants(0)
	for _, options := range []string{`--move receipts --delete-extra=all $DST`, `--delete-extra --proof receipts --move receipts $DST`, `--move receipts --undo receipts $DST`, `--move receipts --report $DST`, `--undo receipts --delete-duplicates $DST`,
		`--duplicates --delete-duplicates $DST`, `--extra --duplicates $DST`, `--move receipts $DST mail`, `--duplicates $DST mail`, `--move receipts --automap $DST`, `--delete-extra $DST mail`, `--delete-extra=none $DST mail`, `--delete-extra=all --proof receipts $DST mail`,
		`--proof receipts $DST mail`, `--delete-extra=all --report $DST mail`, `--delete-extra=all --folders-only $DST mail`, `--delete-extra=all --edited $DST mail`, `--delete-extra=all mail mail`,
		`--delete-present --sync-flags exact $DST mail`, `--extra --sync-flags add $DST mail`} {
		b.sh(`imap-diff ` + options + ` >out`).wants(64)
	}
	b.sh(`imap-push --allow full-expunge $DST mail`).wants(64)
	b.sh(`imap-push --max-delete many $DST mail`).wants(64)
}

// TestMirror: only what came from the source and has gone there goes from
// the destination; all that is not there, where that is asked for; and nothing
// for what was filtered away, or cut.
func TestMirror(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b", "c", "b")}, {Path: "Work", Messages: notes("d", "e")}, {Path: "Gone", Messages: notes("g")}}})
		b := between(t, src, dst)
		b.sh(`imap-fetch --headers $SRC -o monday`).wants(0)
		b.sh(straight + ` >receipts`).wants(0).says("7 appended")
		dst.one(t, notes("own")...)
		dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Mine", Messages: notes("m")}, {Path: "Work", Messages: notes("w")}}})
		before := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX b", "INBOX own", "Gone g", "Mine m", "Work d", "Work e", "Work w"}
		dst.holds(t, before...)
		src.expunge(t, "INBOX", 2)
		src.expunge(t, "Work", 1, 2)
		src.expunge(t, "Gone", 1)
		src.one(t, notes("new")...)

		b.sh(mirror(`--since 2015-06-02`, `--delete-extra=all`)).wants(64).says("leaves out")
		b.sh(mirror(`--since 2015-06-02`, `--delete-extra --proof receipts`)).wants(64)
		b.sh(mirror(`--folder INBOX`, `--delete-extra=all`)).wants(64)
		b.sh(mirror(``, `--delete-extra=all --map Work=-`)).wants(64)
		b.sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-extra=all $DST | imap-push` + deleteAll + `$DST`).wants(65)
		before = append(before[:5], append([]string{"INBOX new"}, before[5:]...)...) // what was whole was acted on
		b.sh(`imap-fetch $SRC | imap-diff --delete-extra=all -o plan $DST`).wants(0)
		b.sh(`imap-push --dry-run` + deleteAll + `$DST plan`).wants(0)
		dst.holds(t, before...)

		o := b.sh(`imap-fetch --headers $SRC | imap-diff --extra $DST`).wants(0).says("7 extra")
		if strings.Count(o.stdout, "extra") != 7 || strings.Contains(o.stdout, "missing") {
			t.Errorf("%s", o.stdout)
		}
		b.sh(mirror(`--folder INBOX`, `--delete-extra --receipts receipts`)+` >>receipts`).wants(0).says("1 to delete", "1 message that the source lacks stays", "1 deleted")
		after := []string{"INBOX a", "INBOX c", "INBOX b", "INBOX own", "INBOX new"}
		dst.holds(t, append(after, before[6:]...)...)
		b.sh(mirror(``, `--delete-extra --proof monday`) + ` >>receipts`).wants(0).says("3 deleted")
		dst.holds(t, append(after, "Mine m", "Work w")...)
		b.sh(mirror(``, `--delete-extra --proof monday --proof receipts`)).wants(0).says("0 to delete", "2 messages that the source lacks stay")
		b.sh(mirror(``, `--delete-extra --receipts receipts`)).wants(0).says("0 to delete", "2 messages that the source lacks stay")
		b.sh(mirror(``, `--delete-extra=all`)).wants(0).says("2 deleted")
		dst.holds(t, "INBOX a", "INBOX c", "INBOX b", "INBOX new", "Mine m")
		b.sh(mirror(``, `--delete-extra=all`)).wants(0).appended(0)
		src.holds(t, "INBOX a", "INBOX c", "INBOX b", "INBOX new")
	})
}

// TestMirrorOfMergedAccounts: two folders go to one, which holds every message once
// for each of them; what came from the one is never deleted for what the other
// lacks.
func TestMirrorOfMergedAccounts(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "A", Messages: notes("x", "a1", "a2")}, {Path: "B", Messages: notes("x", "b1")}}})
		b := between(t, src, dst)
		const merge = `--map A=All --map B=All `
		b.sh(`imap-fetch --headers $SRC -o monday`).wants(0)
		b.sh(by(merge) + ` >receipts`).wants(0)
		all := []string{"All x", "All a1", "All a2", "All x", "All b1"}
		dst.holds(t, all...)
		for _, proof := range []string{"--delete-extra --proof receipts ", "--delete-extra --proof monday ", "--delete-extra=all "} {
			b.sh(mirror(``, merge+proof)).wants(0).says("0 to delete")
			if proof != "--delete-extra=all " {
				b.sh(mirror(`--folder A`, merge+proof)).wants(0).says("0 to delete")
				b.sh(mirror(`--folder B`, `--map B=All `+proof)).wants(0).says("0 to delete")
			}
		}
		b.sh(mirror(`--folder A`, merge+`--delete-extra=all`)).wants(64)
		b.sh(mirror(``, `--map A=All --map B=- --delete-extra=all`)).wants(64)
		dst.holds(t, all...)
		src.expunge(t, "A", 1, 2)
		b.sh(mirror(`--folder B`, merge+`--delete-extra --proof receipts --proof monday`)).wants(0).says("0 to delete")
		dst.holds(t, all...)
		b.sh(mirror(`--folder A`, merge+`--delete-extra --proof receipts`)).wants(0).says("2 deleted")
		dst.holds(t, "All a2", "All x", "All b1")
		src.expunge(t, "B", 1)
		b.sh(mirror(``, merge+`--delete-extra --proof monday`)).wants(0).says("1 deleted")
		dst.holds(t, "All a2", "All b1")
		b.sh(mirror(``, merge+`--delete-extra=all`)).wants(0).says("0 to delete")
	})
}

// TestMirrorAgainstDoubt: sources on whose word nothing is deleted.
// rehash is what whoever forges a stream does: it counts and hashes anew.
// TestDeleteSource empties an account by criteria, of what was kept in an
// archive, octet for octet.
// TestDeleteWithoutUIDPlus: refused unless told; then only where nobody else has
// marked anything, and with UIDPLUS that is no matter.
// TestFolderReplaced: a folder that was renamed since the plan was made, and
// another that has its name now, keep all they hold.
// TestDeletePresent: what is on both sides goes from the source, whoever
// has brought it there, if its octets are the same.
func TestDeletePresent(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		large := imaptest.Message{Octets: letter("large", strings.Repeat("Hello\n", 400000)), InternalDate: day(1)}
		other := imaptest.Message{Octets: letter("c", "Hullo c\n"), InternalDate: day(2)} // looks like c
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(notes("a", "b", "c", "b"), large)}, {Path: "Work", Messages: notes("d")}}})
		dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(notes("a", "b"), other, large)}, {Path: "Else", Messages: notes("d")}}})
		b := between(t, src, dst)
		before := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX b", "INBOX large", "Work d"}
		b.sh(`imap-fetch --headers $SRC | imap-diff --delete-present $DST | imap-push` + deleteAll + `$SRC`).wants(64)
		b.sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-present $DST | imap-push` + deleteAll + `$SRC`).wants(65)
		b.sh(`(imap-fetch $SRC; imap-fetch $SRC) | imap-diff --delete-present $DST | imap-push` + deleteAll + `$SRC`).wants(64)
		alias := b.with("SRC2", strings.Replace(src.options(), "127.0.0.1", "localhost", 1))
		for _, itself := range []string{`$SRC`, `$SRC2`, `--map Work=INBOX $SRC`} { // every message would stand for itself
			alias.sh(`imap-fetch $SRC | imap-diff --delete-present ` + itself + ` | imap-push` + deleteAll + `$SRC`).wants(64)
		}
		src.holds(t, before...)
		b.sh(`imap-fetch $SRC | imap-diff --delete-present -o plan $DST`).wants(0).says("6 listed, 3 to delete")
		b.sh(`imap-push` + deleteAll + `$DST plan`).wants(3)
		src.holds(t, before...)
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0).says("3 deleted")
		left := src.dumpOctets(t)
		if len(left) != 3 {
			t.Errorf("%d messages are left", len(left))
		}
		b.sh(`imap-fetch $SRC | imap-diff --delete-present --map Work=Else $DST | imap-push` + deleteAll + `$SRC`).wants(0).says("2 deleted")
		src.holds(t, "INBOX c") // the second b too: its octets are there
		dst.holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX large", "Else d")
	})
}

// TestMoveOfChangedMessages: a message that was changed on its way is known at
// both ends.
