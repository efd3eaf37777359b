package e2e

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// arrivedInOrder demands that each folder holds its messages in the order of the source.
func (o *outcome) arrivedInOrder() {
	o.t.Helper()
	last := map[string]receipt{}
	for _, r := range o.receipts().of("appended") {
		if before := last[r.Folder]; r.TargetUID == 0 || r.UID <= before.UID || r.TargetUID <= before.TargetUID {
			o.t.Fatalf("%s: UID %d became %d, and the one before it, %d, became %d", r.Folder, r.UID, r.TargetUID,
				before.UID, before.TargetUID)
		}
		last[r.Folder] = r
	}
}

// TestConnections appends the same mail over one connection and over several: the
// order is the same, nothing is there twice, and the number is as it was asked for.
func TestConnections(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(dovecot, "src")
	src.fill(t, withOdd(mail(1500)))
	want := src.dump(t)
	few := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "mail_max_userip_connections = 2\n"})
	for name, test := range map[string]struct {
		dst     account
		options string
		least   int // connections
		most    int
	}{
		"one":                       {real(dovecot, "one"), "--connections 1", 1, 1},
		"three":                     {real(dovecot, "three"), "--connections 3", 2, 3},
		"as many as serve":          {real(dovecot, "auto"), "", 2, 4},
		"fewer than were asked for": {real(few, "few"), "--connections 8", 2, 3}, // the last is refused
		"a server that cannot":      {embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "plain"), "", 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := imaptest.NewFaultProxy(t, test.dst.addr)
			b := between(t, src, test.dst).with("PROXY", test.dst.by(proxy.Addr()).options())
			b.sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).wants(0)
			run := b.sh(`imap-push $PROXY ` + test.options + ` plan.zst`).wants(0)
			if strings.Contains(run.stderr, "onnection") {
				t.Errorf("it speaks of connections: %s", run.stderr)
			}
			same(t, want, test.dst.dump(t))
			run.arrivedInOrder()
			if n := proxy.Connections(); n < test.least || n > test.most {
				t.Errorf("%d connections, and not %d to %d", n, test.least, test.most)
			}
		})
	}
}
