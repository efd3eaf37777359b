package faults

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// The shell recipes of the cookbook's chapter on operation.

// TestManyAccounts: a loop over a file of users and passwords.
func TestManyAccounts(t *testing.T) {
	t.Parallel()
	old := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"ann": `a;"$x`, "bob": "b b\\", "eve": "e"}})
	now := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, Users: map[string]string{"ann@new": "A'", "bob@new": "B%", "eve@new": "E"}})
	for i, user := range []string{"ann", "bob", "eve"} {
		old.Account(user).Fill(imaptest.Spread(imaptest.Generate(uint64(i), 20)))
	}
	b := harness.NewShell(t).With("OLDHOST", old.Addr()).With("NEWHOST", now.Addr())
	b.Write("accounts", []byte("bob;b b\\;bob@new;B%\neve;e;eve@new;wrong\n"))
	o := b.Sh(`mkdir receipts log
while IFS=';' read -r u1 p1 u2 p2; do
  IMAP_PASSWORD=$p1 imap-fetch --headers --tls none --host $OLDHOST --user "$u1" |
    IMAP_PASSWORD=$p2 imap-diff --tls none --host $NEWHOST --user "$u2" |
    IMAP_PASSWORD=$p1 imap-fetch --select - --tls none --host $OLDHOST --user "$u1" |
    IMAP_PASSWORD=$p2 imap-push --tls none --host $NEWHOST --user "$u2" >> "receipts/$u2.ndjson" 2>> "log/$u2"
  echo "$u2 $?"
done < accounts > outcome
cat outcome`).Wants(0)
	if o.Stdout != "bob@new 0\neve@new 77\n" {
		t.Errorf("%q", o.Stdout)
	}
	if n := len(now.Account("bob@new").Entries()); n != 20 {
		t.Errorf("%d messages of bob's", n)
	}
	if len(now.Account("eve@new").Entries()) != 0 || !b.Exists("receipts/bob@new.ndjson") {
		t.Error("eve has mail, or bob no receipts")
	}
}

// TestUntilItIsDone: the loop that runs again where that is worth while.
func TestUntilItIsDone(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(harness.Mail(50))
	runs := 0
	dst := throttling(t, imaptest.Options{}, func(n int) error {
		if n > 15*(runs+1) {
			runs++
			return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeOverQuota, "Account exceeded command or bandwidth limits. (Failure)")
		}
		return nil
	})
	src := harness.Embedded(source, "src")
	b := harness.Between(t, src, dst)
	o := b.Sh(`for try in 1 2 3 4 5 6 7 8 9 10; do
  ` + harness.Straight + ` --retries 0 >> receipts.ndjson
  code=$?
  echo $code
  case $code in 75|69) sleep 0 ;; *) break ;; esac
done`).Wants(0)
	if !strings.HasPrefix(o.Stdout, "75\n75\n") || !strings.HasSuffix(o.Stdout, "\n0\n") {
		t.Errorf("codes %q\n%s", o.Stdout, o)
	}
	harness.Equal(t, src, dst)
	all := harness.ReadReceipts(t, string(b.Read("receipts.ndjson")))
	if n := len(all.Of("appended")); n != 50 {
		t.Errorf("%d receipts of appended messages", n)
	}
}

// TestOneRunAtATime, and logs that hold the talk and nothing else.
func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(50))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Sh(`command -v flock >/dev/null || exit 0
flock -n lock sh -c "flock -n lock true" && exit 1
flock -n lock sh -c "` + strings.ReplaceAll(harness.Straight, "$", `\$`) + `" >> receipts.ndjson`).Wants(0)
	b.Bash(`{ imap-fetch $SRC | imap-diff $DST | imap-push $DST >> receipts.ndjson; } 2> run.log; imap-push $DST </dev/null >> receipts.ndjson 2> >(tee -a push.log >&2)`).Wants(65)
	for line := range strings.Lines(string(b.Read("run.log"))) {
		if !strings.HasPrefix(line, "imap-") {
			t.Errorf("%q", line)
		}
	}
	if log := string(b.Read("run.log")); !strings.HasSuffix(log, "50 listed = 50 present + 0 appended + 0 rejected\n") && !strings.HasSuffix(log, "50 listed = 0 present + 50 appended + 0 rejected\n") {
		t.Errorf("the last line of %q is no verdict", log)
	}
	harness.ReadReceipts(t, string(b.Read("receipts.ndjson")))
	o := b.Sh(`jq -r 'select(.type == "receipt").reason // empty' receipts.ndjson | sort | uniq -c`)
	if o.Exit != 0 || o.Stdout != "" {
		t.Errorf("%s: %q", o, o.Stdout)
	}
}

// TestFollow: the script of the cookbook keeps a copy, and stands on nothing
// that it has not moved.
func TestFollow(t *testing.T) {
	t.Parallel()
	var script string
	for _, block := range harness.Blocks(t, "operation.md") {
		if strings.HasPrefix(block, "#!/bin/sh") {
			script = strings.NewReplacer("/srv/follow", ".", "--account old", "$SRC", "--account new", "$DST", `"$(date +%u)"`, `"$DAY"`).Replace(block)
		}
	}
	refuse := false
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(string, string, imaptest.Message) error {
		if refuse {
			return harness.AppendError(imap.StatusResponseTypeNo, "", "not now")
		}
		return nil
	}})
	source, copied := server.Account("src"), server.Account("dst")
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Write("follow", []byte(script))
	run := func(day string, code int, sum string) {
		t.Helper()
		b.With("DAY", day).Sh(`sh follow`).Wants(code).Says(": " + sum)
	}
	source.Fill(harness.Mail(20))
	run("1", 0, "20 listed = 0 present + 20 appended + 0 rejected")
	uid := source.AddMessage("INBOX", nil, harness.Day(1), harness.Letter("new", "text"))
	refuse = true
	run("2", 3, "1 listed = 0 present + 0 appended + 1 rejected")
	refuse = false
	run("3", 0, "1 listed = 0 present + 1 appended + 0 rejected")
	run("4", 0, "0 listed = 0 present + 0 appended + 0 rejected")
	source.SetFlags("INBOX", uid, `\Flagged`)
	run("5", 0, "1 listed = 1 present")
	harness.Same(t, source.Entries(), copied.Entries())
	copied.Expunge("INBOX", copied.Messages("INBOX")[0].UID)
	run("6", 0, "0 listed")
	run("7", 0, "21 listed = 20 present + 1 appended + 0 rejected")
	harness.Same(t, source.Entries(), copied.Entries())
	b.Sh(`flock lock sh follow`).Wants(0) // while another is at work
}
