package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// remembering is the offline pipeline with receipts of earlier runs.
const remembering = `touch receipts && imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts $DST mail | imap-push --allow rewrite $DST | tee -a receipts`

// TestCase45EmptiedDestination: what receipts say to be present and somebody
// has removed is planned again.
func TestCase45EmptiedDestination(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(40))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(remembering).wants(0).appended(40)
	b.sh(remembering).wants(0).appended(0)
	box := server.Account("dst").Messages("INBOX")
	for _, e := range box {
		server.Account("dst").Expunge("INBOX", e.UID)
	}
	b.sh(remembering).wants(0).appended(len(box))
	equal(t, src, dst)
	b.sh(remembering).wants(0).appended(0)
}

// TestCase46OtherUIDValidity: receipts of a folder whose UIDVALIDITY has changed
// are worth nothing; keys do, and nothing comes twice.
func TestCase46OtherUIDValidity(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"src", "dst"} {
		t.Run(side, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			server.Account("src").Fill(mail(40))
			src, dst := embedded(server, "src"), embedded(server, "dst")
			b := between(t, src, dst)
			b.sh(remembering).wants(0).appended(40)
			server.Account(side).SetUIDValidity("INBOX", 77)
			b.sh(remembering).wants(0).appended(0)
			equal(t, src, dst)
		})
	}
}
