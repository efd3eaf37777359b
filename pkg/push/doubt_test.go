package push

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
)

// quick is a sleep for servers that work at once.
func quick(ctx context.Context, d time.Duration) error { return sleep(ctx, d/20) }

// The answer to an APPEND is lost, and the folder looks empty since: what is in
// doubt is not sent again.
func TestDoubtInAFolderThatHides(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("joe")
	for _, l := range numbered(2) {
		account.AddMessage("INBOX", nil, l.arrived(), l.octets())
	}
	line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.DropAnswer("APPEND", 1))
	hide := hideAll()
	line.Rewrite(func(text string) string {
		if line.Connections() > 1 {
			return hide(text)
		}
		return text
	})
	outcome, receipts, err := carryOut(t, line.Addr(), planFor(t, []letter{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}}, 1001, 3), Options{sleep: quick})
	if exit.CodeOf(err) != exit.Partial || outcome.Failed == 0 || outcome.Failed+outcome.Rejected != 3 || len(receipts) != 3 {
		t.Errorf("%s, %+v, %v", outcome, receipts, err)
	}
	if account.Appends() > 3 {
		t.Errorf("%d messages were appended", account.Appends())
	}
}

// lateServer stores the first message after the connection was lost, when wait
// returns.
func lateServer(t *testing.T, wait func(*imaptest.Account), again func(*imaptest.Account)) (*imaptest.Account, string) {
	var line *imaptest.FaultProxy
	var server *imaptest.Server
	var mu sync.Mutex
	calls := 0
	server = imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(string, string, imaptest.Message) error {
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		if n == 1 {
			line.CutAll()
			wait(server.Account("joe"))
		} else {
			again(server.Account("joe"))
		}
		return nil
	}})
	server.Account("joe").AddMailbox("INBOX")
	line = imaptest.NewFaultProxy(t, server.Addr())
	return server.Account("joe"), line.Addr()
}

// A batch that the server stores well after the connection was lost is waited
// for.
func TestLateBatch(t *testing.T) {
	stored := make(chan struct{})
	account, addr := lateServer(t, func(*imaptest.Account) {
		time.Sleep(1600 * time.Millisecond)
		time.AfterFunc(200*time.Millisecond, func() { close(stored) })
	}, func(*imaptest.Account) {})
	letters := numbered(4)
	outcome, _, err := carryOut(t, addr, planFor(t, letters, 0, 0), Options{})
	<-stored
	got := bodies(account.Messages("INBOX"))
	if slices.Sort(got); err != nil || outcome.Appended != 4 || !slices.Equal(got, sortedBodies(letters)) {
		t.Errorf("%s, %v: %v", outcome, err, got)
	}
}

// One that comes later than anybody waits is there twice, and the user is told.
func TestBatchThatComesTooLate(t *testing.T) {
	sent := make(chan struct{})
	var once sync.Once
	account, addr := lateServer(t, func(*imaptest.Account) { <-sent }, func(a *imaptest.Account) {
		once.Do(func() { close(sent) })
		for range 500 {
			if len(a.Messages("INBOX")) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	var mu sync.Mutex
	var warnings []string
	warn := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		warnings = append(warnings, fmt.Sprintf(format, args...))
	}
	_, _, err := carryOut(t, addr, planFor(t, numbered(1), 0, 0), Options{sleep: quick, Warn: warn})
	if n := len(account.Messages("INBOX")); exit.CodeOf(err) != exit.Partial || n != 2 {
		t.Fatalf("%d messages, %v", n, err)
	}
	if all := strings.Join(warnings, "\n"); !strings.Contains(all, "suspected duplicates: 1 message") {
		t.Errorf("the user was told %q", all)
	}
}

// The pause before a second look grows with what is in doubt and with the time
// that the server takes.
func TestPauseBetweenLooks(t *testing.T) {
	several := func(n int, size int64) (ms []*batch.Message) {
		for range n {
			m := &batch.Message{}
			m.Size = size
			ms = append(ms, m)
		}
		return ms
	}
	for _, c := range []struct {
		ms      []*batch.Message
		slowest time.Duration
		want    time.Duration
	}{
		{several(1, 1000), 0, messagePause},
		{several(200, 1000), 0, batchPause},
		{several(4, 1e6), 0, 4 * time.Second},
		{several(1, 3e6), 0, 3 * time.Second},
		{several(200, 1000), 4 * time.Second, 8 * time.Second},
		{several(1, 1<<40), 0, longestPause},
		{several(1, 1000), time.Hour, longestPause},
	} {
		if got := (&serverRecord{slowest: c.slowest}).pause(c.ms); got != c.want {
			t.Errorf("%d messages of %d, slowest %v: %v, want %v", len(c.ms), c.ms[0].Size, c.slowest, got, c.want)
		}
	}
}
