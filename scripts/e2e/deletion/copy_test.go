package deletion

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// within is the pipeline that copies a folder of the account $SRC to another; no
// body is read.
func within(from, to, options string) string {
	return `imap-fetch --headers --folder '` + from + `' $SRC | imap-diff --map '` + from + `=` + to + `' $SRC | imap-push --server-copy ` + options + ` $SRC`
}

// accounts runs a test with an empty account at each kind of server, by way of
// a line that counts.
func accounts(t *testing.T, test func(t *testing.T, a harness.Account, line *imaptest.FaultProxy)) {
	harness.Pairs(t, func(t *testing.T, src, _ harness.Account) {
		line := imaptest.NewFaultProxy(t, src.Addr)
		test(t, src.By(line.Addr()), line)
	})
}

// entries are what folders of a dump hold, as if they had one name.
func entries(dump []imaptest.Entry, path string) (some []imaptest.Entry) {
	for _, e := range dump {
		if e.Path == path {
			e.Path = "-"
			some = append(some, e)
		}
	}
	return some
}

// TestServerCopy: octets, flags and dates of ugly mail are as they were, no body
// is read or sent, and the same pipeline again, or the same plan, copies nothing.
func TestServerCopy(t *testing.T) {
	t.Parallel()
	accounts(t, func(t *testing.T, a harness.Account, line *imaptest.FaultProxy) {
		messages := harness.Notes("a", "b", "b", "c")
		messages[0].Flags = []string{`\Seen`, `\Flagged`, "Work"}
		messages[1].Flags = []string{`\Deleted`}
		for i, m := range [][]byte{[]byte("Subject: \xe4\xf6\r\n\r\nhi\r\n"), []byte("no header\r\n"), []byte("Message-ID: <long@x>\r\nSubject: l\r\n\r\n" + strings.Repeat("y", 70000) + "\r\n"), harness.Letter("large", strings.Repeat("Hello\n", 400000))} {
			messages = append(messages, imaptest.Message{Octets: m, InternalDate: harness.Day(10 + i)})
		}
		a.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Kontakte & mehr", Messages: messages}, {Path: "Other", Messages: harness.Notes("o")}}}, 5)
		b := harness.Between(t, a, a)
		before := entries(a.Dump(t), "Kontakte & mehr")
		line.SetRules()
		b.Sh(`imap-fetch --headers --folder 'Kontakte & mehr' $SRC | imap-diff -o plan --map 'Kontakte & mehr=Contacts/neu' $SRC && imap-push --dry-run --server-copy $SRC plan`).Wants(0)
		o := b.Sh(`imap-push --server-copy $SRC plan >receipts`).Wants(0).Says(fmt.Sprintf("%d appended", len(before)))
		if n := line.Commands("APPEND"); n > 0 || line.Commands("UID COPY") != 1 {
			t.Errorf("%d APPENDs, %d COPYs\n%s", n, line.Commands("UID COPY"), o)
		}
		if n := line.Octets(imaptest.ToClient) + line.Octets(imaptest.ToServer); n > 400000 {
			t.Errorf("%d octets went over the line", n)
		}
		harness.InOrder(t, before, entries(a.Dump(t), "Contacts/neu"))
		if after := entries(a.Dump(t), "Kontakte & mehr"); len(after) != len(before) {
			t.Errorf("%d of %d messages are left", len(after), len(before))
		}
		b.Sh(`imap-push --server-copy $SRC plan >>receipts`).Wants(0).Says("0 appended", fmt.Sprintf("%d present", len(before)))
		b.Sh(within("Kontakte & mehr", "Contacts/neu", "") + ` >>receipts`).Wants(0).Says("0 appended")
		for _, r := range harness.ReadReceipts(t, string(b.Read("receipts"))).Of("appended") {
			if !r.Copied || r.Target != "Contacts/neu" || r.Key == "" {
				t.Errorf("%+v", r)
			}
		}
		if n := line.Commands("UID COPY"); n != 1 {
			t.Errorf("%d COPYs", n)
		}
	})
}

