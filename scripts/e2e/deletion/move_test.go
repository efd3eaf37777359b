package deletion

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestMove: what is on both sides goes from the source, and one copy is
// left; a plan alone removes nothing; what was refused, or is not at the
// destination any more, stays at the source.
func TestMove(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b", "b")}, {Path: "Work", Messages: harness.Notes("c")}}})
		b := harness.Between(t, src, dst)
		b.Sh(harness.Straight + ` >>receipts`).Wants(0)
		b.Sh(harness.Straight + ` >>receipts`).Wants(0) // they are on both sides, and were before
		b.Sh(`imap-diff --move receipts -o plan $DST`).Wants(0).Says("4 acknowledged, 4 to delete")
		src.Holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		b.Sh(`imap-push $SRC plan`).Wants(3)
		b.Sh(`imap-push --allow delete $SRC plan`).Wants(3) // more than 10%
		b.Sh(`imap-push --dry-run` + harness.DeleteAll + `$SRC plan`).Wants(0)
		b.Sh(`imap-push` + harness.DeleteAll + `$DST plan`).Wants(3) // the wrong account
		src.Holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		dst.Holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		src.One(t, harness.Notes("new")...)
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0).Says("4 deleted")
		src.Holds(t, "INBOX new")
		dst.Holds(t, "INBOX a", "INBOX b", "INBOX b", "Work c")
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0) // once more
		src.Holds(t, "INBOX new")
		b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
		src.Holds(t, "INBOX new")
		b.Sh(`imap-diff --empty-folders ^Work $SRC | imap-push --allow delete $SRC`).Wants(0).Says("1 folder to remove")
		for _, box := range src.Folders(t) {
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
			return harness.AppendError("NO", "", "not this one")
		}
		return nil
	}})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	for _, m := range harness.Notes("a", "bad", "c", "d") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight + ` >receipts`).Wants(3)
	server.Account("dst").Expunge("INBOX", 2)
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
	src.Holds(t, "INBOX bad", "INBOX c")
	dst.Holds(t, "INBOX a", "INBOX d")
	server.Account("dst").SetUIDValidity("INBOX", 4711)
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
	src.Holds(t, "INBOX bad", "INBOX c")
}

// TestMoveWithoutUIDs: where the destination tells no UIDs, a message goes from
// the source only if its octets are there. Another of its key is no proof.
func TestMoveWithoutUIDs(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	src := harness.Letters(server, "src", imaptest.Message{Octets: harness.Letter("one", "Hello\n"), InternalDate: harness.Day(1)}, imaptest.Message{Octets: harness.Letter("two", "Hello\n"), InternalDate: harness.Day(2)})
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, src, harness.WithoutAPPENDUID(t, dst))
	b.Sh(harness.Straight + ` >receipts`).Wants(0).Says("2 appended")
	server.Account("dst").AddMessage("INBOX", nil, harness.Day(9), harness.Letter("one", "Another text\n"))
	server.Account("dst").Expunge("INBOX", 1)
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0).Says("2 acknowledged, 1 to delete")
	src.Holds(t, "INBOX one")
	dst.Holds(t, "INBOX two", "INBOX one")
}

