package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// kinds are servers that take messages in their own ways.
var kinds = map[string]imaptest.Options{"literal plus": {LiteralPlus: true}, "synchronising": {}}

// TestOneMessageRefused: a NO or a BAD costs that message only.
func TestOneMessageRefused(t *testing.T) {
	t.Parallel()
	for name, options := range some(t, 1, kinds) {
		for _, kind := range []imap.StatusResponseType{imap.StatusResponseTypeNo, imap.StatusResponseTypeBad} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				source := imaptest.StartServer(t, imaptest.Options{})
				source.Account("src").Fill(mail(120))
				want := source.Account("src").Entries()
				bad := map[string]bool{}
				for i := 0; i < len(want); i += 25 {
					bad[want[i].SHA256] = true
				}
				options.OnAppend = func(_, _ string, m imaptest.Message) error {
					if bad[imaptest.Sum(m.Octets)] {
						return says(kind, "", "I do not like it")
					}
					return nil
				}
				src, dst := embedded(source, "src"), embedded(imaptest.StartServer(t, options), "dst")
				o := between(t, src, dst).sh(straight).wants(3).appended(len(want) - len(bad))
				var kept []imaptest.Entry
				for _, e := range want {
					if !bad[e.SHA256] {
						kept = append(kept, e)
					}
				}
				same(t, kept, dst.dump(t))
				rejected := o.receipts().of("rejected")
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
					return says(imap.StatusResponseTypeNo, imap.ResponseCodeOverQuota, "Quota exceeded")
				}
				return nil
			}
			source := imaptest.StartServer(t, imaptest.Options{})
			source.Account("src").Fill(mail(100))
			src, dst := embedded(source, "src"), embedded(imaptest.StartServer(t, options), "dst")
			b := between(t, src, dst)
			o := b.sh(straight).wants(73).appended(40)
			if end := o.receipts().end(t); end.Listed != 100 || end.Skipped != 60 {
				t.Errorf("%+v", end)
			}
			if n := len(dst.dump(t)); n != 40 {
				t.Errorf("%d messages arrived", n)
			}
			mu.Lock()
			room = 1000
			mu.Unlock()
			b.sh(straight).wants(0).appended(60)
			equal(t, src, dst)
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
					return says(imap.StatusResponseTypeNo, imap.ResponseCodeInUse, "Mailbox is locked, try again")
				}
				return nil
			}
			source := imaptest.StartServer(t, imaptest.Options{})
			source.Account("src").Fill(mail(60))
			src, dst := embedded(source, "src"), embedded(imaptest.StartServer(t, options), "dst")
			between(t, src, dst).sh(straight).wants(0).appended(60)
			equal(t, src, dst)
		})
	}
}

// TestResetOnOtherServers cuts the line of imap-push anywhere, on servers
// without MULTIAPPEND and on Cyrus; the same run, or a second, ends equal.
func TestResetOnOtherServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(withOdd(mail(250)))
	src := embedded(source, "src")
	want := without(src.dump(t), quotedPath)
	rnd := random(t)
	users := []string{}
	for i := range 20 {
		users = append(users, fmt.Sprint("u", i))
	}
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: users})
	servers := map[string]string{"cyrus": cyrus.Addr}
	for name, options := range kinds {
		servers[name] = imaptest.StartServer(t, options).Addr()
	}
	for name, addr := range some(t, 2, servers) {
		for round := range rounds(1, len(users)) {
			direction, most := imaptest.ToServer, int64(2_500_000)
			if round%3 == 1 {
				direction, most = imaptest.ToClient, 12_000
			}
			rule := imaptest.CutAfter(direction, 1+rnd.Int64N(most))
			t.Run(fmt.Sprintf("%s, %v", name, rule), func(t *testing.T) {
				dst := account{addr, users[round]}
				proxy := imaptest.NewFaultProxy(t, addr, rule)
				b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
				code := 0
				if name == "cyrus" {
					code = 3 // it has no such name as the quoted one
				}
				run := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"}))
				t.Logf("fired %d, exit %d, %v", proxy.Fired(), run.exit, run.took.Round(time.Millisecond))
				dst.settle(t)
				b.sh(straight).wants(code)
				same(t, want, without(dst.dump(t), quotedPath))
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
	server.Account("src").Fill(mail(600))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	want := src.dump(t)
	var delivered []imaptest.Message
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i, m := range imaptest.Generate(555, 4000) {
			select {
			case <-done:
				return
			case <-time.After(500 * time.Microsecond):
				server.Account("dst").AddMessage("INBOX", m.Flags, day(i%20), m.Octets)
				delivered = append(delivered, m)
				server.Account("src").AddMessage("Sent", nil, day(i%20), letter(fmt.Sprint("late-", i), "Hello\n"))
			}
		}
	}()
	b := between(t, src, dst)
	b.sh(straight).wants(0)
	close(done)
	<-ended
	there := map[string]int{}
	for _, e := range dst.dump(t) {
		there[e.SHA256]++
	}
	for _, e := range want {
		if there[e.SHA256] != 1 {
			t.Errorf("%q UID %d is there %d times", e.Path, e.UID, there[e.SHA256])
		}
	}
	b.sh(straight).wants(0)
	b.sh(straight).wants(0).appended(0)
	if n, src, own := len(dst.dump(t)), len(src.dump(t)), len(delivered); n != src+own {
		t.Errorf("%d messages, want %d and %d", n, src, own)
	}
}
