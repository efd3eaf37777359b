package folders

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// heavy is a letter of about so many octets.
func heavy(id string, octets int) []byte {
	return harness.Letter(id, strings.Repeat("All work and no play.\n", octets/23))
}

// dovecotWithQuota allows every user some kilo-octets.
func dovecotWithQuota(t testing.TB, kilo int) *imaptest.Real {
	return imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: fmt.Sprintf("plugin {\n quota = count:User quota\n quota_vsizes = yes\n quota_rule = *:storage=%dK\n}", kilo)})
}

// TestQuotaForeseen: a dry run says what each folder would get, and that it
// does not fit.
func TestQuotaForeseen(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	for i := range 10 {
		source.Account("src").AddMessage([]string{"INBOX", "Sent"}[i%2], nil, harness.Day(i), heavy(fmt.Sprint("heavy-", i), 10_000))
	}
	src := harness.Embedded(source, "src")
	for room, code := range map[int]int{64: 73, 300: 0} {
		dst := harness.Real(dovecotWithQuota(t, room), "dst")
		b := harness.Between(t, src, dst)
		o := b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push --dry-run $DST`).Wants(code)
		o.Says("INBOX -> INBOX: 5 messages, 50.", `Sent -> Sent: 5 messages`, `under the quota "User quota"`)
		if full := strings.Contains(o.Stderr, `and the quota "User quota" leaves 65,536 of 65,536`); full != (code == 73) {
			t.Error(o)
		}
		if n := len(dst.Dump(t)); n != 0 {
			t.Errorf("a dry run appended %d messages", n)
		}
	}
}

// TestQuotaReached: what does not fit is not tried again and again; the rest of
// the plan gets its receipts.
func TestQuotaReached(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	for i := range 300 {
		source.Account("src").AddMessage([]string{"INBOX", "Sent", "Archive"}[i%3], nil, harness.Day(i%20), heavy(fmt.Sprint("heavy-", i), 2_000))
	}
	src, r := harness.Embedded(source, "src"), dovecotWithQuota(t, 100)
	dst := harness.Real(r, "dst")
	b := harness.Between(t, src, dst).With("TRACE", "--trace trace")
	run := b.Sh(harness.Straight + ` $TRACE`).Wants(73).Says("leaves 102.4 kB: not all of the plan fits")
	end := run.Receipts().End(t)
	if end.Appended < 30 || end.Appended > 60 || end.Listed != 300 || end.Listed != end.Appended+end.Skipped || end.Rejected != 0 {
		t.Errorf("%+v", end)
	}
	for _, x := range run.Receipts().Of("skipped") {
		if x.Reason != "over-quota" {
			t.Fatalf("%+v", x)
		}
	}
	if n := strings.Count(string(b.Read("trace")), "[OVERQUOTA]"); n == 0 || n > 10 {
		t.Errorf("%d refusals", n)
	}
	if n := len(dst.Dump(t)); n != end.Appended {
		t.Errorf("%d messages are there, and %d receipts", n, end.Appended)
	}
	// Almost full is said before anything is sent.
	b.Sh(harness.Straight).Wants(73).Says(`the quota "User quota" of the destination is 9`, "% full")
	b.Sh(`imap-list --check $DST`).Wants(0).Says(`the quota "User quota" is 9`)
}

// TestQuotaRoots: a folder with a quota of its own stops alone.
func TestQuotaRoots(t *testing.T) {
	t.Parallel()
	r := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	dst, admin := harness.Real(r, "joe"), harness.Real(r, "cyrus")
	dst.Tell(t, `CREATE INBOX.Small`)
	admin.Tell(t, `SETQUOTA user.joe (STORAGE 10000)`, `SETQUOTA user.joe.Small (STORAGE 20)`)
	source := imaptest.StartServer(t, imaptest.Options{})
	for i := range 120 {
		source.Account("src").AddMessage([]string{"INBOX", "Small", "Z"}[i%3], nil, harness.Day(i%20), heavy(fmt.Sprint("heavy-", i), 2_000))
	}
	b := harness.Between(t, harness.Embedded(source, "src"), dst)
	run := b.Sh(harness.Straight).Wants(73).Says(`the quota "INBOX.Small" leaves 20.5 kB`)
	if end := run.Receipts().End(t); end.Appended < 80 || end.Appended > 100 || end.Skipped != 120-end.Appended {
		t.Errorf("%+v", end)
	}
	for _, x := range run.Receipts().Of("skipped") {
		if x.Target != "INBOX.Small" {
			t.Errorf("%+v", x)
		}
	}
	b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push --dry-run $DST`).Wants(73).Says(`Small -> INBOX.Small`, `the quota "INBOX.Small" leaves`)
	admin.Tell(t, `SETQUOTA user.joe.Small (STORAGE 10000)`)
	b.Sh(harness.Straight).Wants(0)
	harness.Same(t, harness.Embedded(source, "src").Dump(t), dst.Dump(t))
}

// TestTooLarge: a message above the server's APPENDLIMIT is not sent.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	a := source.Account("src")
	a.AddMessage("INBOX", nil, harness.Day(0), harness.Letter("small", "Hello\n"))
	a.AddMessage("INBOX", nil, harness.Day(1), heavy("large", 50_000))
	target := imaptest.StartServer(t, imaptest.Options{AppendLimit: 20_000})
	dst := harness.Embedded(target, "dst")
	b := harness.Between(t, harness.Embedded(source, "src"), dst)
	rehearsed := b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push --dry-run $DST`).Wants(3).Receipts().Of("rejected")
	if len(rehearsed) != 1 || rehearsed[0].Reason != "too-large" {
		t.Errorf("%+v", rehearsed)
	}
	run := b.Sh(harness.Straight + ` --trace trace`).Wants(3).Appended(1)
	refused := run.Receipts().Of("rejected")
	if len(refused) != 1 || refused[0].Reason != "too-large" || !strings.Contains(refused[0].Text, "20000") {
		t.Errorf("%+v", refused)
	}
	if n := len(regexp.MustCompile(`(?m)^C: \S+ APPEND `).FindAll(b.Read("trace"), -1)); n != 1 {
		t.Errorf("%d APPENDs", n)
	}
	b.Sh(`imap-list --check --format ndjson $DST | jq -e '.appendlimit == 20000'`).Wants(0)
}
