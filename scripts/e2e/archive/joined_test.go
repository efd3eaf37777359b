package archive

import (
	"fmt"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch $SRC --folder Work -o a.zst && imap-fetch $SRC --folder Later -o b.zst && imap-fetch $SRC -o c.zst && cat a.zst b.zst >ab.zst && cat ab.zst c.zst >abc.zst`).Wants(0)
	for _, joined := range []string{"ab.zst", "abc.zst"} {
		b.Sh(`imap-list --verify --source ` + joined).Wants(0).Prints(`"folders":`).Prints(`"messages":8,`).Prints(`"hashed":8,`)
		b.Sh(`imap-list --source ` + joined + ` --format table`).Wants(0).Prints("       8  total")
		b.Sh(`imap-diff $DST -o plan-` + joined + ` ` + joined).Wants(0).Says("8 listed, 0 present, 8 missing")
		b.Sh(`cat ` + joined + ` | imap-diff $DST >/dev/null`).Wants(0).Says("8 listed, 0 present, 8 missing")
		b.Sh(`imap-diff --report --equal ` + joined + ` c.zst`).Wants(0).Prints("total: 8 listed, 8 present")
		b.Sh(`imap-diff --report c.zst ` + joined).Wants(0).Prints("total: 8 listed, 8 present")
	}
	b.Sh(`imap-fetch --source ab.zst -o copy.zst`).Wants(0).Says("copy.zst: 8 messages")
	b.Sh(`imap-fetch --source a.zst --source b.zst -o two.zst`).Wants(0).Says("two.zst: 8 messages")
	b.Sh(`imap-fetch --source ab.zst --search 'SUBJECT none' -o none.zst`).Wants(0).Says("8 messages left out")
	b.Sh(`cat plan-ab.zst plan-abc.zst >plans.zst && imap-push $DST plans.zst`).Wants(0).Says("8 listed = 0 present + 8 appended")
	b.Sh(`imap-push $DST plan-ab.zst`).Wants(0).Says("8 listed = 8 present + 0 appended")
	b.Sh(`zstdcat a.zst | sed 's/"body":"/"body":"x/' | zstd -q >bad.zst && cat bad.zst b.zst >half.zst`).Wants(0)
	b.Sh(`imap-fetch --source half.zst -o kept.zst`).Wants(3).Says("kept.zst: 3 messages").Says("5 messages or folders failed")
	b.Sh(`imap-list --verify --source half.zst`).Wants(65).Says("5 messages lost")
	b.Sh(`imap-diff --report half.zst c.zst`).Wants(3).Prints("8 listed, 3 present")
	b.Sh(`imap-diff --report c.zst half.zst`).Wants(3).Prints("8 listed, 3 present")
}
