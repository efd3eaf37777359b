package faults

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestConnections appends the same mail over one connection and over several: the
// order is the same, nothing is there twice, and the number is as it was asked for.
func TestConnections(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(dovecot, "src")
	src.Fill(t, harness.WithOdd(harness.Mail(1500)))
	want := src.Dump(t)
	few := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "mail_max_userip_connections = 2\n"})
	for name, test := range map[string]struct {
		dst     harness.Account
		options string
		least   int // connections
		most    int
	}{
		"one":                       {harness.Real(dovecot, "one"), "--connections 1", 1, 1},
		"three":                     {harness.Real(dovecot, "three"), "--connections 3", 2, 3},
		"as many as serve":          {harness.Real(dovecot, "auto"), "", 2, 4},
		"fewer than were asked for": {harness.Real(few, "few"), "--connections 8", 2, 3}, // the last is refused
		"a server that cannot":      {harness.Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "plain"), "", 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := imaptest.NewFaultProxy(t, test.dst.Addr)
			b := harness.Between(t, src, test.dst).With("PROXY", test.dst.By(proxy.Addr()).Options())
			b.Sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).Wants(0)
			run := b.Sh(`imap-push $PROXY ` + test.options + ` plan.zst`).Wants(0)
			if strings.Contains(run.Stderr, "onnection") {
				t.Errorf("it speaks of connections: %s", run.Stderr)
			}
			harness.InOrder(t, want, test.dst.Dump(t))
			if n := proxy.Connections(); n < test.least || n > test.most {
				t.Errorf("%d connections, and not %d to %d", n, test.least, test.most)
			}
		})
	}
}
