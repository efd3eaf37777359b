package login

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestLargeOverTLS: a message of 100 MiB over TLS at both ends takes no more
// memory than another.
func TestLargeOverTLS(t *testing.T) {
	t.Parallel()
	certificate, err := imaptest.NewCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := imaptest.StartTLSServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 1 << 30}, certificate.TLS)
	server.Account("src").AddMessage("INBOX", nil, harness.Day(0), harness.Huge(100<<20))
	at := " --tls-pin sha256:" + certificate.Pin + " --host " + server.Addr()
	b := harness.NewShell(t).With("SRC", "--user src"+at).With("DST", "--user dst"+at)
	for _, c := range []string{`imap-fetch -o mail $SRC`, `imap-diff -o plan $DST mail`, `imap-push $DST plan`} {
		n := b.Peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > harness.MaxMemory {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, harness.MaxMemory>>20)
		}
	}
	harness.Same(t, server.Account("src").Entries(), server.Account("dst").Entries())
}
