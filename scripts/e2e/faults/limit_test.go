package faults

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// sized fills an account with messages of those sizes, in octets, at least 200.
func sized(t *testing.T, sizes ...int) harness.Account {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, size := range sizes {
		m := harness.Letter(fmt.Sprintf("sized-%d", i), "")
		m = append(m, bytes.Repeat([]byte("0123456789012345678901234567890123456789\r\n"), 200_000)[:size-len(m)-2]...)
		server.Account("src").AddMessage("INBOX", []string{`\Seen`}, harness.Day(i), append(m, '\r', '\n'))
	}
	return harness.Embedded(server, "src")
}

// takenBy reads how many messages and octets a stream on disk holds.
func takenBy(b *harness.Shell, name string) (out string) {
	b.T.Helper()
	return strings.TrimSpace(b.Sh(`zstdcat ` + name + ` 2>/dev/null | jq -s -r '[.[] | select(.type == "message").size] | "\(length) \(add // 0)"'`).Stdout)
}

// TestMaxSizeAtTheBoundary: exactly so many octets fit, and not one more.
func TestMaxSizeAtTheBoundary(t *testing.T) {
	t.Parallel()
	src := sized(t, 1000, 2000, 3000, 5<<20) // the last is read in pieces
	all := 6000 + 5<<20
	b := harness.NewShell(t).With("SRC", src.Options())
	b.Sh(`imap-fetch -o whole.zst $SRC`).Wants(0)
	for _, test := range []struct {
		limit string
		exit  int
		taken string
	}{
		{fmt.Sprint(all), 0, ""}, {fmt.Sprint(all - 1), 75, "3 6000"}, {"6000", 3, ""}, {"5MiB", 75, "3 6000"}, {"5242885", 75, "3 6000"}, {"10G", 0, ""},
	} {
		t.Run("fetch "+test.limit, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(`rm -f mail.zst*`)
			o := b.Sh(`imap-fetch --max-bytes ` + test.limit + ` -o mail.zst $SRC`).Wants(test.exit)
			switch test.exit {
			case 75:
				o.Says("--max-bytes", "mail.zst.partial", "goes on")
				if got := takenBy(b, "mail.zst.partial"); got != test.taken {
					t.Errorf("%s messages and octets, want %s", got, test.taken)
				}
				b.Sh(`imap-fetch --max-bytes ` + test.limit + ` -o mail.zst $SRC`).Wants(0)
				fallthrough
			case 0:
				if !bytes.Equal(b.Read("mail.zst"), b.Read("whole.zst")) {
					t.Error("the file is another than without the limit")
				}
			default:
				o.Says("too-large", "more than the 6000 that a run may move")
				if got := takenBy(b, "mail.zst"); got != "3 6000" {
					t.Errorf("%s messages and octets", got)
				}
			}
		})
	}
	for _, test := range []struct {
		limit    string
		exit     int
		appended []int // in one run after the other
	}{
		{fmt.Sprint(all), 0, []int{4}}, {fmt.Sprint(all - 1), 75, []int{3, 1, 0}}, {"5MiB", 75, []int{3, 1, 0}}, {"3000", 75, []int{2, 1}},
	} {
		t.Run("push "+test.limit, func(t *testing.T) {
			dst := harness.Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "dst")
			b := b.With("DST", dst.Options())
			b.T = t
			for i, want := range test.appended {
				code := test.exit
				switch {
				case i > 0 && test.limit == "3000":
					code = 3 // what never fits is left out, and named
				case i > 0:
					code = 0
				}
				o := b.Sh(`imap-diff $DST whole.zst | imap-push --max-bytes ` + test.limit + ` $DST`).Wants(code).Appended(want)
				if end := o.Receipts().End(t); end.Listed != 4 || end.Skipped != 4-end.Present-end.Appended {
					t.Errorf("%+v", end)
				}
				reason := "limit"
				if code == 3 {
					reason = "too-large"
				}
				for _, r := range o.Receipts().Of("skipped") {
					if r.Reason != reason {
						t.Errorf("%+v", r)
					}
				}
			}
			if test.limit != "3000" {
				harness.Equal(t, src, dst)
			}
		})
	}
}

// TestByteLimit: it stops after a message, and the same pipeline the next
// day goes on, until nothing is left.
func TestByteLimit(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(300))
	src := harness.Embedded(server, "src")
	octets := 0
	for _, e := range src.Dump(t) {
		octets += int(e.Size)
	}
	limit := octets / 4
	for name, line := range map[string]string{
		"push":   `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push --max-bytes $LIMIT $DST`,
		"select": `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --max-bytes $LIMIT $SRC | imap-push $DST`,
		"file":   `imap-fetch --max-bytes $LIMIT -o mail.zst $SRC; code=$?; if [ $code = 75 ]; then imap-diff $DST mail.zst.partial; else imap-diff $DST mail.zst; fi | imap-push $DST`,
	} {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(server, name)
			b := harness.Between(t, src, dst).With("LIMIT", fmt.Sprint(limit))
			there, runs := 0, 0
			for code := 75; code == 75; runs++ {
				o := b.Sh(line)
				if code = o.Exit; code != 75 {
					o.Wants(0)
				}
				now := 0
				for _, e := range dst.Dump(t) {
					now += int(e.Size)
				}
				if now <= there && code != 0 || now-there > limit {
					t.Fatalf("run %d: %d octets after %d, the limit is %d\n%s", runs, now, there, limit, o)
				}
				there = now
			}
			if runs < 4 || runs > 7 {
				t.Errorf("%d runs", runs)
			}
			harness.Equal(t, src, dst)
		})
	}
}

