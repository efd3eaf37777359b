package compare

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestNoPlan: a stream that has not been through imap-diff is refused, unless
// it is asked for.
func TestNoPlan(t *testing.T) {
	t.Parallel()
	_, src, dst, b := harness.InMemory(t, 40)
	b.Sh(`imap-fetch $SRC | imap-push $DST`).Wants(64).Says("hint", "imap-diff")
	if n := len(dst.Folders(t)); n > 1 {
		t.Errorf("%d folders were made", n-1)
	}
	b.Sh(`imap-fetch $SRC | imap-push --unconditional $DST`).Wants(0).Appended(40)
	harness.Equal(t, src, dst)
	b.Sh(`imap-fetch $SRC | imap-push --unconditional $DST`).Wants(0).Appended(40)
}

// TestNoBodies: a plan without bodies is refused, and nothing is created.
func TestNoBodies(t *testing.T) {
	t.Parallel()
	_, _, dst, b := harness.InMemory(t, 40)
	b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push $DST`).Wants(64).Says("hint", "imap-fetch --select -")
	if boxes := dst.Folders(t); len(boxes) > 1 {
		t.Errorf("folders were made: %v", boxes)
	}
	b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push --dry-run $DST`).Wants(0)
	if boxes := dst.Folders(t); len(boxes) > 1 {
		t.Errorf("a dry run made folders: %v", boxes)
	}
}

// TestSourceUIDValidity changes between --headers and --select: the messages
// fail, and no other body takes their place.
func TestSourceUIDValidity(t *testing.T) {
	t.Parallel()
	server, src, dst, b := harness.InMemory(t, 60)
	account, want := server.Account("src"), src.Dump(t)
	b.Sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).Wants(0)
	account.SetUIDValidity("Sent", 999999)
	sent := len(account.Messages("Sent"))
	o := b.Sh(`imap-fetch --select plan $SRC | imap-push $DST`).Wants(3)
	failed := o.Receipts().Of("failed")
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
	harness.Same(t, others, dst.Dump(t))
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
			a.AddMessage("INBOX", nil, harness.Day(n), harness.Letter(id, "Hello\n"))
		}
		a.SetUIDValidity("INBOX", 7)
	}
	dst := harness.Embedded(first, "dst")
	b := harness.Between(t, harness.Embedded(first, "src"), dst).With("SECOND", harness.Embedded(second, "src").Options())
	b.Sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).Wants(0)
	o := b.Sh(`imap-fetch --select plan $SECOND | imap-push $DST`).Wants(3).Appended(4)
	if failed := o.Receipts().Of("failed"); len(failed) != 1 || failed[0].UID != 3 {
		t.Errorf("failed: %+v", failed)
	}
}

// TestDestinationUIDValidity changes between imap-diff and imap-push: what the
// plan knows of the folder is void.
func TestDestinationUIDValidity(t *testing.T) {
	t.Parallel()
	server, _, _, b := harness.InMemory(t, 30)
	server.Account("dst").AddMailbox("INBOX")
	server.Account("dst").AddMessage("Sent", nil, harness.Day(1), harness.Letter("of the destination", ""))
	b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail`).Wants(0)
	server.Account("dst").SetUIDValidity("Sent", 4242)
	o := b.Sh(`imap-push $DST plan`).Wants(3)
	if len(server.Account("dst").Messages("Sent")) != 1 {
		t.Error("messages were appended to a folder that is not the plan's")
	}
	sent := len(server.Account("src").Messages("Sent"))
	if n := len(o.Receipts().Of("rejected")); n != sent {
		t.Errorf("%d receipts", n)
	}
	b.Sh(harness.Straight).Wants(0)
	if n := len(server.Account("dst").Messages("Sent")); n != sent+1 {
		t.Errorf("%d messages, want %d", n, sent+1)
	}
}

// TestFullFolderThatLooksEmpty: a server that opens folders as "0 EXISTS" does
// not get their mail a second time, from imap-diff or from imap-push.
func TestFullFolderThatLooksEmpty(t *testing.T) {
	t.Parallel()
	server, src, dst, b := harness.InMemory(t, 40)
	line := imaptest.NewFaultProxy(t, server.Addr())
	b = b.With("PROXY", dst.By(line.Addr()).Options())
	b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail && imap-push $DST plan`).Wants(0).Appended(40)
	line.Rewrite(imaptest.Replace(`^\* \d+ EXISTS`, "* 0 EXISTS", -1))
	b.Sh(`imap-diff $PROXY mail | imap-push $PROXY`).Wants(0).Says("40 listed, 40 present").Appended(0)
	o := b.Sh(`imap-push $PROXY plan`).Wants(0).Appended(0)
	if n := len(o.Receipts().Of("present")); n != 40 {
		t.Errorf("%d messages are present", n)
	}
	harness.Equal(t, src, dst)
	line.Rewrite(nil)
	b.Sh(`imap-push $PROXY plan`).Wants(0).Appended(0)
	harness.Equal(t, src, dst)
}

