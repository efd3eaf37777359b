package faults

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// acting are characters that a terminal, or a reader's eye, obeys: C0, DEL, C1, the
// directions of writing, separators of lines, the byte order mark.
const acting = "\x1b\x07\x7f\u0080\u0085\u009b\u009f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029\ufeff"

// TestNothingActsOnATerminal: whatever the commands print on a terminal, records and
// messages, is escaped; what is redirected is as it is.
func TestNothingActsOnATerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1) to make a terminal")
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	name := "Box" + acting + strings.Repeat("\u00e9", 200)
	joe := server.Account("joe")
	joe.AddMailbox(name)
	for i := range 20 { // more than a buffer holds
		joe.AddMailbox(strings.Repeat("x", i) + strings.Repeat("\u00e9", 200))
	}
	for _, id := range []string{"1", "2"} {
		joe.AddMessage(name, []string{"flag"}, time.Unix(1e9, 0), []byte("Message-ID: <"+id+acting+"@x.example>\r\nSubject: "+acting+"\r\n\r\nx\r\n"))
	}
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch $SRC -o a.zst && imap-fetch $SRC --uid 1 -o one.zst && imap-diff $DST -o plan.zst a.zst && imap-fetch --headers $SRC -o h.zst`).Wants(0)
	for _, command := range []string{
		`imap-list $SRC`, `imap-list $SRC --format ndjson`, `imap-list $SRC --trace -`, `imap-list --source a.zst --format ndjson`, `imap-list $SRC --folder 'x'`,
		`imap-fetch $SRC --level none`, `imap-fetch $SRC --level none --trace -`, `imap-fetch $SRC -o b.zst --overwrite`,
		`imap-diff --report --explain a.zst one.zst`, `imap-diff --report --explain --format ndjson a.zst one.zst`, `imap-diff --extra --format ndjson one.zst a.zst`, `imap-diff --level none one.zst a.zst`,
		`imap-diff $DST --report --folders-only --format ndjson a.zst`, `imap-diff $DST --report --folders-only a.zst`, `imap-diff $DST --write-map /dev/tty a.zst`,
		`imap-push --dry-run $DST plan.zst`, `imap-push $DST plan.zst`, `imap-push $DST --trace - plan.zst`,
	} {
		o := b.Sh(`script -qec "` + command + `" /dev/null </dev/null`)
		shown := strings.NewReplacer("\b", "", "\r", "", "\n", "").Replace(o.Stdout)
		if i := strings.IndexAny(shown, acting+"\ufffd"); i >= 0 {
			t.Errorf("%s: %q", command, shown[max(0, i-80):min(len(shown), i+80)])
		}
		if strings.Contains(o.Stdout, "unknown option") || len(o.Stdout) < 20 {
			t.Errorf("%s: %s", command, o.Stdout)
		}
	}
	b.Sh(`imap-list $SRC --format ndjson`).Wants(0).Prints(`"name":"Box`+"\\u001b\\u0007\\u007f\u0080", "\u009b\u009f\u202a")
	b.Sh(`imap-diff --report --format ndjson a.zst one.zst`).Prints("\u202e")
}