// TestErrorBudget: a run stops after so many refusals, says by class what
// they were, and has a receipt for each message.
func TestErrorBudget(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnAppend: func(_, _ string, m imaptest.Message) error {
		switch n := m.InternalDate.Unix() / 86400; n % 4 {
		case 1, 2:
			return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeTooBig, fmt.Sprintf("message of day %d is \x1b[2J too big", n))
		case 3:
			return harness.AppendError(imap.StatusResponseTypeNo, "", "bad header")
		}
		return nil
	}})
	source := imaptest.StartServer(t, imaptest.Options{})
	for i := range 60 {
		source.Account("src").AddMessage(fmt.Sprint("Folder ", i/6), nil, harness.Day(i), harness.Letter(fmt.Sprint("budget-", i), "x\n"))
	}
	b := harness.Between(t, harness.Embedded(source, "src"), harness.Embedded(server, "dst"))
	o := b.Sh(harness.Straight + ` --max-errors 5`).Wants(75)
	o.Says("--max-errors", "what failed", "refused", "too big", "bad header")
	end := o.Receipts().End(t)
	if end.Listed != 60 || end.Rejected != 5 || end.Skipped != 60-5-end.Appended || end.Exit != 75 {
		t.Errorf("%+v\n%s", end, o)
	}
	if strings.ContainsAny(o.Stderr, "\x1b") {
		t.Error("stderr holds what a terminal obeys")
	}
	first, second := strings.Index(o.Stderr, "too big"), strings.Index(o.Stderr, "bad header")
	if first > second {
		t.Errorf("the most frequent is not the first\n%s", o)
	}
	b.Sh(harness.Straight + ` --max-errors 60`).Wants(3).Says("refused")
}

// TestErrorBudgetOfFetch: a run stops after so many, where messages cannot be had.
func TestErrorBudgetOfFetch(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(imaptest.Spread(imaptest.Generate(9, 60)))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	i := 0
	b.Write("plan", harness.EditPlan(t, b, func(r harness.Object) []harness.Object {
		if r["type"] == "message" {
			if i++; i%3 == 0 {
				r["key"] = "recipe:00000000000000000000000000000000"
			}
		}
		return nil
	}))
	o := b.Bash(`imap-fetch --edited --select plan --max-errors 5 $SRC | imap-push --edited $DST; exit ${PIPESTATUS[0]}`).Wants(75)
	o.Says("--max-errors", "key-changed")
	if end := o.Receipts().End(t); end.Failed != 5 || end.Appended == 0 || end.Exit != 75 {
		t.Errorf("%+v\n%s", end, o)
	}
}

// TestRate: at four messages a second no batch is larger than that, at either
// end, and an interrupt ends a wait at once.
func TestRate(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "src"), harness.Real(r, "dst")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(3, 10)}}})
	proxy := imaptest.NewFaultProxy(t, r.Addr)
	b := harness.Between(t, src, dst).With("PROXY", src.By(proxy.Addr()).Options())
	b.Sh(`imap-fetch --rate 4/s -o mail.zst $PROXY`).Wants(0)
	if n := proxy.Commands("UID FETCH"); n < 4 { // one lists
		t.Errorf("%d FETCH commands", n)
	}
	proxy.SetRules()
	b.Env["PROXY"] = dst.By(proxy.Addr()).Options()
	b.Sh(`imap-diff $DST mail.zst | imap-push --rate 4/s --rate '1GB/s' $PROXY`).Wants(0).Appended(10)
	if n := proxy.Commands("APPEND"); n < 3 {
		t.Errorf("%d APPEND commands", n)
	}
	harness.Equal(t, src, dst)

	for name, lines := range map[string][]string{
		"push":  {`imap-diff $SLOW mail.zst`, `imap-push --rate 1/h $SLOW`},
		"fetch": {`imap-fetch --rate 1/h $SRC`, `imap-diff $SLOW`, `imap-push $SLOW`},
	} {
		t.Run(name, func(t *testing.T) {
			slow := harness.Real(r, "slow-"+name)
			s := b.With("SLOW", slow.Options()).Start(lines...)
			for len(slow.Dump(t)) == 0 {
				time.Sleep(20 * time.Millisecond)
			}
			s.Signal(syscall.SIGINT)
			codes := s.Wait(20 * time.Second)
			if codes[len(codes)-1] != 130 {
				t.Errorf("%v\n%s", codes, s)
			}
			if end := harness.ReadReceipts(t, s.Stdout.String()).End(t); end.Exit != 130 {
				t.Errorf("%+v", end)
			}
		})
	}
}

// TestLimitsMisused: what has no effect is refused, before any connection.
func TestLimitsMisused(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).With("AT", "--host 127.0.0.1:1 --user joe --tls none")
	for _, line := range []string{
		`imap-fetch --headers --max-bytes 5M $AT`, `imap-fetch --headers --rate 4/s $AT`, `imap-fetch --rate 4 $AT`, `imap-fetch --max-bytes 0 $AT`, `imap-push --max-bytes -5 $AT </dev/null`,
		`imap-push --max-errors 0 $AT </dev/null`, `imap-push --rate 0/s $AT </dev/null`, `imap-list --rate 4/s $AT`, `imap-fetch --rate 4/s --source mail.zst`, `imap-fetch --max-bytes 5M --source mail.zst`, `imap-diff --max-bytes 5 $AT </dev/null`,
	} {
		b.Sh(line).Wants(64)
	}
	b.Sh(`imap-fetch --max-bytes 5M $AT | cat >/dev/null`).Says("--max-bytes into a pipe")
}
