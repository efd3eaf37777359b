package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestMbox: Dovecot puts two line ends after a message without an empty line
// when it writes an mbox, and drops fields of its own. What such a message is
// known by is another then. No run says nothing of it, and receipts know it.
func TestMbox(t *testing.T) {
	t.Parallel()
	mbox := imaptest.StartDovecot(t, imaptest.DovecotOptions{Format: "mbox"})
	src := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	var mail []imaptest.Message
	for i := range 25 {
		mail = append(mail, imaptest.Message{Octets: harness.Letter(fmt.Sprint(i), "Hi\r\n")})
	}
	for _, odd := range []string{"no header at all\r\n", "no line end", "Status: RO\r\nX-Odd: 1\r\n\r\nhi\r\n"} {
		mail = append(mail, imaptest.Message{Octets: []byte(odd)})
	}
	src.One(t, mail...)
	const stages = `imap-fetch --headers $SRC | imap-diff %s $DST | imap-fetch --select - $SRC | imap-push $DST`

	for name, first := range map[string]string{"straight": fmt.Sprintf(stages, ""), "offline": `imap-fetch --overwrite $SRC -o mail.zst && imap-diff $DST mail.zst | imap-push $DST`} {
		t.Run(name, func(t *testing.T) {
			dst := harness.Real(mbox, name)
			b := harness.Between(t, src, dst)
			run := b.Sh(first).Wants(3).Appended(28)
			if n := strings.Count(run.Stdout, `"result":"rekeyed"`); n != 3 || !strings.Contains(run.Stdout, `"rekeyed":3`) || !strings.Contains(run.Stderr, "--receipts") {
				t.Errorf("%d of 3 messages have a receipt with another key: %s", n, run)
			}
			b.Write("receipts.ndjson", []byte(run.Stdout))
			b.Sh(fmt.Sprintf(stages, "--receipts receipts.ndjson")).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC | imap-diff --report --exit-code --receipts receipts.ndjson $DST`).Wants(0)
			if n := len(dst.Dump(t)); n != 28 {
				t.Errorf("%d messages instead of 28", n)
			}
			b.Sh(fmt.Sprintf(stages, "")).Wants(3).Appended(3) // without them it is said again
		})
	}
}
