package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// sized fills an account with messages of those sizes, in octets, at least 200.
func sized(t *testing.T, sizes ...int) account {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, size := range sizes {
		m := letter(fmt.Sprintf("sized-%d", i), "")
		m = append(m, bytes.Repeat([]byte("0123456789012345678901234567890123456789\r\n"), 200_000)[:size-len(m)-2]...)
		server.Account("src").AddMessage("INBOX", []string{`\Seen`}, day(i), append(m, '\r', '\n'))
	}
	return embedded(server, "src")
}

// takenBy reads how many messages and octets a stream on disk holds.
func takenBy(b *bench, name string) (out string) {
	b.t.Helper()
	return strings.TrimSpace(b.sh(`zstdcat ` + name + ` 2>/dev/null | jq -s -r '[.[] | select(.type == "message").size] | "\(length) \(add // 0)"'`).stdout)
}

// TestMaxSizeAtTheBoundary: exactly so many octets fit, and not one more.
func TestMaxSizeAtTheBoundary(t *testing.T) {
	t.Parallel()
	src := sized(t, 1000, 2000, 3000, 5<<20) // the last is read in pieces
	all := 6000 + 5<<20
	b := newBench(t).with("SRC", src.options())
	b.sh(`imap-fetch -o whole.zst $SRC`).wants(0)
	for _, test := range []struct {
		limit string
		exit  int
		taken string
	}{
		{fmt.Sprint(all), 0, ""}, {fmt.Sprint(all - 1), 75, "3 6000"}, {"6000", 3, ""}, {"5MiB", 75, "3 6000"}, {"5242885", 75, "3 6000"}, {"10G", 0, ""},
	} {
		t.Run("fetch "+test.limit, func(t *testing.T) {
			b := b.forTest(t)
			b.sh(`rm -f mail.zst*`)
			o := b.sh(`imap-fetch --max-bytes ` + test.limit + ` -o mail.zst $SRC`).wants(test.exit)
			switch test.exit {
			case 75:
				o.says("--max-bytes", "mail.zst.partial", "goes on")
				if got := takenBy(b, "mail.zst.partial"); got != test.taken {
					t.Errorf("%s messages and octets, want %s", got, test.taken)
				}
				b.sh(`imap-fetch --max-bytes ` + test.limit + ` -o mail.zst $SRC`).wants(0)
				fallthrough
			case 0:
				if !bytes.Equal(b.read("mail.zst"), b.read("whole.zst")) {
					t.Error("the file is another than without the limit")
				}
			default:
				o.says("too-large", "more than --max-bytes 6000 allows by itself")
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
			dst := embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "dst")
			b := b.with("DST", dst.options())
			b.t = t
			for i, want := range test.appended {
				code := test.exit
				switch {
				case i > 0 && test.limit == "3000":
					code = 3 // what never fits is left out, and named
				case i > 0:
					code = 0
				}
				o := b.sh(`imap-diff $DST whole.zst | imap-push --max-bytes ` + test.limit + ` $DST`).wants(code).appended(want)
				if end := o.receipts().end(t); end.Listed != 4 || end.Skipped != 4-end.Present-end.Appended {
					t.Errorf("%+v", end)
				}
				reason := "limit"
				if code == 3 {
					reason = "too-large"
				}
				for _, r := range o.receipts().of("skipped") {
					if r.Reason != reason {
						t.Errorf("%+v", r)
					}
				}
			}
			if test.limit != "3000" {
				equal(t, src, dst)
			}
		})
	}
}

// TestByteLimit: it stops after a message, and the same pipeline the next
// day goes on, until nothing is left.
func TestByteLimit(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(300))
	src := embedded(server, "src")
	octets := 0
	for _, e := range src.dump(t) {
		octets += int(e.Size)
	}
	limit := octets / 4
	for name, line := range map[string]string{
		"push":   `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push --max-bytes $LIMIT $DST`,
		"select": `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --max-bytes $LIMIT $SRC | imap-push $DST`,
		"file":   `imap-fetch --max-bytes $LIMIT -o mail.zst $SRC; code=$?; if [ $code = 75 ]; then imap-diff $DST mail.zst.partial; else imap-diff $DST mail.zst; fi | imap-push $DST`,
	} {
		t.Run(name, func(t *testing.T) {
			dst := embedded(server, name)
			b := between(t, src, dst).with("LIMIT", fmt.Sprint(limit))
			there, runs := 0, 0
			for code := 75; code == 75; runs++ {
				o := b.sh(line)
				if code = o.exit; code != 75 {
					o.wants(0)
				}
				now := 0
				for _, e := range dst.dump(t) {
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
			equal(t, src, dst)
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
			return says(imap.StatusResponseTypeNo, imap.ResponseCodeTooBig, fmt.Sprintf("message of day %d is \x1b[2J too big", n))
		case 3:
			return says(imap.StatusResponseTypeNo, "", "bad header")
		}
		return nil
	}})
	source := imaptest.StartServer(t, imaptest.Options{})
	for i := range 60 {
		source.Account("src").AddMessage(fmt.Sprint("Folder ", i/6), nil, day(i), letter(fmt.Sprint("budget-", i), "x\n"))
	}
	b := between(t, embedded(source, "src"), embedded(server, "dst"))
	o := b.sh(straight + ` --max-errors 5`).wants(75)
	o.says("--max-errors", "what failed", "refused", "too big", "bad header")
	end := o.receipts().end(t)
	if end.Listed != 60 || end.Rejected != 5 || end.Skipped != 60-5-end.Appended || end.Exit != 75 {
		t.Errorf("%+v\n%s", end, o)
	}
	if strings.ContainsAny(o.stderr, "\x1b") {
		t.Error("stderr holds what a terminal obeys")
	}
	first, second := strings.Index(o.stderr, "too big"), strings.Index(o.stderr, "bad header")
	if first > second {
		t.Errorf("the most frequent is not the first\n%s", o)
	}
	b.sh(straight + ` --max-errors 60`).wants(3).says("refused")
}

