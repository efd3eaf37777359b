package promises

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var forFlag = flag.Duration("for", 0, "how long TestPromises draws new cases")

// promiseTally counts what was tried.
type promiseTally struct {
	mu                                sync.Mutex
	began                             time.Time
	cases, runs, messages, changes    atomic.Int64
	faults, stopped, failed, appended atomic.Int64
	exits                             map[int]int
}

func (p *promiseTally) count(r *plannedRun, res *result, after [2][]imaptest.Entry) {
	p.runs.Add(1)
	p.messages.Add(int64(len(after[0]) + len(after[1])))
	p.changes.Add(int64(len(res.changes[0]) + len(res.changes[1])))
	p.faults.Add(int64(res.fired))
	p.appended.Add(int64(len(res.receipts.Of("appended"))))
	if res.stopped {
		p.stopped.Add(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.calm() {
		p.exits[res.exit]++
	}
}

// late reports whether the time that was given is over.
func (p *promiseTally) late() bool { return *forFlag > 0 && time.Since(p.began) > *forFlag }

func (p *promiseTally) String() string {
	return fmt.Sprintf("%d cases in %v, %d of them failed; %d runs, in %d of which a process was stopped; %d faults of lines, %d changes by other clients; %d messages appended, %d looked at; exit codes of runs with trouble: %v",
		p.cases.Load(), time.Since(p.began).Round(time.Second), p.failed.Load(), p.runs.Load(), p.stopped.Load(), p.faults.Load(), p.changes.Load(), p.appended.Load(), p.messages.Load(), p.exits)
}

// casesPerServers is how many cases share a Dovecot and a Cyrus.
const casesPerServers = 40

// TestPromises draws random mailboxes, options, faults and changes by other
// clients, and holds every run against what README promises: nothing is lost,
// doubled, altered or wrongly deleted; flags, exit codes and receipts are right;
// and a run with nothing to do does nothing. docs/reliability.md tells more.
//
//	go test ./scripts/e2e -run 'TestPromises$' -timeout 0 -v -args -for 1h
//
// IMAPPIPE_SEED and the number of a case draw it again:
// IMAPPIPE_SEED=17 go test ./scripts/e2e -run 'TestPromises/.*/23$'
func TestPromises(t *testing.T) {
	t.Parallel()
	seed := harness.Random(t).Uint64()
	tally := &promiseTally{began: time.Now(), exits: map[int]int{}}
	defer func() { t.Log(tally) }()
	for first := 0; ; first += casesPerServers {
		n := min(harness.Rounds(2, 200)-first, casesPerServers)
		if *forFlag > 0 {
			n = casesPerServers
		}
		if n <= 0 || tally.late() {
			return
		}
		t.Run(fmt.Sprint(first), func(t *testing.T) { promiseBatch(t, seed, first, n, tally) })
		if *forFlag > 0 {
			t.Log(tally)
		}
	}
}

// promiseBatch tries n cases at servers of their own.
func promiseBatch(t *testing.T, seed uint64, first, n int, tally *promiseTally) {
	var users []string
	for i := range n {
		users = append(users, fmt.Sprintf("s%d", first+i), fmt.Sprintf("d%d", first+i))
	}
	servers := map[string]*imaptest.Real{
		"dovecot": imaptest.StartDovecot(t, imaptest.DovecotOptions{}),
		"cyrus":   imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: users}),
	}
	for i := first; i < first+n; i++ {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if tally.late() {
				return
			}
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			c := &promiseCase{t: t, rnd: rnd, bench: harness.NewShell(t), tally: tally}
			for side := range c.kinds {
				c.kinds[side] = []string{"dovecot", "cyrus"}[rnd.IntN(2)]
			}
			c.src, c.dst = harness.Real(servers[c.kinds[0]], fmt.Sprintf("s%d", i)), harness.Real(servers[c.kinds[1]], fmt.Sprintf("d%d", i))
			tally.cases.Add(1)
			c.goes()
			if t.Failed() {
				tally.failed.Add(1)
			}
		})
	}
}
