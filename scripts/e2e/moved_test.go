package e2e

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// move does what a user does: the message goes to another folder.
func move(s *imaptest.Server, user, from, to string, which func(imaptest.Entry) bool) (n int) {
	for _, e := range s.Account(user).Messages(from) {
		if which(e) {
			s.Account(user).AddMessage(to, e.Flags, e.InternalDate, e.Octets)
			s.Account(user).Expunge(from, e.UID)
			n++
		}
	}
	return n
}

// TestMovedAtTheDestination: with --match account a message that its user has
// moved is not copied again, and one that was removed is.
func TestMovedAtTheDestination(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	account.Fill(mail(40))
	large := append(letter("large", ""), bytes.Repeat([]byte("0123456789abcde\r\n"), 90000)...)
	account.AddMessage("INBOX", nil, day(7), large)
	src := embedded(server, "src")
	for name, script := range ways("", "--match account") {
		t.Run(name, func(t *testing.T) {
			dst := embedded(server, "dst-"+name)
			b := between(t, src, dst)
			b.sh(script).wants(0).appended(41)
			i := 0
			moved := move(server, dst.user, "INBOX", "Done", func(e imaptest.Entry) bool { i++; return i%2 == 0 || e.Size > 1<<20 })
			removed := move(server, dst.user, "Sent", "", func(imaptest.Entry) bool { return false })
			for _, e := range server.Account(dst.user).Messages("Sent")[:2] {
				server.Account(dst.user).Expunge("Sent", e.UID)
				removed++
			}
			b.sh(`imap-fetch $SRC | imap-diff --match account --report $DST >&2`).wants(0).says(fmt.Sprintf("%d missing", removed), fmt.Sprintf("%d in another folder", moved))
			b.sh(script).wants(0).appended(removed)
			b.sh(script).wants(0).appended(0)
			b.sh(`imap-fetch $SRC | imap-diff $DST | imap-push --dry-run $DST >/dev/null`).says(fmt.Sprintf("%d missing", moved))
		})
	}
	newBench(t).sh(`imap-diff --match mailbox x y`).wants(64)
}

// TestMovedAndCounted: what a folder has is its own first, and what is left is
// counted.
func TestMovedAndCounted(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	one := letter("one", "Hello\r\n")
	twin, other := letter("twins", "text one\n"), letter("twins", "text two\n")
	account.AddMessage("INBOX", nil, day(1), one)
	account.AddMessage("Sent", nil, day(1), one)
	account.AddMessage("INBOX", nil, day(2), twin)
	account.AddMessage("INBOX", nil, day(2), other)
	src := embedded(server, "src")
	for name, script := range ways("", "--match account") {
		t.Run(name, func(t *testing.T) {
			dst := embedded(server, "dst-"+name)
			there := server.Account(dst.user)
			there.AddMessage("Sent", nil, day(1), one)
			there.AddMessage("Done", nil, day(2), other)
			b := between(t, src, dst)
			o := b.sh(script).wants(0)
			got := map[string]int{}
			for _, e := range dst.dumpOctets(t) {
				got[e.Folder+" "+string(e.Octets)]++
			}
			for _, want := range []string{"Sent " + string(one), "INBOX " + string(one), "INBOX " + string(twin), "Done " + string(other)} {
				if got[want] != 1 {
					t.Errorf("%d times %.20q\n%s", got[want], want, o)
				}
			}
			if name == "straight" { // which of the twins it is cannot be told by headers: nothing is lost
				o.appended(3)
			} else {
				o.appended(2)
			}
			b.sh(script).wants(0).appended(0)
		})
	}
}

// TestMovedAndFlagged: the flags of a message that was moved are set where it is
// now, and not on the one that has its UID where it was.
func TestMovedAndFlagged(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", flagged("1", `\Seen`), flagged("2"))
	dst := letters(server, "dst", flagged("2"), flagged("3"))
	server.Account("dst").AddMessage("Done", nil, day(1), letter("1", "Hi 1\n"))
	b := between(t, src, dst)
	b.sh(`imap-fetch --headers $SRC | imap-diff --match account --sync-flags exact $DST | imap-push $DST >receipts`).wants(0)
	for folder, want := range map[string]int{"Done": 1, "INBOX": 0} {
		seen := 0
		for _, e := range server.Account("dst").Messages(folder) {
			seen += len(e.Flags)
		}
		if seen != want {
			t.Errorf("%d flags in %s, want %d", seen, folder, want)
		}
	}
}
