package deletion

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
			server.Account("src").Fill(harness.Mail(400))
			src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
			b := harness.Between(t, src, dst)
			b.Sh(`imap-fetch $SRC | imap-diff -o plan.zst $DST`).Wants(0)
			s := b.Start(`imap-push $DST plan.zst`)
			<-begun
			s.Signal(syscall.SIGINT)
			select {
			case <-s.Ended[0]:
				t.Errorf("it does not wait for the answer to its APPEND\n%s", s)
			case <-time.After(500 * time.Millisecond):
			}
			if interrupts == 2 {
				s.Signal(syscall.SIGINT)
				<-s.Ended[0]
			}
			close(answer)
			if codes := s.Wait(time.Minute); codes[0] != 130 {
				t.Errorf("exit codes %v\n%s", codes, s)
			}
			n := len(harness.ReadReceipts(t, s.Stdout.String()).Of("appended"))
			if interrupts == 1 {
				if there := len(dst.Dump(t)); n != there || n == 0 || n == 400 {
					t.Errorf("%d receipts for %d messages", n, there)
				}
				if end := harness.ReadReceipts(t, s.Stdout.String()).End(t); end.Exit != 130 {
					t.Errorf("the receipts end with %d", end.Exit)
				}
			}
			dst.Settle(t)
			b.Sh(`imap-push $DST plan.zst`).Wants(0)
			harness.Equal(t, src, dst)
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
				server.Account("src").Fill(imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b", "c")}, {Path: "Old", Messages: harness.Notes("d", "e")}}})
				src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
				b := harness.Between(t, src, dst)
				b.Sh(harness.Straight + ` >receipts`).Wants(0)
				had := map[string]bool{}
				for _, e := range dst.DumpOctets(t) {
					had[string(e.Octets)] = true
				}
				src.Expunge(t, "INBOX", 2)
				src.Expunge(t, "Old", 1)
				src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: imaptest.Generate(1, 300)}}})

				proxy := imaptest.NewFaultProxy(t, src.Addr, imaptest.StallAfter(imaptest.ToClient, c.after, 0).Each())
				run := b.With("HEADERS", src.Options()).With("SELECT", src.Options()).With(c.stalls, src.By(proxy.Addr()).Options())
				s := run.Start(`imap-fetch --headers $HEADERS`, `imap-diff --delete-extra --proof receipts $DST`, `imap-fetch --select - $SELECT`, `imap-push`+harness.DeleteAll+`$DST`)
				for proxy.Fired() == 0 {
					select {
					case <-s.Ended[3]:
						t.Fatalf("nothing stalls\n%s", s)
					case <-time.After(10 * time.Millisecond):
					}
				}
				s.Kill(i)
				select {
				case <-s.Ended[3]:
				case <-time.After(time.Minute):
					t.Fatalf("the last command hangs\n%s", s)
				}
				if code := harness.ExitCode(s.Cmds[3].ProcessState); code == 0 || i != 3 && code != 65 {
					t.Errorf("the last command ended with %d\n%s", code, s)
				}
				for _, e := range dst.DumpOctets(t) {
					delete(had, string(e.Octets))
				}
				if len(had) > 0 {
					t.Errorf("%d messages were deleted", len(had))
				}
				dst.Settle(t)
				b.Sh(mirror(``, `--delete-extra --proof receipts`)).Wants(0).Says("2 deleted")
				harness.Equal(t, src, dst)
			})
		}
	}
}
