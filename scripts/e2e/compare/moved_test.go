package compare

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
	account.Fill(harness.Mail(40))
	large := append(harness.Letter("large", ""), bytes.Repeat([]byte("0123456789abcde\r\n"), 90000)...)
	account.AddMessage("INBOX", nil, harness.Day(7), large)
	src := harness.Embedded(server, "src")
	for name, script := range ways("", "--match account") {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(server, "dst-"+name)
			b := harness.Between(t, src, dst)
			b.Sh(script).Wants(0).Appended(41)
			i := 0
			moved := move(server, dst.User, "INBOX", "Done", func(e imaptest.Entry) bool { i++; return i%2 == 0 || e.Size > 1<<20 })
			removed := move(server, dst.User, "Sent", "", func(imaptest.Entry) bool { return false })
			for _, e := range server.Account(dst.User).Messages("Sent")[:2] {
				server.Account(dst.User).Expunge("Sent", e.UID)
				removed++
			}
			b.Sh(`imap-fetch $SRC | imap-diff --match account --report $DST >&2`).Wants(0).Says(fmt.Sprintf("%d missing", removed), fmt.Sprintf("%d in another folder", moved))
			b.Sh(script).Wants(0).Appended(removed)
			b.Sh(script).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC | imap-diff $DST | imap-push --dry-run $DST >/dev/null`).Says(fmt.Sprintf("%d missing", moved))
		})
	}
	harness.NewShell(t).Sh(`imap-diff --match mailbox x y`).Wants(64)
}

// TestMovedAndCounted: what a folder has is its own first, and what is left is
// counted.
func TestMovedAndCounted(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	one := harness.Letter("one", "Hello\r\n")
	twin, other := harness.Letter("twins", "text one\n"), harness.Letter("twins", "text two\n")
	account.AddMessage("INBOX", nil, harness.Day(1), one)
	account.AddMessage("Sent", nil, harness.Day(1), one)
	account.AddMessage("INBOX", nil, harness.Day(2), twin)
	account.AddMessage("INBOX", nil, harness.Day(2), other)
	src := harness.Embedded(server, "src")
	for name, script := range ways("", "--match account") {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(server, "dst-"+name)
			there := server.Account(dst.User)
			there.AddMessage("Sent", nil, harness.Day(1), one)
			there.AddMessage("Done", nil, harness.Day(2), other)
			b := harness.Between(t, src, dst)
			o := b.Sh(script).Wants(0)
			got := map[string]int{}
			for _, e := range dst.DumpOctets(t) {
				got[e.Folder+" "+string(e.Octets)]++
			}
			for _, want := range []string{"Sent " + string(one), "INBOX " + string(one), "INBOX " + string(twin), "Done " + string(other)} {
				if got[want] != 1 {
					t.Errorf("%d times %.20q\n%s", got[want], want, o)
				}
			}
			if name == "straight" { // which of the twins it is cannot be told by headers: nothing is lost
				o.Appended(3)
			} else {
				o.Appended(2)
			}
			b.Sh(script).Wants(0).Appended(0)
		})
	}
}

// TestMovedAndFlagged: the flags of a message that was moved are set where it is
// now, and not on the one that has its UID where it was.
func TestMovedAndFlagged(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(server, "src", flagged("1", `\Seen`), flagged("2"))
	dst := harness.Letters(server, "dst", flagged("2"), flagged("3"))
	server.Account("dst").AddMessage("Done", nil, harness.Day(1), harness.Letter("1", "Hi 1\n"))
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --headers $SRC | imap-diff --match account --sync-flags exact $DST | imap-push $DST >receipts`).Wants(0)
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
