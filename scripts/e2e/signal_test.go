package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// slow is a pair of accounts with a line to the destination that takes time.
func slow(t *testing.T) (src, dst, line account) {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(1500))
	dst = embedded(server, "dst")
	proxy := imaptest.NewDelayProxy(t, server.Addr(), 10*time.Millisecond, 16_000_000)
	return embedded(server, "src"), dst, dst.by(proxy.Addr())
}

// TestInterrupted signals the whole pipeline, as a terminal does.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(sig.String(), func(t *testing.T) {
			src, dst, line := slow(t)
			b := between(t, src, line)
			s := b.start(straightStages...)
			arrived(t, dst)
			s.signal(sig)
			began := time.Now()
			codes := s.wait(20 * time.Second)
			t.Logf("%v: %v after %v, %d messages", sig, codes, time.Since(began).Round(time.Millisecond), len(dst.dump(t)))
			if codes[3] != want || codes[2] != want {
				t.Errorf("exit codes %v, want %d\n%s", codes, want, s)
			}
			all := readReceipts(t, s.stdout.String())
			if n, there := len(all.of("appended")), len(dst.dump(t)); n != there {
				t.Errorf("%d receipts for %d messages: what was in flight must be seen through", n, there)
			}
			if end := all.end(t); end.Exit != want {
				t.Errorf("the receipts end with %d", end.Exit)
			}
			b.sh(straight).wants(0)
			equal(t, src, dst)
		})
	}
}

// arrived waits for the first messages.
func arrived(t *testing.T, dst account) {
	t.Helper()
	for range 500 {
		if strings.Contains(dst.status(t), "MESSAGES") && len(dst.dump(t)) > 50 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nothing arrives")
}

// TestEachInterrupted signals one process alone; all end, and the last says it.
func TestEachInterrupted(t *testing.T) {
	t.Parallel()
	for _, i := range someOf(t, 2, []int{0, 1, 2, 3}) {
		stage := straightStages[i]
		t.Run(fmt.Sprint(i, " ", strings.Fields(stage)[0]), func(t *testing.T) {
			src, dst, line := slow(t)
			b := between(t, src, line)
			s := b.start(straightStages...)
			if i >= 2 {
				arrived(t, dst)
			} else {
				time.Sleep(50 * time.Millisecond)
			}
			s.cmds[i].Process.Signal(syscall.SIGINT)
			codes := s.wait(30 * time.Second)
			t.Logf("%v", codes)
			want := 130
			switch {
			case codes[i] == 0:
				want = 0
			case s.errors[i].String() == "": // it had not even begun, and could say nothing
				want = codes[3]
			}
			if codes[3] != want {
				t.Errorf("exit codes %v\n%s", codes, s)
			}
			b.sh(straight).wants(0)
			equal(t, src, dst)
		})
	}
}

// TestInterruptedWhileReading: a command that waits for its input says in band
// that it was interrupted, and not that it could not read.
func TestInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	b.sh(`imap-fetch --headers --level none $SRC | head -n 1 >beginning`).wants(0)
	s := b.start(`sh -c 'cat beginning; exec sleep 600'`, `imap-diff $DST`, `tee got`, `imap-fetch --select - $SRC`, `imap-push $DST`)
	b.arrives("got", s)
	time.Sleep(time.Second) // it reads the beginning
	s.cmds[1].Process.Signal(syscall.SIGINT)
	time.Sleep(time.Second) // it is told before its input ends
	s.kill(0)
	if codes := s.wait(time.Minute); codes[1] != 130 || codes[3] != 130 || codes[4] != 130 {
		t.Errorf("exit codes %v\n%s", codes, s)
	}
}

// TestSecondSignal ends at once what waits for a server that says nothing.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(mail(50))
	src := embedded(server, "src")
	proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.StallAfter(imaptest.ToClient, 3000, 0))
	b := newBench(t).with("SRC", src.by(proxy.Addr()).options())
	s := b.start(`imap-fetch -o mail $SRC`)
	time.Sleep(300 * time.Millisecond)
	s.signal(syscall.SIGINT)
	time.Sleep(100 * time.Millisecond)
	s.signal(syscall.SIGINT)
	if codes := s.wait(3 * time.Second); codes[0] != 130 {
		t.Errorf("%v\n%s", codes, s)
	}
}

// TestReaderGoesAway: 141, in any place of the pipeline.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(3000))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	for name, script := range map[string]string{
		"fetch": `imap-fetch $SRC | head -c 1000 >/dev/null; exit ${PIPESTATUS[0]}`,
		"diff":  `imap-fetch $SRC | imap-diff $DST | head -c 1000 >/dev/null; echo ${PIPESTATUS[*]} >&2; exit ${PIPESTATUS[1]}`,
		"push":  `imap-fetch $SRC | imap-diff $DST | imap-push $DST | head -n 1 >/dev/null; exit ${PIPESTATUS[2]}`,
		"true":  `imap-fetch $SRC | true; exit ${PIPESTATUS[0]}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.forTest(t)
			if name == "diff" {
				script = strings.Replace(script, "echo ${PIPESTATUS[*]} >&2; ", "", 1)
			}
			b.bash(script).wants(141)
		})
	}
	b.sh(straight).wants(0)
	equal(t, src, dst)
}

// TestSilentServer: a server that stops talking costs the timeout, no more.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(300))
	src := embedded(server, "src")
	for _, i := range someOf(t, 2, []int{0, 1, 2, 3}) {
		line := lines[i]
		t.Run(line.name, func(t *testing.T) {
			dst := embedded(server, fmt.Sprint("dst-", i))
			side := []account{src, dst}[i%2]
			after := []int64{60_000, 6_000, 400_000, 22_000}[i]
			if line.name == "diff" { // with something to read there
				between(t, src, dst).sh(`imap-fetch --folder INBOX $SRC | imap-diff $DST | imap-push $DST`).wants(0)
			}
			proxy := imaptest.NewFaultProxy(t, side.addr, imaptest.StallAfter(imaptest.ToClient, after, 0).Each())
			b := between(t, src, dst).with("PROXY", side.by(proxy.Addr()).options()+" --timeout 2s")
			o := b.sh(script(line.variant(src, dst, side)))
			t.Logf("exit %d after %v", o.exit, o.took)
			if proxy.Fired() == 0 {
				t.Error("the fault did not happen")
			}
			if o.exit != 0 && !slices.Contains([]int{3, 69, 75}, o.exit) {
				t.Errorf("%s", o)
			}
			if o.took > 2*time.Minute {
				t.Errorf("it took %v", o.took)
			}
			endsWell(b, t, o.exit, o, src.dump(t), dst)
		})
	}
}

// TestReaderWaits: back-pressure has no limit, and the source's patience none
// either: the connection is kept, or made anew.
func TestReaderWaits(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(r, "src"), real(r, "dst")
	src.fill(t, mail(1500))
	b := between(t, src, dst)
	b.sh(`imap-fetch $SRC | (sleep 3; cat) | imap-diff $DST | (sleep 2; cat) | imap-push $DST`).wants(0)
	equal(t, src, dst)
}
