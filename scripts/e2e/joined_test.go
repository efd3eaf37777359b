package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestJoinedSums: the sums of joined streams are those of all of them, and what
// stands in several of them counts once.
func TestJoinedSums(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	for name, n := range map[string]int{"Work": 5, "Later": 3} {
		server.Account("joe").AddMailbox(name)
		for i := range n {
			server.Account("joe").AddMessage(name, nil, time.Unix(1e9, 0), fmt.Appendf(nil, "Message-ID: <%s%d@x.example>\r\nSubject: s\r\n\r\nbody\r\n", name, i))
		}
	}
	b := between(t, embedded(server, "joe"), embedded(server, "dst"))
	b.sh(`imap-fetch $SRC --folder Work -o a.zst && imap-fetch $SRC --folder Later -o b.zst && imap-fetch $SRC -o c.zst && cat a.zst b.zst >ab.zst && cat ab.zst c.zst >abc.zst`).wants(0)
	for _, joined := range []string{"ab.zst", "abc.zst"} {
		b.sh(`imap-list --verify --source ` + joined).wants(0).prints(`"folders":`).prints(`"messages":8,`).prints(`"hashed":8,`)
		b.sh(`imap-list --source ` + joined + ` --format table`).wants(0).prints("       8  total")
		b.sh(`imap-diff $DST -o plan-` + joined + ` ` + joined).wants(0).says("8 listed, 0 present, 8 missing")
		b.sh(`cat ` + joined + ` | imap-diff $DST >/dev/null`).wants(0).says("8 listed, 0 present, 8 missing")
		b.sh(`imap-diff --report --equal ` + joined + ` c.zst`).wants(0).prints("total: 8 listed, 8 present")
		b.sh(`imap-diff --report c.zst ` + joined).wants(0).prints("total: 8 listed, 8 present")
	}
	b.sh(`imap-fetch --source ab.zst -o copy.zst`).wants(0).says("copy.zst: 8 messages")
	b.sh(`imap-fetch --source a.zst --source b.zst -o two.zst`).wants(0).says("two.zst: 8 messages")
	b.sh(`imap-fetch --source ab.zst --search 'SUBJECT none' -o none.zst`).wants(0).says("8 messages left out")
	b.sh(`cat plan-ab.zst plan-abc.zst >plans.zst && imap-push $DST plans.zst`).wants(0).says("8 listed = 0 present + 8 appended")
	b.sh(`imap-push $DST plan-ab.zst`).wants(0).says("8 listed = 8 present + 0 appended")
	b.sh(`zstdcat a.zst | sed 's/"body":"/"body":"x/' | zstd -q >bad.zst && cat bad.zst b.zst >half.zst`).wants(0)
	b.sh(`imap-fetch --source half.zst -o kept.zst`).wants(3).says("kept.zst: 3 messages").says("5 messages or folders failed")
	b.sh(`imap-list --verify --source half.zst`).wants(65).says("5 messages lost")
	b.sh(`imap-diff --report half.zst c.zst`).wants(3).prints("8 listed, 3 present")
	b.sh(`imap-diff --report c.zst half.zst`).wants(3).prints("8 listed, 3 present")
}