// TestExpungedMeanwhile: what went away at the source is gone, not failed.
func TestExpungedMeanwhile(t *testing.T) {
	t.Parallel()
	server, src, dst, b := harness.InMemory(t, 60)
	account := server.Account("src")
	b.Sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).Wants(0)
	for _, e := range account.Messages("INBOX")[:4] {
		account.Expunge("INBOX", e.UID)
	}
	o := b.Sh(`imap-fetch --select plan $SRC | imap-push $DST`).Wants(0).Appended(56)
	if end := o.Receipts().End(t); end.Expunged != 4 {
		t.Errorf("%+v", end)
	}
	harness.Equal(t, src, dst)
}

// TestRejects: what one server refuses is a plan for another.
func TestRejects(t *testing.T) {
	t.Parallel()
	w := exactWorld(t, 30)
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	exact := imaptest.StartServer(t, imaptest.Options{})
	dst, other := harness.Real(cyrus, "joe"), harness.Embedded(exact, "other")
	b := harness.Between(t, w.src, dst).With("OTHER", other.Options())
	_, refused := w.at(harness.OfCyrus, harness.QuotedPath)
	b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST mail | imap-push --rejects rejects.zst $DST`).Wants(3)
	o := b.Sh(`imap-push $OTHER rejects.zst`)
	empty := 0
	for _, r := range refused {
		if r.sha256 == imaptest.Sum(nil) {
			empty++
		}
	}
	o.Wants(3).Appended(len(refused) - empty) // no server takes the empty one
	sums := map[string]int{}
	for _, e := range other.Dump(t) {
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
	server, src, dst, b := harness.InMemory(t, 50)
	b.Sh(`imap-fetch $SRC -o one`).Wants(0)
	server.Account("src").Fill(imaptest.Spec{Folders: []imaptest.Folder{{Path: "Sent", Messages: imaptest.Generate(99, 7)}}})
	b.Sh(`imap-fetch $SRC -o two && cat one two one >all && cat all | imap-diff $DST | imap-push $DST`).Wants(0).Appended(57)
	harness.Equal(t, src, dst)
	b.Sh(`imap-diff $DST all | imap-push $DST`).Wants(0).Appended(0)
	more := []imaptest.Folder{{Path: "Sent", Messages: imaptest.Generate(98, 3)}}
	server.Account("src").Fill(imaptest.Spec{Folders: more})
	b.Sh(`(imap-fetch --max-bytes 9000 $SRC; imap-fetch $SRC) | imap-diff $DST | imap-push $DST`).Wants(75)
	b.Sh(`(imap-fetch $SRC; imap-fetch $SRC) | imap-diff $DST | imap-push $DST`).Wants(64).Says("another stream follows")
	harness.Equal(t, src, dst)
}
