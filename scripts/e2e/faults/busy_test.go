package faults

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// throttling is a server that refuses an APPEND now and then as providers do
// that want less of it.
func throttling(t *testing.T, options imaptest.Options, refuse func(n int) error) harness.Account {
	var mu sync.Mutex
	n := 0
	options.OnAppend = func(string, string, imaptest.Message) error {
		mu.Lock()
		defer mu.Unlock()
		n++
		return refuse(n)
	}
	return harness.Embedded(imaptest.StartServer(t, options), "dst")
}

const backoff = "Request is throttled. Suggested Backoff Time: %d milliseconds"

// TestThrottled: a provider's pauses are kept, each message goes again until it
// is taken, and none arrives twice.
func TestThrottled(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(harness.Mail(60))
	src := harness.Embedded(source, "src")
	for name, options := range harness.Some(t, 1, kinds) {
		for _, kind := range []imap.StatusResponseType{imap.StatusResponseTypeNo, imap.StatusResponseTypeBad} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				dst := throttling(t, options, func(n int) error {
					if n%9 == 0 {
						return harness.AppendError(kind, "", fmt.Sprintf(backoff, 30))
					}
					return nil
				})
				harness.Between(t, src, dst).Sh(harness.Straight).Wants(0).Appended(60)
				harness.Equal(t, src, dst)
			})
		}
	}
}

// TestThrottledForLong: patience has bounds, and an end with 75; the wait is
// told once. Whoever interrupts it is obeyed at once.
func TestThrottledForLong(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(harness.Mail(60))
	src := harness.Embedded(source, "src")
	after := func(most int, milliseconds int) func(int) error {
		return func(n int) error {
			if n > most {
				return harness.AppendError(imap.StatusResponseTypeNo, "", fmt.Sprintf(backoff, milliseconds))
			}
			return nil
		}
	}
	t.Run("gives up", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 1100))
		o := harness.Between(t, src, dst).Sh(harness.Straight + ` --retries 2`).Wants(75).Appended(20)
		if n := strings.Count(o.Stderr, "is busy: waiting 1.1s"); n != 2 {
			t.Errorf("%d waits are told\n%s", n, o)
		}
		o.Says("(1 of 2)", "(2 of 2)", "Suggested Backoff Time")
	})
	t.Run("asks for too much", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 3_000_000))
		o := harness.Between(t, src, dst).Sh(harness.Straight).Wants(75).Appended(20)
		o.Says("asks for a pause of 50m0s, and the longest that is allowed is 5m0s")
	})
	t.Run("interrupted", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 200_000))
		b := harness.Between(t, src, dst)
		s := b.Start(harness.StraightStages...)
		for len(dst.Dump(t)) < 20 {
			time.Sleep(20 * time.Millisecond)
		}
		s.Signal(syscall.SIGINT)
		if codes := s.Wait(20 * time.Second); codes[3] != 130 {
			t.Errorf("%v\n%s", codes, s)
		}
		all := harness.ReadReceipts(t, s.Stdout.String())
		if end := all.End(t); end.Exit != 130 || len(all.Of("appended")) != len(dst.Dump(t)) {
			t.Errorf("%+v", end)
		}
	})
}

// TestProviderIsNotFull: Gmail says OVERQUOTA of its bandwidth: the run ends
// for now, and not because the mailbox were full.
func TestProviderIsNotFull(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(harness.Mail(30))
	dst := throttling(t, imaptest.Options{}, func(n int) error {
		if n > 10 {
			return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeOverQuota, "Account exceeded command or bandwidth limits. (Failure)")
		}
		return nil
	})
	harness.Between(t, harness.Embedded(source, "src"), dst).Sh(harness.Straight + ` --retries 0`).Wants(75).Appended(10)
}