// TestUndoOwnCopyGone: the copy that a run has sent was deleted since. One that was
// there before has the same octets, and is not taken for it.
func TestUndoOwnCopyGone(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Letters(server, "src", harness.Notes("a", "b")...), harness.Letters(server, "dst", harness.Notes("a")...)
	server.Account("src").AddMessage("INBOX", nil, harness.Day(0), harness.Notes("a")[0].Octets)
	b := harness.Between(t, src, harness.WithoutAPPENDUID(t, dst))
	b.Sh(harness.Straight + ` >receipts`).Wants(0).Says("2 appended")
	for _, e := range dst.DumpOctets(t) {
		if e.UID > 1 && strings.Contains(string(e.Octets), "Hello a") {
			server.Account("dst").Expunge("INBOX", e.UID)
		}
	}
	b.Sh(`imap-diff --undo receipts $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says("1 deleted")
	dst.Holds(t, "INBOX a")
}

// TestMoveWithoutProof: receipts that prove nothing move nothing.
// TestUndo takes a run back: its messages and its folders, and nothing else.
// TestDups: copies in one folder are listed, and deleted but for one; what has
// the same key alone, or is in another folder, is none.
// mirror is the straight-through pipeline that deletes, too.
func mirror(fetch, diff string) string {
	return `imap-fetch --headers ` + fetch + ` $SRC | imap-diff ` + diff + ` $DST | imap-fetch --select - $SRC | imap-push` + harness.DeleteAll + `$DST`
}

// TestMoveAndMirror cannot be had at once.
func TestMoveAndMirror(t *testing.T) {
	t.Parallel()
	_, _, _, b := harness.InMemory(t, 3)
	b.Sh(harness.Straight + ` >receipts && imap-fetch $SRC -o mail`).Wants(0)
	for _, options := range []string{`--move receipts --delete-extra=all $DST`, `--delete-extra --proof receipts --move receipts $DST`, `--move receipts --undo receipts $DST`, `--move receipts --report $DST`, `--undo receipts --delete-duplicates $DST`,
		`--duplicates --delete-duplicates $DST`, `--extra --duplicates $DST`, `--move receipts $DST mail`, `--duplicates $DST mail`, `--move receipts --automap $DST`, `--delete-extra $DST mail`, `--delete-extra=none $DST mail`, `--delete-extra=all --proof receipts $DST mail`,
		`--proof receipts $DST mail`, `--delete-extra=all --report $DST mail`, `--delete-extra=all --folders-only $DST mail`, `--delete-extra=all --edited $DST mail`, `--delete-extra=all mail mail`,
		`--delete-present --sync-flags exact $DST mail`, `--extra --sync-flags add $DST mail`} {
		b.Sh(`imap-diff ` + options + ` >out`).Wants(64)
	}
	b.Sh(`imap-push --allow full-expunge $DST mail`).Wants(64)
	b.Sh(`imap-push --max-delete many $DST mail`).Wants(64)
}

// TestMirror: only what came from the source and has gone there goes from
// the destination; all that is not there, where that is asked for; and nothing
// for what was filtered away, or cut.
func TestMirror(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b", "c", "b")}, {Path: "Work", Messages: harness.Notes("d", "e")}, {Path: "Gone", Messages: harness.Notes("g")}}})
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch --headers $SRC -o monday`).Wants(0)
		b.Sh(harness.Straight + ` >receipts`).Wants(0).Says("7 appended")
		dst.One(t, harness.Notes("own")...)
		dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Mine", Messages: harness.Notes("m")}, {Path: "Work", Messages: harness.Notes("w")}}})
		before := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX b", "INBOX own", "Gone g", "Mine m", "Work d", "Work e", "Work w"}
		dst.Holds(t, before...)
		src.Expunge(t, "INBOX", 2)
		src.Expunge(t, "Work", 1, 2)
		src.Expunge(t, "Gone", 1)
		src.One(t, harness.Notes("new")...)

		b.Sh(mirror(`--since 2015-06-02`, `--delete-extra=all`)).Wants(64).Says("leaves out")
		b.Sh(mirror(`--since 2015-06-02`, `--delete-extra --proof receipts`)).Wants(64)
		b.Sh(mirror(`--folder INBOX`, `--delete-extra=all`)).Wants(64)
		b.Sh(mirror(``, `--delete-extra=all --map Work=-`)).Wants(64)
		b.Sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-extra=all $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(65)
		before = append(before[:5], append([]string{"INBOX new"}, before[5:]...)...) // what was whole was acted on
		b.Sh(`imap-fetch $SRC | imap-diff --delete-extra=all -o plan $DST`).Wants(0)
		b.Sh(`imap-push --dry-run` + harness.DeleteAll + `$DST plan`).Wants(0)
		dst.Holds(t, before...)

		o := b.Sh(`imap-fetch --headers $SRC | imap-diff --extra $DST`).Wants(0).Says("7 extra")
		if strings.Count(o.Stdout, "extra") != 7 || strings.Contains(o.Stdout, "missing") {
			t.Errorf("%s", o.Stdout)
		}
		b.Sh(mirror(`--folder INBOX`, `--delete-extra --receipts receipts`)+` >>receipts`).Wants(0).Says("1 to delete", "1 message that the source lacks stays", "1 deleted")
		after := []string{"INBOX a", "INBOX c", "INBOX b", "INBOX own", "INBOX new"}
		dst.Holds(t, append(after, before[6:]...)...)
		b.Sh(mirror(``, `--delete-extra --proof monday`) + ` >>receipts`).Wants(0).Says("3 deleted")
		dst.Holds(t, append(after, "Mine m", "Work w")...)
		b.Sh(mirror(``, `--delete-extra --proof monday --proof receipts`)).Wants(0).Says("0 to delete", "2 messages that the source lacks stay")
		b.Sh(mirror(``, `--delete-extra --receipts receipts`)).Wants(0).Says("0 to delete", "2 messages that the source lacks stay")
		b.Sh(mirror(``, `--delete-extra=all`)).Wants(0).Says("2 deleted")
		dst.Holds(t, "INBOX a", "INBOX c", "INBOX b", "INBOX new", "Mine m")
		b.Sh(mirror(``, `--delete-extra=all`)).Wants(0).Appended(0)
		src.Holds(t, "INBOX a", "INBOX c", "INBOX b", "INBOX new")
	})
}

