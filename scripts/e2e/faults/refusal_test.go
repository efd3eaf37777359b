package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// kinds are servers that take messages in their own ways.
var kinds = map[string]imaptest.Options{"literal plus": {LiteralPlus: true}, "synchronising": {}}

// TestOneMessageRefused: a NO or a BAD costs that message only.
func TestOneMessageRefused(t *testing.T) {
	t.Parallel()
	for name, options := range harness.Some(t, 1, kinds) {
		for _, kind := range []imap.StatusResponseType{imap.StatusResponseTypeNo, imap.StatusResponseTypeBad} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				source := imaptest.StartServer(t, imaptest.Options{})
				source.Account("src").Fill(harness.Mail(120))
				want := source.Account("src").Entries()
				bad := map[string]bool{}
				for i := 0; i < len(want); i += 25 {
					bad[want[i].SHA256] = true
				}
				options.OnAppend = func(_, _ string, m imaptest.Message) error {
					if bad[imaptest.Sum(m.Octets)] {
						return harness.AppendError(kind, "", "I do not like it")
					}
					return nil
				}
				src, dst := harness.Embedded(source, "src"), harness.Embedded(imaptest.StartServer(t, options), "dst")
				o := harness.Between(t, src, dst).Sh(harness.Straight).Wants(3).Appended(len(want) - len(bad))
				var kept []imaptest.Entry
				for _, e := range want {
					if !bad[e.SHA256] {
						kept = append(kept, e)
					}
				}
				harness.Same(t, kept, dst.Dump(t))
				rejected := o.Receipts().Of("rejected")
				if len(rejected) != len(bad) {
					t.Errorf("%d receipts, want %d", len(rejected), len(bad))
				}
				for _, r := range rejected {
					if !strings.Contains(r.Text, "I do not like it") {
						t.Errorf("%+v", r)
					}
				}
			})
		}
	}
}

// TestFull: when the destination is full, 73; with room again, the rest goes.
func TestFull(t *testing.T) {
	t.Parallel()
	for name, options := range kinds {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			room := 40
			options.OnAppend = func(string, string, imaptest.Message) error {
				mu.Lock()
				defer mu.Unlock()
				if room--; room < 0 {
					return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeOverQuota, "Quota exceeded")
				}
				return nil
			}
			source := imaptest.StartServer(t, imaptest.Options{})
			source.Account("src").Fill(harness.Mail(100))
			src, dst := harness.Embedded(source, "src"), harness.Embedded(imaptest.StartServer(t, options), "dst")
			b := harness.Between(t, src, dst)
			o := b.Sh(harness.Straight).Wants(73).Appended(40)
			if end := o.Receipts().End(t); end.Listed != 100 || end.Skipped != 60 {
				t.Errorf("%+v", end)
			}
			if n := len(dst.Dump(t)); n != 40 {
				t.Errorf("%d messages arrived", n)
			}
			mu.Lock()
			room = 1000
			mu.Unlock()
			b.Sh(harness.Straight).Wants(0).Appended(60)
			harness.Equal(t, src, dst)
		})
	}
}

// TestBusy: a server that is busy for a while gets the same message again.
func TestBusy(t *testing.T) {
	t.Parallel()
	for name, options := range kinds {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			n := 0
			options.OnAppend = func(string, string, imaptest.Message) error {
				mu.Lock()
				defer mu.Unlock()
				if n++; n == 10 || n == 11 || n == 30 {
					return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeInUse, "Mailbox is locked, try again")
				}
				return nil
			}
			source := imaptest.StartServer(t, imaptest.Options{})
			source.Account("src").Fill(harness.Mail(60))
			src, dst := harness.Embedded(source, "src"), harness.Embedded(imaptest.StartServer(t, options), "dst")
			harness.Between(t, src, dst).Sh(harness.Straight).Wants(0).Appended(60)
			harness.Equal(t, src, dst)
		})
	}
}

// TestResetOnOtherServers cuts the line of imap-push anywhere, on servers
// without MULTIAPPEND and on Cyrus; the same run, or a second, ends equal.
func TestResetOnOtherServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(harness.WithOdd(harness.Mail(250)))
	src := harness.Embedded(source, "src")
	want := without(src.Dump(t), harness.QuotedPath)
	rnd := harness.Random(t)
	users := []string{}
	for i := range 20 {
		users = append(users, fmt.Sprint("u", i))
	}
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: users})
	servers := map[string]string{"cyrus": cyrus.Addr}
	for name, options := range kinds {
		servers[name] = imaptest.StartServer(t, options).Addr()
	}
	for name, addr := range harness.Some(t, 2, servers) {
		for round := range harness.Rounds(1, len(users)) {
			direction, most := imaptest.ToServer, int64(2_500_000)
			if round%3 == 1 {
				direction, most = imaptest.ToClient, 12_000
			}
			rule := imaptest.CutAfter(direction, 1+rnd.Int64N(most))
			t.Run(fmt.Sprintf("%s, %v", name, rule), func(t *testing.T) {
				dst := harness.Account{Addr: addr, User: users[round]}
				proxy := imaptest.NewFaultProxy(t, addr, rule)
				b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
				code := 0
				if name == "cyrus" {
					code = 3 // it has no such name as the quoted one
				}
				run := b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"}))
				t.Logf("fired %d, exit %d, %v", proxy.Fired(), run.Exit, run.Took.Round(time.Millisecond))
				dst.Settle(t)
				b.Sh(harness.Straight).Wants(code)
				harness.Same(t, want, without(dst.Dump(t), harness.QuotedPath))
			})
		}
	}
}

// without leaves a folder out.
func without(all []imaptest.Entry, path string) (some []imaptest.Entry) {
	for _, e := range all {
		if e.Path != path {
			some = append(some, e)
		}
	}
	return some
}

// TestMailArrivesMeanwhile: another client delivers to the destination, and to
// the source, while the pipeline runs.
func TestMailArrivesMeanwhile(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(600))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	want := src.Dump(t)
	var delivered []imaptest.Message
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i, m := range imaptest.Generate(555, 4000) {
			select {
			case <-done:
				return
			case <-time.After(500 * time.Microsecond):
				server.Account("dst").AddMessage("INBOX", m.Flags, harness.Day(i%20), m.Octets)
				delivered = append(delivered, m)
				server.Account("src").AddMessage("Sent", nil, harness.Day(i%20), harness.Letter(fmt.Sprint("late-", i), "Hello\n"))
			}
		}
	}()
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0)
	close(done)
	<-ended
	there := map[string]int{}
	for _, e := range dst.Dump(t) {
		there[e.SHA256]++
	}
	for _, e := range want {
		if there[e.SHA256] != 1 {
			t.Errorf("%q UID %d is there %d times", e.Path, e.UID, there[e.SHA256])
		}
	}
	b.Sh(harness.Straight).Wants(0)
	b.Sh(harness.Straight).Wants(0).Appended(0)
	if n, src, own := len(dst.Dump(t)), len(src.Dump(t)), len(delivered); n != src+own {
		t.Errorf("%d messages, want %d and %d", n, src, own)
	}
}
