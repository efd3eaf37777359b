package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestMbox: Dovecot puts two line ends after a message without an empty line
// when it writes an mbox, and drops fields of its own. What such a message is
// known by is another then. No run says nothing of it, and receipts know it.
func TestMbox(t *testing.T) {
	t.Parallel()
	mbox := imaptest.StartDovecot(t, imaptest.DovecotOptions{Format: "mbox"})
	src := embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	var mail []imaptest.Message
	for i := range 25 {
		mail = append(mail, imaptest.Message{Octets: letter(fmt.Sprint(i), "Hi\r\n")})
	}
	for _, odd := range []string{"no header at all\r\n", "no line end", "Status: RO\r\nX-Odd: 1\r\n\r\nhi\r\n"} {
		mail = append(mail, imaptest.Message{Octets: []byte(odd)})
	}
	src.one(t, mail...)
	const stages = `imap-fetch --headers $SRC | imap-diff %s $DST | imap-fetch --select - $SRC | imap-push $DST`

	for name, first := range map[string]string{"straight": fmt.Sprintf(stages, ""), "offline": `imap-fetch --overwrite $SRC -o mail.zst && imap-diff $DST mail.zst | imap-push $DST`} {
		t.Run(name, func(t *testing.T) {
			dst := real(mbox, name)
			b := between(t, src, dst)
			run := b.sh(first).wants(3).appended(28)
			if n := strings.Count(run.stdout, `"result":"rekeyed"`); n != 3 || !strings.Contains(run.stdout, `"rekeyed":3`) || !strings.Contains(run.stderr, "--receipts") {
				t.Errorf("%d of 3 messages have a receipt with another key: %s", n, run)
			}
			b.write("receipts.ndjson", []byte(run.stdout))
			b.sh(fmt.Sprintf(stages, "--receipts receipts.ndjson")).wants(0).appended(0)
			b.sh(`imap-fetch $SRC | imap-diff --report --exit-code --receipts receipts.ndjson $DST`).wants(0)
			if n := len(dst.dump(t)); n != 28 {
				t.Errorf("%d messages instead of 28", n)
			}
			b.sh(fmt.Sprintf(stages, "")).wants(3).appended(3) // without them it is said again
		})
	}
}
