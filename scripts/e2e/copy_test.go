package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// within is the pipeline that copies a folder of the account $SRC to another; no
// body is read.
func within(from, to, options string) string {
	return `imap-fetch --headers --folder '` + from + `' $SRC | imap-diff --map '` + from + `=` + to + `' $SRC | imap-push --server-copy ` + options + ` $SRC`
}

// accounts runs a test with an empty account at each kind of server, by way of
// a line that counts.
func accounts(t *testing.T, test func(t *testing.T, a account, line *imaptest.FaultProxy)) {
	pairs(t, func(t *testing.T, src, _ account) {
		line := imaptest.NewFaultProxy(t, src.addr)
		test(t, src.by(line.Addr()), line)
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
	accounts(t, func(t *testing.T, a account, line *imaptest.FaultProxy) {
		messages := notes("a", "b", "b", "c")
		messages[0].Flags = []string{`\Seen`, `\Flagged`, "Work"}
		messages[1].Flags = []string{`\Deleted`}
		for i, m := range [][]byte{[]byte("Subject: \xe4\xf6\r\n\r\nhi\r\n"), []byte("no header\r\n"), []byte("Message-ID: <long@x>\r\nSubject: l\r\n\r\n" + strings.Repeat("y", 70000) + "\r\n"), letter("large", strings.Repeat("Hello\n", 400000))} {
			messages = append(messages, imaptest.Message{Octets: m, InternalDate: day(10 + i)})
		}
		a.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Kontakte & mehr", Messages: messages}, {Path: "Other", Messages: notes("o")}}}, 5)
		b := between(t, a, a)
		before := entries(a.dump(t), "Kontakte & mehr")
		line.SetRules()
		b.sh(`imap-fetch --headers --folder 'Kontakte & mehr' $SRC | imap-diff -o plan --map 'Kontakte & mehr=Contacts/neu' $SRC && imap-push --dry-run --server-copy $SRC plan`).wants(0)
		o := b.sh(`imap-push --server-copy $SRC plan >receipts`).wants(0).says(fmt.Sprintf("%d appended", len(before)))
		if n := line.Commands("APPEND"); n > 0 || line.Commands("UID COPY") != 1 {
			t.Errorf("%d APPENDs, %d COPYs\n%s", n, line.Commands("UID COPY"), o)
		}
		if n := line.Octets(imaptest.ToClient) + line.Octets(imaptest.ToServer); n > 400000 {
			t.Errorf("%d octets went over the line", n)
		}
		inOrder(t, before, entries(a.dump(t), "Contacts/neu"))
		if after := entries(a.dump(t), "Kontakte & mehr"); len(after) != len(before) {
			t.Errorf("%d of %d messages are left", len(after), len(before))
		}
		b.sh(`imap-push --server-copy $SRC plan >>receipts`).wants(0).says("0 appended", fmt.Sprintf("%d present", len(before)))
		b.sh(within("Kontakte & mehr", "Contacts/neu", "") + ` >>receipts`).wants(0).says("0 appended")
		for _, r := range readReceipts(t, string(b.read("receipts"))).of("appended") {
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
	accounts(t, func(t *testing.T, a account, _ *imaptest.FaultProxy) {
		a.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("i")}, {Path: "Old", Messages: notes("a", "b", "b", "c")}}})
		b := between(t, a, a)
		b.sh(within("Old", "New", "") + ` >receipts`).wants(0).says("4 appended")
		b.sh(within("Old", "New", "") + ` >>receipts`).wants(0).says("0 appended")
		a.holds(t, "INBOX i", "New a", "New b", "New b", "New c", "Old a", "Old b", "Old b", "Old c")
		b.sh(`imap-fetch --headers --folder Old $SRC | imap-diff --map Old=New --receipts receipts $SRC | imap-push --server-copy $SRC >>receipts`).wants(0).says("4 present + 0 appended")
		a.expunge(t, "New", 4)
		b.sh(`imap-diff --move receipts -o moved $SRC`).wants(0).says("3 to delete")
		b.sh(`imap-push $SRC moved`).wants(3)
		b.sh(`imap-push --allow delete $SRC moved`).wants(3) // more than 10%
		a.holds(t, "INBOX i", "New a", "New b", "New b", "Old a", "Old b", "Old b", "Old c")
		b.sh(`imap-push` + deleteAll + `$SRC moved >>moves`).wants(0).says("3 deleted")
		a.holds(t, "INBOX i", "New a", "New b", "New b", "Old c")
		b.sh(within("Old", "New", "") + ` >>receipts`).wants(0).says("1 appended")
		b.sh(`imap-diff --move receipts $SRC | imap-push` + deleteAll + `$SRC >>moves`).wants(0).says("1 deleted")
		a.holds(t, "INBOX i", "New a", "New b", "New b", "New c")
		b.sh(`imap-diff --empty-folders Old $SRC | imap-push --allow delete $SRC`).wants(0)
		b.sh(within("New", "Third", "") + ` >again`).wants(0).says("4 appended")
		b.sh(`imap-diff --undo again $SRC | imap-push` + deleteAll + `$SRC`).wants(0).says("4 deleted")
		a.holds(t, "INBOX i", "New a", "New b", "New b", "New c")
	})
}

// TestServerCopyMerge: two folders go to one; of messages that look alike the
// ones that are missing are told by their octets.
func TestServerCopyMerge(t *testing.T) {
	t.Parallel()
	accounts(t, func(t *testing.T, a account, _ *imaptest.FaultProxy) {
		alike := func(bodies ...string) (messages []imaptest.Message) {
			for _, body := range bodies {
				messages = append(messages, imaptest.Message{Octets: letter("same", body+"\n"), InternalDate: day(1)})
			}
			return messages
		}
		a.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "A", Messages: alike("aa", "bb", "aa")}, {Path: "B", Messages: alike("cc", "bb")}, {Path: "All", Messages: alike("bb", "cc")}}})
		b := between(t, a, a)
		const mapping = `--map A=All --map B=All`
		for range 2 {
			b.sh(`imap-fetch --headers --folder A --folder B $SRC | imap-diff ` + mapping + ` $SRC | imap-push --server-copy $SRC >>receipts`).wants(0)
			count := map[string]int{}
			for _, e := range a.dumpOctets(t) {
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
	server, _, dst, b := inMemory(t, 5)
	b.sh(`imap-fetch --headers $SRC | imap-diff -o other $DST && imap-fetch --headers $SRC | imap-diff -o plan --subfolder Copy $SRC`).wants(0)
	for _, options := range []string{`$DST other`, `$SRC other`, `$DST plan`, `--unconditional $SRC plan`, `--internaldate header $SRC plan`, `--fix nul=strip $SRC plan`, `--header-add 'X-A: b' $SRC plan`,
		`--pipe cat $SRC plan`, `--flag-map A=B $SRC plan`, `--flags-drop A $SRC plan`, `--flags-keep A $SRC plan`, `--max-line 998=wrap $SRC plan`} {
		b.sh(`imap-push --server-copy ` + options).wants(64).says("--server-copy")
	}
	if n := len(dst.folders(t)); n > 1 || server.Account("src").Copies() > 0 {
		t.Errorf("%d folders, %d copies", n, server.Account("src").Copies())
	}
	b.sh(`imap-push $SRC plan`).wants(64).says("bodies missing")
	b.sh(`imap-push --server-copy --preset exchange --internaldate source $SRC plan`).wants(0).appended(5)
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
			return says("NO", "", "not this one")
		}
		return nil
	}})
	a := embedded(server, "joe")
	for _, m := range notes("a", "bad", "c") {
		server.Account("joe").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := between(t, a, a)
	for range 2 {
		b.sh(within("INBOX", "Copy", `--rejects rejects`) + ` >receipts`).wants(3).says("not this one")
		a.holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c")
	}
	b.sh(`imap-fetch --folder INBOX $SRC | imap-diff --map INBOX=Copy $SRC | imap-push --server-copy --rejects rejects2 $SRC`).wants(3)
	b.sh(`imap-fetch --select rejects $SRC | imap-push $SRC`).wants(0).appended(1)
	a.holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c", "Copy bad")
	server.Account("joe").Expunge("Copy", 3)
	refuse = false
	b.sh(`imap-push --server-copy $SRC rejects2`).wants(0).appended(1)
	a.holds(t, "INBOX a", "INBOX bad", "INBOX c", "Copy a", "Copy c", "Copy bad")
}

// TestServerCopyIntoItself: a folder that is listed cannot be one that is copied
// to, for the next run would take the copies for mail that is to be copied.
func TestServerCopyIntoItself(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	a := embedded(server, "joe")
	for _, m := range notes("a", "b") {
		server.Account("joe").AddMessage("Old", nil, m.InternalDate, m.Octets)
	}
	b := between(t, a, a)
	const all = `imap-fetch --headers $SRC | imap-diff --map Old=New $SRC | imap-push --server-copy $SRC`
	b.sh(all).wants(0).appended(2)
	for range 2 {
		b.sh(all).wants(64).says("New", "--folder")
		b.sh(within("Old", "New", "")).wants(0).appended(0)
	}
	a.holds(t, "New a", "New b", "Old a", "Old b")
}
