package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestInterruptedDuringAppend: after one interrupt the messages in flight are seen
// through and have their receipts, and the same plan goes on; after a second
// one imap-push waits for no answer, and still nothing is there twice.
func TestInterruptedDuringAppend(t *testing.T) {
	t.Parallel()
	for _, interrupts := range []int{1, 2} {
		t.Run(fmt.Sprint(interrupts), func(t *testing.T) {
			t.Parallel()
			begun, answer := make(chan struct{}, 1000), make(chan struct{})
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(string, string, imaptest.Message) error {
				begun <- struct{}{}
				<-answer
				return nil
			}})
			server.Account("src").Fill(mail(400))
			src, dst := embedded(server, "src"), embedded(server, "dst")
			b := between(t, src, dst)
			b.sh(`imap-fetch $SRC | imap-diff -o plan.zst $DST`).wants(0)
			s := b.start(`imap-push $DST plan.zst`)
			<-begun
			s.signal(syscall.SIGINT)
			select {
			case <-s.ended[0]:
				t.Errorf("it does not wait for the answer to its APPEND\n%s", s)
			case <-time.After(500 * time.Millisecond):
			}
			if interrupts == 2 {
				s.signal(syscall.SIGINT)
				<-s.ended[0]
			}
			close(answer)
			if codes := s.wait(time.Minute); codes[0] != 130 {
				t.Errorf("exit codes %v\n%s", codes, s)
			}
			n := len(readReceipts(t, s.stdout.String()).of("appended"))
			if interrupts == 1 {
				if there := len(dst.dump(t)); n != there || n == 0 || n == 400 {
					t.Errorf("%d receipts for %d messages", n, there)
				}
				if end := readReceipts(t, s.stdout.String()).end(t); end.Exit != 130 {
					t.Errorf("the receipts end with %d", end.Exit)
				}
			}
			dst.settle(t)
			b.sh(`imap-push $DST plan.zst`).wants(0)
			equal(t, src, dst)
		})
	}
}

// TestKilledStagesOfAMirror: whichever stage of a mirror is killed, the last one fails,
// and nothing is deleted; the next run does it all.
func TestKilledStagesOfAMirror(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stalls string // the stage whose line to the source stalls, so that all after it are at work
		after  int64
		killed []int
	}{
		{"HEADERS", 20_000, []int{0, 1, 2, 3}},
		{"SELECT", 200_000, []int{2, 3}},
	} {
		for _, i := range c.killed {
			t.Run(fmt.Sprint(c.stalls, " ", i), func(t *testing.T) {
				t.Parallel()
				server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
				server.Account("src").Fill(imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b", "c")}, {Path: "Old", Messages: notes("d", "e")}}})
				src, dst := embedded(server, "src"), embedded(server, "dst")
				b := between(t, src, dst)
				b.sh(straight + ` >receipts`).wants(0)
				had := map[string]bool{}
				for _, e := range dst.dumpOctets(t) {
					had[string(e.Octets)] = true
				}
				src.expunge(t, "INBOX", 2)
				src.expunge(t, "Old", 1)
				src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: imaptest.Generate(1, 300)}}})

				proxy := imaptest.NewFaultProxy(t, src.addr, imaptest.StallAfter(imaptest.ToClient, c.after, 0).Each())
				run := b.with("HEADERS", src.options()).with("SELECT", src.options()).with(c.stalls, src.by(proxy.Addr()).options())
				s := run.start(`imap-fetch --headers $HEADERS`, `imap-diff --delete-extra --proof receipts $DST`, `imap-fetch --select - $SELECT`, `imap-push`+deleteAll+`$DST`)
				for proxy.Fired() == 0 {
					select {
					case <-s.ended[3]:
						t.Fatalf("nothing stalls\n%s", s)
					case <-time.After(10 * time.Millisecond):
					}
				}
				s.kill(i)
				select {
				case <-s.ended[3]:
				case <-time.After(time.Minute):
					t.Fatalf("the last command hangs\n%s", s)
				}
				if code := exitCode(s.cmds[3].ProcessState); code == 0 || i != 3 && code != 65 {
					t.Errorf("the last command ended with %d\n%s", code, s)
				}
				for _, e := range dst.dumpOctets(t) {
					delete(had, string(e.Octets))
				}
				if len(had) > 0 {
					t.Errorf("%d messages were deleted", len(had))
				}
				dst.settle(t)
				b.sh(mirror(``, `--delete-extra --proof receipts`)).wants(0).says("2 deleted")
				equal(t, src, dst)
			})
		}
	}
}
