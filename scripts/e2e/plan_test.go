package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestNoPlan: a stream that has not been through imap-diff is refused, unless
// it is asked for.
func TestNoPlan(t *testing.T) {
	t.Parallel()
	_, src, dst, b := inMemory(t, 40)
	b.sh(`imap-fetch $SRC | imap-push $DST`).wants(64).says("hint", "imap-diff")
	if n := len(dst.folders(t)); n > 1 {
		t.Errorf("%d folders were made", n-1)
	}
	b.sh(`imap-fetch $SRC | imap-push --unconditional $DST`).wants(0).appended(40)
	equal(t, src, dst)
	b.sh(`imap-fetch $SRC | imap-push --unconditional $DST`).wants(0).appended(40)
}

// TestNoBodies: a plan without bodies is refused, and nothing is created.
func TestNoBodies(t *testing.T) {
	t.Parallel()
	_, _, dst, b := inMemory(t, 40)
	b.sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push $DST`).wants(64).says("hint", "imap-fetch --select -")
	if boxes := dst.folders(t); len(boxes) > 1 {
		t.Errorf("folders were made: %v", boxes)
	}
	b.sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push --dry-run $DST`).wants(0)
	if boxes := dst.folders(t); len(boxes) > 1 {
		t.Errorf("a dry run made folders: %v", boxes)
	}
}

// TestSourceUIDValidity changes between --headers and --select: the messages
// fail, and no other body takes their place.
func TestSourceUIDValidity(t *testing.T) {
	t.Parallel()
	server, src, dst, b := inMemory(t, 60)
	account, want := server.Account("src"), src.dump(t)
	b.sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).wants(0)
	account.SetUIDValidity("Sent", 999999)
	sent := len(account.Messages("Sent"))
	o := b.sh(`imap-fetch --select plan $SRC | imap-push $DST`).wants(3)
	failed := o.receipts().of("failed")
	if len(failed) != sent {
		t.Errorf("%d receipts of failures, want %d", len(failed), sent)
	}
	for _, r := range failed {
		if r.Folder != "Sent" {
			t.Errorf("%q UID %d failed: %s", r.Folder, r.UID, r.Text)
		}
	}
	var others []imaptest.Entry
	for _, e := range want {
		if e.Path != "Sent" {
			others = append(others, e)
		}
	}
	same(t, others, dst.dump(t))
}

// TestAnotherMessageUnderThatUID: a server that gives a UID twice.
func TestAnotherMessageUnderThatUID(t *testing.T) {
	t.Parallel()
	first := imaptest.StartServer(t, imaptest.Options{})
	second := imaptest.StartServer(t, imaptest.Options{})
	for i, s := range []*imaptest.Server{first, second} {
		a := s.Account("src")
		for n := range 5 {
			id := string(rune('a' + n))
			if i == 1 && n == 2 {
				id = "another"
			}
			a.AddMessage("INBOX", nil, day(n), letter(id, "Hello\n"))
		}
		a.SetUIDValidity("INBOX", 7)
	}
	dst := embedded(first, "dst")
	b := between(t, embedded(first, "src"), dst).with("SECOND", embedded(second, "src").options())
	b.sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).wants(0)
	o := b.sh(`imap-fetch --select plan $SECOND | imap-push $DST`).wants(3).appended(4)
	if failed := o.receipts().of("failed"); len(failed) != 1 || failed[0].UID != 3 {
		t.Errorf("failed: %+v", failed)
	}
}