// TestServerCopyMove renames a folder: its messages are copied, then deleted
// where they were; and another run takes that back.
func TestServerCopyMove(t *testing.T) {
	t.Parallel()
	accounts(t, func(t *testing.T, a harness.Account, _ *imaptest.FaultProxy) {
		a.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("i")}, {Path: "Old", Messages: harness.Notes("a", "b", "b", "c")}}})
		b := harness.Between(t, a, a)
		b.Sh(within("Old", "New", "") + ` >receipts`).Wants(0).Says("4 appended")
		b.Sh(within("Old", "New", "") + ` >>receipts`).Wants(0).Says("0 appended")
		a.Holds(t, "INBOX i", "New a", "New b", "New b", "New c", "Old a", "Old b", "Old b", "Old c")
		b.Sh(`imap-fetch --headers --folder Old $SRC | imap-diff --map Old=New --receipts receipts $SRC | imap-push --server-copy $SRC >>receipts`).Wants(0).Says("4 present + 0 appended")
		a.Expunge(t, "New", 4)
		b.Sh(`imap-diff --move receipts -o moved $SRC`).Wants(0).Says("3 to delete")
		b.Sh(`imap-push $SRC moved`).Wants(3)
		b.Sh(`imap-push --allow delete $SRC moved`).Wants(3) // more than 10%
		a.Holds(t, "INBOX i", "New a", "New b", "New b", "Old a", "Old b", "Old b", "Old c")
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC moved >>moves`).Wants(0).Says("3 deleted")
		a.Holds(t, "INBOX i", "New a", "New b", "New b", "Old c")
		b.Sh(within("Old", "New", "") + ` >>receipts`).Wants(0).Says("1 appended")
		b.Sh(`imap-diff --move receipts $SRC | imap-push` + harness.DeleteAll + `$SRC >>moves`).Wants(0).Says("1 deleted")
		a.Holds(t, "INBOX i", "New a", "New b", "New b", "New c")
		b.Sh(`imap-diff --empty-folders Old $SRC | imap-push --allow delete $SRC`).Wants(0)
		b.Sh(within("New", "Third", "") + ` >again`).Wants(0).Says("4 appended")
		b.Sh(`imap-diff --undo again $SRC | imap-push` + harness.DeleteAll + `$SRC`).Wants(0).Says("4 deleted")
		a.Holds(t, "INBOX i", "New a", "New b", "New b", "New c")
	})
}

// TestServerCopyMerge: two folders go to one; of messages that look alike the
// ones that are missing are told by their octets.
func TestServerCopyMerge(t *testing.T) {
	t.Parallel()
	accounts(t, func(t *testing.T, a harness.Account, _ *imaptest.FaultProxy) {
		alike := func(bodies ...string) (messages []imaptest.Message) {
			for _, body := range bodies {
				messages = append(messages, imaptest.Message{Octets: harness.Letter("same", body+"\n"), InternalDate: harness.Day(1)})
			}
			return messages
		}
		a.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "A", Messages: alike("aa", "bb", "aa")}, {Path: "B", Messages: alike("cc", "bb")}, {Path: "All", Messages: alike("bb", "cc")}}})
		b := harness.Between(t, a, a)
		const mapping = `--map A=All --map B=All`
		for range 2 {
			b.Sh(`imap-fetch --headers --folder A --folder B $SRC | imap-diff ` + mapping + ` $SRC | imap-push --server-copy $SRC >>receipts`).Wants(0)
			count := map[string]int{}
			for _, e := range a.DumpOctets(t) {
				if e.Path == "All" {
					count[string(e.Octets)]++
				}
			}
			for _, m := range alike("aa", "bb") {
				if count[string(m.Octets)] != 2 {
					t.Errorf("%v", count)
				}
			}
			if len(count) != 3 || count[string(alike("cc")[0].Octets)] != 1 {
				t.Errorf("%v", count)
			}
		}
	})
}

// TestServerCopyUsage: what --server-copy has no place beside is refused, and nothing is
// done.
func TestServerCopyUsage(t *testing.T) {
	t.Parallel()
	server, _, dst, b := harness.InMemory(t, 5)
	b.Sh(`imap-fetch --headers $SRC | imap-diff -o other $DST && imap-fetch --headers $SRC | imap-diff -o plan --subfolder Copy $SRC`).Wants(0)
	for _, options := range []string{`$DST other`, `$SRC other`, `$DST plan`, `--unconditional $SRC plan`, `--internaldate header $SRC plan`, `--fix nul=strip $SRC plan`, `--header-add 'X-A: b' $SRC plan`,
		`--pipe cat $SRC plan`, `--flag-map A=B $SRC plan`, `--flags-drop A $SRC plan`, `--flags-keep A $SRC plan`, `--max-line 998=wrap $SRC plan`} {
		b.Sh(`imap-push --server-copy ` + options).Wants(64).Says("--server-copy")
	}
	if n := len(dst.Folders(t)); n > 1 || server.Account("src").Copies() > 0 {
		t.Errorf("%d folders, %d copies", n, server.Account("src").Copies())
	}
	b.Sh(`imap-push $SRC plan`).Wants(64).Says("bodies missing")
	b.Sh(`imap-push --server-copy --preset exchange --internaldate source $SRC plan`).Wants(0).Appended(5)
	if n := server.Account("src").Copies(); n != 5 {
		t.Errorf("%d copies", n)
	}
}

// TestServerCopyRejects: what the server refuses to copy is a plan of its own,
// to be copied later or with its bodies.
func TestServerCopyRejects(t *testing.T) {
	t.Parallel()
	refuse := true
	server := imaptest.StartServer(t, imaptest.Options{OnCopy: func(_, _ string, m imaptest.Message) error {
		if refuse && strings.Contains(string(m.Octets), "Subject: bad") {
			return harness.AppendError("NO", "", "not this one")
		}
		return nil
	}})
	a := harness.Embedded(server, "joe")
	for _, m := range harness.Notes("a", "bad", "c") {
		server.Account("joe").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := harness.Between(t, a, a)
	for range 2 {
		b.Sh(within("INBOX", "Copy", `--rejects rejects`) + ` >receipts`).Wants(3).Says("not this one")
		a.Holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c")
	}
	b.Sh(`imap-fetch --folder INBOX $SRC | imap-diff --map INBOX=Copy $SRC | imap-push --server-copy --rejects rejects2 $SRC`).Wants(3)
	b.Sh(`imap-fetch --select rejects $SRC | imap-push $SRC`).Wants(0).Appended(1)
	a.Holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c", "Copy bad")
	server.Account("joe").Expunge("Copy", 3)
	refuse = false
	b.Sh(`imap-push --server-copy $SRC rejects2`).Wants(0).Appended(1)
	a.Holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c", "Copy bad")
}

// TestServerCopyIntoItself: a folder that is listed cannot be one that is copied
// to, for the next run would take the copies for mail that is to be copied.
func TestServerCopyIntoItself(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	a := harness.Embedded(server, "joe")
	for _, m := range harness.Notes("a", "b") {
		server.Account("joe").AddMessage("Old", nil, m.InternalDate, m.Octets)
	}
	b := harness.Between(t, a, a)
	const all = `imap-fetch --headers $SRC | imap-diff --map Old=New $SRC | imap-push --server-copy $SRC`
	b.Sh(all).Wants(0).Appended(2)
	for range 2 {
		b.Sh(all).Wants(64).Says("New", "--folder")
		b.Sh(within("Old", "New", "")).Wants(0).Appended(0)
	}
	a.Holds(t, "New a", "New b", "Old a", "Old b")
}
