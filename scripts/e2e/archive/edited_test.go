package archive

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// small leaves out the large messages, and with that those that have parts.
const small = `jq -c 'select(.type != "message" or .size < 1000000)'`

// edited is a source with large messages and small ones.
func edited(t *testing.T) (server *imaptest.Server, src harness.Account, kept []imaptest.Entry) {
	server = imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	account.Fill(harness.Mail(60))
	for i, m := range harness.Large(t) {
		account.AddMessage("Sent", m.Flags, m.InternalDate, m.Octets)
		account.AddMessage("Sent", nil, harness.Day(i), harness.Letter(fmt.Sprint("after-", i), "Hello\n"))
	}
	src = harness.Embedded(server, "src")
	for _, e := range src.Dump(t) {
		if e.Size < 1000000 {
			kept = append(kept, e)
		}
	}
	return server, src, kept
}

// TestEditedStream filters between each two commands: refused without
// --edited, right with it.
func TestEditedStream(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	server, src, kept := edited(t)
	n := 0
	for name, c := range harness.Some(t, 2, map[string]struct{ refused, taken string }{
		"bodies, before imap-diff": {
			`imap-fetch --level none $SRC | ` + small + ` | imap-diff $DST | imap-push $DST`,
			`imap-fetch --level none $SRC | ` + small + ` | imap-diff --edited $DST | imap-push $DST`},
		"bodies, file": {
			`imap-fetch --level none $SRC | ` + small + ` >mail && imap-diff $DST mail | imap-push $DST`,
			`imap-fetch --level none $SRC | ` + small + ` >mail && imap-diff --edited $DST mail | imap-push $DST`},
		"headers, before imap-diff": {
			`imap-fetch --headers --level none $SRC | ` + small + ` | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`,
			`imap-fetch --headers --level none $SRC | ` + small + ` | imap-diff --edited $DST | imap-fetch --select - $SRC | imap-push $DST`},
		"plan, before imap-fetch": {
			`imap-fetch --headers $SRC | imap-diff --level none $DST | ` + small + ` | imap-fetch --select - $SRC | imap-push $DST`,
			`imap-fetch --headers $SRC | imap-diff --level none $DST | ` + small + ` | imap-fetch --edited --select - $SRC | imap-push $DST`},
		"bodies, before imap-push": {
			`imap-fetch $SRC | imap-diff --level none $DST | ` + small + ` | imap-push $DST`,
			`imap-fetch $SRC | imap-diff --level none $DST | ` + small + ` | imap-push --edited $DST`},
		"straight, before imap-push": {
			`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --level none $SRC | ` + small + ` | imap-push $DST`,
			`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --level none $SRC | ` + small + ` | imap-push --edited $DST`},
	}) {
		n++
		first, second := harness.Embedded(server, "refused-"+string(rune('a'+n))), harness.Embedded(server, "taken-"+string(rune('a'+n)))
		t.Run(name, func(t *testing.T) {
			harness.Between(t, src, first).Sh(c.refused).Wants(65).Says("--edited")
			b := harness.Between(t, src, second)
			b.Sh(c.taken).Wants(0).Appended(len(kept))
			harness.Same(t, kept, second.Dump(t))
			b.Sh(c.taken).Wants(0).Appended(0)
			b.Sh(harness.Straight).Wants(0)
			harness.Equal(t, src, second)
		})
	}
}

// TestSkippedParts: body parts whose message was filtered away are passed over
// by each reader, which says so in one line.
func TestSkippedParts(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	joe := server.Account("src")
	joe.AddMessage("INBOX", nil, harness.Day(0), harness.Huge(5<<19)) // 3 parts
	joe.AddMessage("INBOX", nil, harness.Day(1), harness.Letter("small", "Hello\n"))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --level none -o mail $SRC && imap-diff --level none -o plan $DST mail`).Wants(0)
	for _, name := range []string{"mail", "plan"} {
		b.Sh(`jq -c 'select(.parts == null or .type == "body")' <` + name + ` >` + name + `.edited`).Wants(0)
	}
	for _, script := range []string{
		`imap-diff --edited $DST mail.edited >out`,
		`imap-diff --edited $DST <mail.edited >out`,
		`imap-diff --edited --report --quiet $DST mail.edited >out`,
		`imap-fetch --edited --select mail.edited $SRC >out`,
		`imap-push --edited --dry-run $DST plan.edited >out`,
		`imap-push --edited $DST plan.edited >out`,
	} {
		o := b.Sh(script).Wants(0).Says("warning: passed over 3 body parts whose message was filtered away\n")
		if strings.Count(o.Stderr, "passed over") != 1 || bytes.Contains(b.Read("out"), []byte("passed over")) {
			t.Errorf("it is said more than once\n%s", o)
		}
		if lines := strings.Split(strings.TrimSpace(o.Stderr), "\n"); strings.HasPrefix(script, "imap-push") && !strings.Contains(lines[len(lines)-1], " listed = ") {
			t.Errorf("the last line is not the sum\n%s", o)
		}
	}
	if o := b.Sh(`imap-diff --edited $DST mail >out`).Wants(0); strings.Contains(o.Stderr, "passed over") {
		t.Error(o)
	}
}

// TestStreamThroughJQ: one that merely went through "jq -c ." is unchanged.
func TestStreamThroughJQ(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.WithUgly(harness.Mail(60)))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --level none $SRC -o mail && jq -c . <mail >jq && cmp mail jq`).Wants(0)
	b.Sh(`imap-fetch --level none $SRC | jq -c . | imap-diff --level none $DST | jq -c . | imap-push $DST`).Wants(3) // the empty message
	b.Sh(`imap-diff --report --exit-code $DST jq >out`).Wants(1)
}

// TestPickedFolders: imap-list, a filter, and imap-fetch --select.
func TestPickedFolders(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(80))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-list $SRC | jq -c 'select(.name | test("Lists|メール|hello"))' | imap-fetch --select - $SRC -o some.zst && imap-diff $DST some.zst | imap-push $DST`).Wants(0)
	var want []imaptest.Entry
	for _, e := range src.Dump(t) {
		if e.Path == "Lists/go-nuts" || e.Path == "メール/受信" || e.Path == harness.QuotedPath {
			want = append(want, e)
		}
	}
	harness.Same(t, want, dst.Dump(t))
	b.Sh(`imap-list $SRC | jq -c 'select(.messages > 0)' | imap-fetch --select - --headers $SRC | imap-diff --report --equal $DST >out`).Wants(1)
	b.Sh(`imap-list $SRC | jq -c 'select(.messages > 1e9)' | imap-fetch --select - $SRC`).Wants(66)
}