// TestDestinationUIDValidity changes between imap-diff and imap-push: what the
// plan knows of the folder is void.
func TestDestinationUIDValidity(t *testing.T) {
	t.Parallel()
	server, _, _, b := inMemory(t, 30)
	server.Account("dst").AddMailbox("INBOX")
	server.Account("dst").AddMessage("Sent", nil, day(1), letter("of the destination", ""))
	b.sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail`).wants(0)
	server.Account("dst").SetUIDValidity("Sent", 4242)
	o := b.sh(`imap-push $DST plan`).wants(3)
	if len(server.Account("dst").Messages("Sent")) != 1 {
		t.Error("messages were appended to a folder that is not the plan's")
	}
	sent := len(server.Account("src").Messages("Sent"))
	if n := len(o.receipts().of("rejected")); n != sent {
		t.Errorf("%d receipts", n)
	}
	b.sh(straight).wants(0)
	if n := len(server.Account("dst").Messages("Sent")); n != sent+1 {
		t.Errorf("%d messages, want %d", n, sent+1)
	}
}

// TestFullFolderThatLooksEmpty: a server that opens folders as "0 EXISTS" does
// not get their mail a second time, from imap-diff or from imap-push.
func TestFullFolderThatLooksEmpty(t *testing.T) {
	t.Parallel()
	server, src, dst, b := inMemory(t, 40)
	line := imaptest.NewFaultProxy(t, server.Addr())
	b = b.with("PROXY", dst.by(line.Addr()).options())
	b.sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail && imap-push $DST plan`).wants(0).appended(40)
	line.Rewrite(imaptest.Replace(`^\* \d+ EXISTS`, "* 0 EXISTS", -1))
	b.sh(`imap-diff $PROXY mail | imap-push $PROXY`).wants(0).says("40 listed, 40 present").appended(0)
	o := b.sh(`imap-push $PROXY plan`).wants(0).appended(0)
	if n := len(o.receipts().of("present")); n != 40 {
		t.Errorf("%d messages are present", n)
	}
	equal(t, src, dst)
	line.Rewrite(nil)
	b.sh(`imap-push $PROXY plan`).wants(0).appended(0)
	equal(t, src, dst)
}

// TestExpungedMeanwhile: what went away at the source is gone, not failed.
func TestExpungedMeanwhile(t *testing.T) {
	t.Parallel()
	server, src, dst, b := inMemory(t, 60)
	account := server.Account("src")
	b.sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).wants(0)
	for _, e := range account.Messages("INBOX")[:4] {
		account.Expunge("INBOX", e.UID)
	}
	o := b.sh(`imap-fetch --select plan $SRC | imap-push $DST`).wants(0).appended(56)
	if end := o.receipts().end(t); end.Expunged != 4 {
		t.Errorf("%+v", end)
	}
	equal(t, src, dst)
}

// TestRejects: what one server refuses is a plan for another.
func TestRejects(t *testing.T) {
	t.Parallel()
	w := exactWorld(t, 30)
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	exact := imaptest.StartServer(t, imaptest.Options{})
	dst, other := real(cyrus, "joe"), embedded(exact, "other")
	b := between(t, w.src, dst).with("OTHER", other.options())
	_, refused := w.at(ofCyrus, quotedPath)
	b.sh(`imap-fetch $SRC -o mail && imap-diff $DST mail | imap-push --rejects rejects.zst $DST`).wants(3)
	o := b.sh(`imap-push $OTHER rejects.zst`)
	empty := 0
	for _, r := range refused {
		if r.sha256 == imaptest.Sum(nil) {
			empty++
		}
	}
	o.wants(3).appended(len(refused) - empty) // no server takes the empty one
	sums := map[string]int{}
	for _, e := range other.dump(t) {
		sums[e.SHA256]++
	}
	for _, r := range refused {
		sums[r.sha256]--
	}
	for sum, n := range sums {
		if n != 0 && sum != imaptest.Sum(nil) {
			t.Errorf("%s (%s): %+d", w.ugly[sum].Name, sum, n)
		}
	}
}

// TestConcatenation: "cat a b" is a stream, and a message met twice counts once. What
// comes straight from commands is one stream: another is refused, and costs nothing.
func TestConcatenation(t *testing.T) {
	t.Parallel()
	server, src, dst, b := inMemory(t, 50)
	b.sh(`imap-fetch $SRC -o one`).wants(0)
	server.Account("src").Fill(imaptest.Spec{Folders: []imaptest.Folder{{Path: "Sent", Messages: imaptest.Generate(99, 7)}}})
	b.sh(`imap-fetch $SRC -o two && cat one two one >all && cat all | imap-diff $DST | imap-push $DST`).wants(0).appended(57)
	equal(t, src, dst)
	b.sh(`imap-diff $DST all | imap-push $DST`).wants(0).appended(0)
	more := []imaptest.Folder{{Path: "Sent", Messages: imaptest.Generate(98, 3)}}
	server.Account("src").Fill(imaptest.Spec{Folders: more})
	b.sh(`(imap-fetch --max-bytes 9000 $SRC; imap-fetch $SRC) | imap-diff $DST | imap-push $DST`).wants(75)
	b.sh(`(imap-fetch $SRC; imap-fetch $SRC) | imap-diff $DST | imap-push $DST`).wants(64).says("another stream follows")
	equal(t, src, dst)
}
