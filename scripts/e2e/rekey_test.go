package e2e

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestAnotherKey: an archive is compared by another key than its own, made of
// its bodies; a stream without them is refused.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	account.Fill(withOdd(mail(40)))
	lines := bytes.Repeat([]byte("0123456789abcde\r\n"), 90000)
	account.AddMessage("INBOX", nil, day(1), append(letter("large", ""), lines...))
	account.AddMessage("INBOX", nil, day(1), append([]byte("\r\n"), lines...))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	id := regexp.MustCompile(`(?im)^(Message-ID:.*@)example\.`) // one without has other fields in its key
	domains := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(_, _ string, octets []byte) []byte {
		return id.ReplaceAll(octets, []byte("${1}EXAMPLE.new."))
	}})
	b := between(t, src, dst).with("NEW", embedded(domains, "joe").options())
	b.sh(`imap-fetch $SRC -o mail && imap-fetch --headers $SRC -o headers`).wants(0)
	all := len(src.dump(t))
	b.sh(`imap-diff $DST mail | imap-push $DST`).wants(0).appended(all)
	for _, key := range someOf(t, 3, []string{"message-id", "ALL", "ALL,-X-*", "message-id-local,date", "subject,from", "x-nowhere"}) {
		b = b.with("KEY", key)
		b.sh(`imap-diff --key "$KEY" --report --exit-code $DST mail >&2`).wants(0).says("0 missing", "0 extra")
		b.sh(`imap-diff --key "$KEY" $DST mail | imap-push $DST`).wants(0).appended(0)
		b.sh(`imap-diff --key "$KEY" $DST <mail | imap-push $DST`).wants(0).appended(0)
		b.sh(`imap-fetch --key "$KEY" $DST -o there --restart && imap-diff --report --equal mail there && imap-diff --report --equal --key "$KEY" mail there && imap-diff --report --equal there mail`).wants(0)
		b.sh(`imap-diff --key "$KEY" $DST headers`).wants(64).says("no bodies", "--key")
	}
	b.sh(`imap-fetch --headers --key message-id $SRC -o there --overwrite && imap-diff --report mail there`).wants(64)
	b.sh(`imap-diff --key 'a b' $DST mail`).wants(64)
	b.sh(`imap-diff --key message-id-local,date $NEW mail | imap-push $NEW`).wants(0).appended(all)
	b.sh(`imap-diff --key message-id-local,date $NEW mail | imap-push $NEW`).wants(0).appended(0)
}