// TestMirrorOfMergedAccounts: two folders go to one, which holds every message once
// for each of them; what came from the one is never deleted for what the other
// lacks.
func TestMirrorOfMergedAccounts(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "A", Messages: harness.Notes("x", "a1", "a2")}, {Path: "B", Messages: harness.Notes("x", "b1")}}})
		b := harness.Between(t, src, dst)
		const merge = `--map A=All --map B=All `
		b.Sh(`imap-fetch --headers $SRC -o monday`).Wants(0)
		b.Sh(harness.PipelineWith(merge) + ` >receipts`).Wants(0)
		all := []string{"All x", "All a1", "All a2", "All x", "All b1"}
		dst.Holds(t, all...)
		for _, proof := range []string{"--delete-extra --proof receipts ", "--delete-extra --proof monday ", "--delete-extra=all "} {
			b.Sh(mirror(``, merge+proof)).Wants(0).Says("0 to delete")
			if proof != "--delete-extra=all " {
				b.Sh(mirror(`--folder A`, merge+proof)).Wants(0).Says("0 to delete")
				b.Sh(mirror(`--folder B`, `--map B=All `+proof)).Wants(0).Says("0 to delete")
			}
		}
		b.Sh(mirror(`--folder A`, merge+`--delete-extra=all`)).Wants(64)
		b.Sh(mirror(``, `--map A=All --map B=- --delete-extra=all`)).Wants(64)
		dst.Holds(t, all...)
		src.Expunge(t, "A", 1, 2)
		b.Sh(mirror(`--folder B`, merge+`--delete-extra --proof receipts --proof monday`)).Wants(0).Says("0 to delete")
		dst.Holds(t, all...)
		b.Sh(mirror(`--folder A`, merge+`--delete-extra --proof receipts`)).Wants(0).Says("2 deleted")
		dst.Holds(t, "All a2", "All x", "All b1")
		src.Expunge(t, "B", 1)
		b.Sh(mirror(``, merge+`--delete-extra --proof monday`)).Wants(0).Says("1 deleted")
		dst.Holds(t, "All a2", "All b1")
		b.Sh(mirror(``, merge+`--delete-extra=all`)).Wants(0).Says("0 to delete")
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
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		large := imaptest.Message{Octets: harness.Letter("large", strings.Repeat("Hello\n", 400000)), InternalDate: harness.Day(1)}
		other := imaptest.Message{Octets: harness.Letter("c", "Hullo c\n"), InternalDate: harness.Day(2)} // looks like c
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(harness.Notes("a", "b", "c", "b"), large)}, {Path: "Work", Messages: harness.Notes("d")}}})
		dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(harness.Notes("a", "b"), other, large)}, {Path: "Else", Messages: harness.Notes("d")}}})
		b := harness.Between(t, src, dst)
		before := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX b", "INBOX large", "Work d"}
		b.Sh(`imap-fetch --headers $SRC | imap-diff --delete-present $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(64)
		b.Sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-present $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(65)
		b.Sh(`(imap-fetch $SRC; imap-fetch $SRC) | imap-diff --delete-present $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(64)
		alias := b.With("SRC2", strings.Replace(src.Options(), "127.0.0.1", "localhost", 1))
		for _, itself := range []string{`$SRC`, `$SRC2`, `--map Work=INBOX $SRC`} { // every message would stand for itself
			alias.Sh(`imap-fetch $SRC | imap-diff --delete-present ` + itself + ` | imap-push` + harness.DeleteAll + `$SRC`).Wants(64)
		}
		src.Holds(t, before...)
		b.Sh(`imap-fetch $SRC | imap-diff --delete-present -o plan $DST`).Wants(0).Says("6 listed, 3 to delete")
		b.Sh(`imap-push` + harness.DeleteAll + `$DST plan`).Wants(3)
		src.Holds(t, before...)
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0).Says("3 deleted")
		left := src.DumpOctets(t)
		if len(left) != 3 {
			t.Errorf("%d messages are left", len(left))
		}
		b.Sh(`imap-fetch $SRC | imap-diff --delete-present --map Work=Else $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0).Says("2 deleted")
		src.Holds(t, "INBOX c") // the second b too: its octets are there
		dst.Holds(t, "INBOX a", "INBOX b", "INBOX c", "INBOX large", "Else d")
	})
}

// TestMoveOfChangedMessages: a message that was changed on its way is known at
// both ends.
