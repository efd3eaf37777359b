package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// throttling is a server that refuses an APPEND now and then as providers do
// that want less of it.
func throttling(t *testing.T, options imaptest.Options, refuse func(n int) error) account {
	var mu sync.Mutex
	n := 0
	options.OnAppend = func(string, string, imaptest.Message) error {
		mu.Lock()
		defer mu.Unlock()
		n++
		return refuse(n)
	}
	return embedded(imaptest.StartServer(t, options), "dst")
}

const backoff = "Request is throttled. Suggested Backoff Time: %d milliseconds"

// TestThrottled: a provider's pauses are kept, each message goes again until it
// is taken, and none arrives twice.
func TestThrottled(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(60))
	src := embedded(source, "src")
	for name, options := range some(t, 1, kinds) {
		for _, kind := range []imap.StatusResponseType{imap.StatusResponseTypeNo, imap.StatusResponseTypeBad} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				dst := throttling(t, options, func(n int) error {
					if n%9 == 0 {
						return says(kind, "", fmt.Sprintf(backoff, 30))
					}
					return nil
				})
				between(t, src, dst).sh(straight).wants(0).appended(60)
				equal(t, src, dst)
			})
		}
	}
}

// TestThrottledForLong: patience has bounds, and an end with 75; the wait is
// told once. Whoever interrupts it is obeyed at once.
func TestThrottledForLong(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(60))
	src := embedded(source, "src")
	after := func(most int, milliseconds int) func(int) error {
		return func(n int) error {
			if n > most {
				return says(imap.StatusResponseTypeNo, "", fmt.Sprintf(backoff, milliseconds))
			}
			return nil
		}
	}
	t.Run("gives up", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 1100))
		o := between(t, src, dst).sh(straight + ` --retries 2`).wants(75).appended(20)
		if n := strings.Count(o.stderr, "is busy: waiting 1.1s"); n != 2 {
			t.Errorf("%d waits are told\n%s", n, o)
		}
		o.says("(1 of 2)", "(2 of 2)", "Suggested Backoff Time")
	})
	t.Run("asks for too much", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 3_000_000))
		o := between(t, src, dst).sh(straight).wants(75).appended(20)
		o.says("asks for a pause of 50m0s, and the longest that is allowed is 5m0s")
	})
	t.Run("interrupted", func(t *testing.T) {
		dst := throttling(t, imaptest.Options{}, after(20, 200_000))
		b := between(t, src, dst)
		s := b.start(straightStages...)
		for len(dst.dump(t)) < 20 {
			time.Sleep(20 * time.Millisecond)
		}
		s.signal(syscall.SIGINT)
		if codes := s.wait(20 * time.Second); codes[3] != 130 {
			t.Errorf("%v\n%s", codes, s)
		}
		all := readReceipts(t, s.stdout.String())
		if end := all.end(t); end.Exit != 130 || len(all.of("appended")) != len(dst.dump(t)) {
			t.Errorf("%+v", end)
		}
	})
}

// TestProviderIsNotFull: Gmail says OVERQUOTA of its bandwidth: the run ends
// for now, and not because the mailbox were full.
func TestProviderIsNotFull(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(30))
	dst := throttling(t, imaptest.Options{}, func(n int) error {
		if n > 10 {
			return says(imap.StatusResponseTypeNo, imap.ResponseCodeOverQuota, "Account exceeded command or bandwidth limits. (Failure)")
		}
		return nil
	})
	between(t, embedded(source, "src"), dst).sh(straight + ` --retries 0`).wants(75).appended(10)
}
