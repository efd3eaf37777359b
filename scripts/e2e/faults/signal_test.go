package faults

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// slow is a pair of accounts with a line to the destination that takes time.
func slow(t *testing.T) (src, dst, line harness.Account) {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(1500))
	dst = harness.Embedded(server, "dst")
	proxy := imaptest.NewDelayProxy(t, server.Addr(), 10*time.Millisecond, 16_000_000)
	return harness.Embedded(server, "src"), dst, dst.By(proxy.Addr())
}

// TestInterrupted signals the whole pipeline, as a terminal does.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(sig.String(), func(t *testing.T) {
			src, dst, line := slow(t)
			b := harness.Between(t, src, line)
			s := b.Start(harness.StraightStages...)
			arrived(t, dst)
			s.Signal(sig)
			began := time.Now()
			codes := s.Wait(20 * time.Second)
			t.Logf("%v: %v after %v, %d messages", sig, codes, time.Since(began).Round(time.Millisecond), len(dst.Dump(t)))
			if codes[3] != want || codes[2] != want {
				t.Errorf("exit codes %v, want %d\n%s", codes, want, s)
			}
			all := harness.ReadReceipts(t, s.Stdout.String())
			if n, there := len(all.Of("appended")), len(dst.Dump(t)); n != there {
				t.Errorf("%d receipts for %d messages: what was in flight must be seen through", n, there)
			}
			if end := all.End(t); end.Exit != want {
				t.Errorf("the receipts end with %d", end.Exit)
			}
			b.Sh(harness.Straight).Wants(0)
			harness.Equal(t, src, dst)
		})
	}
}

// arrived waits for the first messages.
func arrived(t *testing.T, dst harness.Account) {
	t.Helper()
	for range 500 {
		if strings.Contains(dst.Status(t), "MESSAGES") && len(dst.Dump(t)) > 50 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nothing arrives")
}

// TestEachInterrupted signals one process alone; all end, and the last says it.
func TestEachInterrupted(t *testing.T) {
	t.Parallel()
	for _, i := range harness.SomeOf(t, 2, []int{0, 1, 2, 3}) {
		stage := harness.StraightStages[i]
		t.Run(fmt.Sprint(i, " ", strings.Fields(stage)[0]), func(t *testing.T) {
			src, dst, line := slow(t)
			b := harness.Between(t, src, line)
			s := b.Start(harness.StraightStages...)
			if i >= 2 {
				arrived(t, dst)
			} else {
				time.Sleep(50 * time.Millisecond)
			}
			s.Cmds[i].Process.Signal(syscall.SIGINT)
			codes := s.Wait(30 * time.Second)
			t.Logf("%v", codes)
			want := 130
			switch {
			case codes[i] == 0:
				want = 0
			case s.Errors[i].String() == "": // it had not even begun, and could say nothing
				want = codes[3]
			}
			if codes[3] != want {
				t.Errorf("exit codes %v\n%s", codes, s)
			}
			b.Sh(harness.Straight).Wants(0)
			harness.Equal(t, src, dst)
		})
	}
}

// TestInterruptedWhileReading: a command that waits for its input says in band
// that it was interrupted, and not that it could not read.
func TestInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch --headers --level none $SRC | head -n 1 >beginning`).Wants(0)
	s := b.Start(`sh -c 'cat beginning; exec sleep 600'`, `imap-diff $DST`, `tee got`, `imap-fetch --select - $SRC`, `imap-push $DST`)
	b.Arrives("got", s)
	time.Sleep(time.Second) // it reads the beginning
	s.Cmds[1].Process.Signal(syscall.SIGINT)
	time.Sleep(time.Second) // it is told before its input ends
	s.Kill(0)
	if codes := s.Wait(time.Minute); codes[1] != 130 || codes[3] != 130 || codes[4] != 130 {
		t.Errorf("exit codes %v\n%s", codes, s)
	}
}

// TestSecondSignal ends at once what waits for a server that says nothing.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(50))
	src := harness.Embedded(server, "src")
	proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.StallAfter(imaptest.ToClient, 3000, 0))
	b := harness.NewShell(t).With("SRC", src.By(proxy.Addr()).Options())
	s := b.Start(`imap-fetch -o mail $SRC`)
	time.Sleep(300 * time.Millisecond)
	s.Signal(syscall.SIGINT)
	time.Sleep(100 * time.Millisecond)
	s.Signal(syscall.SIGINT)
	if codes := s.Wait(3 * time.Second); codes[0] != 130 {
		t.Errorf("%v\n%s", codes, s)
	}
}

// TestReaderGoesAway: 141, in any place of the pipeline.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(3000))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	for name, script := range map[string]string{
		"fetch": `imap-fetch $SRC | head -c 1000 >/dev/null; exit ${PIPESTATUS[0]}`,
		"diff":  `imap-fetch $SRC | imap-diff $DST | head -c 1000 >/dev/null; echo ${PIPESTATUS[*]} >&2; exit ${PIPESTATUS[1]}`,
		"push":  `imap-fetch $SRC | imap-diff $DST | imap-push $DST | head -n 1 >/dev/null; exit ${PIPESTATUS[2]}`,
		"true":  `imap-fetch $SRC | true; exit ${PIPESTATUS[0]}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			if name == "diff" {
				script = strings.Replace(script, "echo ${PIPESTATUS[*]} >&2; ", "", 1)
			}
			b.Bash(script).Wants(141)
		})
	}
	b.Sh(harness.Straight).Wants(0)
	harness.Equal(t, src, dst)
}

// TestSilentServer: a server that stops talking costs the timeout, no more.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(300))
	src := harness.Embedded(server, "src")
	for _, i := range harness.SomeOf(t, 2, []int{0, 1, 2, 3}) {
		line := lines[i]
		t.Run(line.name, func(t *testing.T) {
			dst := harness.Embedded(server, fmt.Sprint("dst-", i))
			side := []harness.Account{src, dst}[i%2]
			after := []int64{60_000, 6_000, 400_000, 22_000}[i]
			if line.name == "diff" { // with something to read there
				harness.Between(t, src, dst).Sh(`imap-fetch --folder INBOX $SRC | imap-diff $DST | imap-push $DST`).Wants(0)
			}
			proxy := imaptest.NewFaultProxy(t, side.Addr, imaptest.StallAfter(imaptest.ToClient, after, 0).Each())
			b := harness.Between(t, src, dst).With("PROXY", side.By(proxy.Addr()).Options()+" --timeout 2s")
			o := b.Sh(harness.PipelineOver(line.variant(src, dst, side)))
			t.Logf("exit %d after %v", o.Exit, o.Took)
			if proxy.Fired() == 0 {
				t.Error("the fault did not happen")
			}
			if o.Exit != 0 && !slices.Contains([]int{3, 69, 75}, o.Exit) {
				t.Errorf("%s", o)
			}
			if o.Took > 2*time.Minute {
				t.Errorf("it took %v", o.Took)
			}
			endsWell(b, t, o.Exit, o, src.Dump(t), dst)
		})
	}
}

// TestReaderWaits: back-pressure has no limit, and the source's patience none
// either: the connection is kept, or made anew.
func TestReaderWaits(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "src"), harness.Real(r, "dst")
	src.Fill(t, harness.Mail(1500))
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch $SRC | (sleep 3; cat) | imap-diff $DST | (sleep 2; cat) | imap-push $DST`).Wants(0)
	harness.Equal(t, src, dst)
}