// TestErrorBudgetOfFetch: a run stops after so many, where messages cannot be had.
func TestErrorBudgetOfFetch(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(imaptest.Spread(imaptest.Generate(9, 60)))
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	i := 0
	b.write("plan", editPlan(t, b, func(r object) []object {
		if r["type"] == "message" {
			if i++; i%3 == 0 {
				r["key"] = "recipe:00000000000000000000000000000000"
			}
		}
		return nil
	}))
	o := b.bash(`imap-fetch --edited --select plan --max-errors 5 $SRC | imap-push --edited $DST; exit ${PIPESTATUS[0]}`).wants(75)
	o.says("--max-errors", "key-changed")
	if end := o.receipts().end(t); end.Failed != 5 || end.Appended == 0 || end.Exit != 75 {
		t.Errorf("%+v\n%s", end, o)
	}
}

// TestRate: at four messages a second no batch is larger than that, at either
// end, and an interrupt ends a wait at once.
func TestRate(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(r, "src"), real(r, "dst")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(3, 10)}}})
	proxy := imaptest.NewFaultProxy(t, r.Addr)
	b := between(t, src, dst).with("PROXY", src.by(proxy.Addr()).options())
	b.sh(`imap-fetch --rate 4/s -o mail.zst $PROXY`).wants(0)
	if n := proxy.Commands("UID FETCH"); n < 4 { // one lists
		t.Errorf("%d FETCH commands", n)
	}
	proxy.SetRules()
	b.env["PROXY"] = dst.by(proxy.Addr()).options()
	b.sh(`imap-diff $DST mail.zst | imap-push --rate 4/s --rate '1GB/s' $PROXY`).wants(0).appended(10)
	if n := proxy.Commands("APPEND"); n < 3 {
		t.Errorf("%d APPEND commands", n)
	}
	equal(t, src, dst)

	for name, lines := range map[string][]string{
		"push":  {`imap-diff $SLOW mail.zst`, `imap-push --rate 1/h $SLOW`},
		"fetch": {`imap-fetch --rate 1/h $SRC`, `imap-diff $SLOW`, `imap-push $SLOW`},
	} {
		t.Run(name, func(t *testing.T) {
			slow := real(r, "slow-"+name)
			s := b.with("SLOW", slow.options()).start(lines...)
			for len(slow.dump(t)) == 0 {
				time.Sleep(20 * time.Millisecond)
			}
			s.signal(syscall.SIGINT)
			codes := s.wait(20 * time.Second)
			if codes[len(codes)-1] != 130 {
				t.Errorf("%v\n%s", codes, s)
			}
			if end := readReceipts(t, s.stdout.String()).end(t); end.Exit != 130 {
				t.Errorf("%+v", end)
			}
		})
	}
}

// TestLimitsMisused: what has no effect is refused, before any connection.
func TestLimitsMisused(t *testing.T) {
	t.Parallel()
	b := newBench(t).with("AT", "--host 127.0.0.1:1 --user joe --tls none")
	for _, line := range []string{
		`imap-fetch --headers --max-bytes 5M $AT`, `imap-fetch --headers --rate 4/s $AT`, `imap-fetch --rate 4 $AT`, `imap-fetch --max-bytes 0 $AT`, `imap-push --max-bytes -5 $AT </dev/null`,
		`imap-push --max-errors 0 $AT </dev/null`, `imap-push --rate 0/s $AT </dev/null`, `imap-list --rate 4/s $AT`, `imap-fetch --rate 4/s --source mail.zst`, `imap-fetch --max-bytes 5M --source mail.zst`, `imap-diff --max-bytes 5 $AT </dev/null`,
	} {
		b.sh(line).wants(64)
	}
	b.sh(`imap-fetch --max-bytes 5M $AT | cat >/dev/null`).says("--max-bytes into a pipe")
}
