package compare

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestAnotherKey: an archive is compared by another key than its own, made of
// its bodies; a stream without them is refused.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	account.Fill(harness.WithOdd(harness.Mail(40)))
	lines := bytes.Repeat([]byte("0123456789abcde\r\n"), 90000)
	account.AddMessage("INBOX", nil, harness.Day(1), append(harness.Letter("large", ""), lines...))
	account.AddMessage("INBOX", nil, harness.Day(1), append([]byte("\r\n"), lines...))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	id := regexp.MustCompile(`(?im)^(Message-ID:.*@)example\.`) // one without has other fields in its key
	domains := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(_, _ string, octets []byte) []byte {
		return id.ReplaceAll(octets, []byte("${1}EXAMPLE.new."))
	}})
	b := harness.Between(t, src, dst).With("NEW", harness.Embedded(domains, "joe").Options())
	b.Sh(`imap-fetch $SRC -o mail && imap-fetch --headers $SRC -o headers`).Wants(0)
	all := len(src.Dump(t))
	b.Sh(`imap-diff $DST mail | imap-push $DST`).Wants(0).Appended(all)
	for _, key := range harness.SomeOf(t, 3, []string{"message-id", "ALL", "ALL,-X-*", "message-id-local,date", "subject,from", "x-nowhere"}) {
		b = b.With("KEY", key)
		b.Sh(`imap-diff --key "$KEY" --report --exit-code $DST mail >&2`).Wants(0).Says("0 missing", "0 extra")
		b.Sh(`imap-diff --key "$KEY" $DST mail | imap-push $DST`).Wants(0).Appended(0)
		b.Sh(`imap-diff --key "$KEY" $DST <mail | imap-push $DST`).Wants(0).Appended(0)
		b.Sh(`imap-fetch --key "$KEY" $DST -o there --restart && imap-diff --report --equal mail there && imap-diff --report --equal --key "$KEY" mail there && imap-diff --report --equal there mail`).Wants(0)
		b.Sh(`imap-diff --key "$KEY" $DST headers`).Wants(64).Says("no bodies", "--key")
	}
	b.Sh(`imap-fetch --headers --key message-id $SRC -o there --overwrite && imap-diff --report mail there`).Wants(64)
	b.Sh(`imap-diff --key 'a b' $DST mail`).Wants(64)
	b.Sh(`imap-diff --key message-id-local,date $NEW mail | imap-push $NEW`).Wants(0).Appended(all)
	b.Sh(`imap-diff --key message-id-local,date $NEW mail | imap-push $NEW`).Wants(0).Appended(0)
}
