package promises

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// plannedRun is one run of a migration: pipelines, one after the other while they
// end with 0, and what befalls them. In a command stand the options of the case:
// @FETCH, @DIFF and @PUSH, and @LEVEL and @CAPS of this run.
type plannedRun struct {
	form      string
	pipelines [][]string
	level     string
	caps      string // options that hide capabilities

	stage, after int // what is signalled, and after how many milliseconds
	signal       syscall.Signal
	fault        imaptest.Fault     // in place of the signal, if it has a step
	rules        [2][]imaptest.Rule // on the line to the source and to the destination
	side         int                // of the other client
	before       string             // the command before which it acts; "" never
	nth          int
}

// forms are the ways in which one migrates.
var promiseForms = map[string][][]string{
	"straight": {{"imap-fetch --headers @FETCH $SRC", "imap-diff @DIFF $DST", "imap-fetch --select - $SRC", "imap-push @PUSH $DST >>receipts"}},
	"bodies":   {{"imap-fetch @FETCH @LEVEL $SRC", "imap-diff @DIFF @LEVEL $DST", "imap-push @PUSH $DST >>receipts"}},
	"offline":  {{"imap-fetch @FETCH @LEVEL -o mail@NAME $SRC"}, {"imap-diff @DIFF $DST mail@NAME", "imap-push @PUSH $DST >>receipts"}},
	"plan":     {{"imap-fetch --headers @FETCH @LEVEL -o list@NAME $SRC"}, {"imap-diff @DIFF @LEVEL -o plan@NAME $DST list@NAME"}, {"imap-fetch --select plan@NAME $SRC", "imap-push @PUSH $DST >>receipts"}},
	"twice":    {{"imap-fetch @FETCH @LEVEL -o mail@NAME $SRC"}, {"imap-diff @DIFF @LEVEL -o plan@NAME $DST mail@NAME"}, {"imap-push @PUSH $DST plan@NAME >>receipts"}, {"imap-push @PUSH $DST plan@NAME >>receipts"}},
	"base": {{"imap-fetch @FETCH @LEVEL -o base@NAME $SRC"}, {"imap-fetch @FETCH --base base@NAME @LEVEL -o delta@NAME $SRC"}, {"cat base@NAME delta@NAME >joined@NAME"},
		{"imap-diff @DIFF $DST joined@NAME", "imap-push @PUSH $DST >>receipts"}},
}

// hidden are capabilities that a run may be told not to use.
var hidden = []string{"MULTIAPPEND", "LITERAL+", "UIDPLUS", "CONDSTORE", "LIST-STATUS", "ESEARCH", "LIST-EXTENDED"}

// run draws a run; a plain one meets no trouble.
func (c *promiseCase) run(plain bool) *plannedRun {
	rnd := c.rnd
	r := &plannedRun{form: c.formNames[rnd.IntN(len(c.formNames))], stage: -1}
	r.pipelines = promiseForms[r.form]
	r.level = []string{"none", "fastest", "default"}[rnd.IntN(3)]
	for _, name := range hidden {
		if rnd.IntN(8) == 0 && (name != "UIDPLUS" || c.mirror == "") { // which deletions need
			r.caps += " --disable-cap " + name
		}
	}
	if plain {
		return r
	}
	switch r.stage = rnd.IntN(8); {
	case r.stage > 3:
		r.stage = -1
	case rnd.IntN(3) == 0:
		r.after = c.upTo(800)
		r.signal = []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}[rnd.IntN(3)]
	default:
		r.fault = imaptest.Fault{N: c.upTo(200), What: []imaptest.Happening{imaptest.KillBefore, imaptest.KillHalf, imaptest.KillAfter, imaptest.Fail}[rnd.IntN(4)],
			Errno: []syscall.Errno{syscall.EIO, syscall.ENOSPC}[rnd.IntN(2)]}
	}
	for side := range r.rules {
		if rnd.IntN(2) == 0 {
			r.rules[side] = append(r.rules[side], c.rule(side))
		}
	}
	if rnd.IntN(2) == 0 {
		r.side, r.nth = rnd.IntN(2), 1+rnd.IntN(6)
		r.before = []string{"UID FETCH", "FETCH", "(UID )?FETCH", "EXAMINE", "SELECT", "APPEND", "STATUS|LIST", "UID SEARCH|UID STORE", "LOGOUT|NOOP"}[rnd.IntN(9)]
	}
	return r
}

// upTo is a random number from 1, small ones as likely as large ones.
func (c *promiseCase) upTo(n int) int {
	return int(math.Exp(c.rnd.Float64() * math.Log(float64(n)+0.999)))
}

// faultyVerbs are the commands at which the lines to the source and to the
// destination break.
var faultyVerbs = [2][]string{
	{"UID FETCH", "UID FETCH", "EXAMINE", "LIST", "STATUS"},
	{"APPEND", "APPEND", "APPEND", "UID FETCH", "EXAMINE", "SELECT", "STATUS", "CREATE", "UID STORE", "UID EXPUNGE"},
}

// rule is a random fault of a line.
func (c *promiseCase) rule(side int) imaptest.Rule {
	rnd := c.rnd
	verb := faultyVerbs[side][rnd.IntN(len(faultyVerbs[side]))]
	switch rnd.IntN(5) {
	case 0, 1:
		return imaptest.DropAnswer(verb, c.upTo(4))
	case 2:
		return imaptest.CutCommand(verb, c.upTo(4))
	}
	direction := []imaptest.Direction{imaptest.ToServer, imaptest.ToClient}[rnd.IntN(2)]
	after := int64(c.upTo(50_000))
	if rnd.IntN(2) == 0 {
		return imaptest.HangUpAfter(direction, after)
	}
	return imaptest.CutAfter(direction, after)
}

// calm: nothing befalls the run.
func (r *plannedRun) calm() bool {
	return r.stage < 0 && r.rules[0] == nil && r.rules[1] == nil && r.before == ""
}

func (r *plannedRun) String() string {
	text := r.form + ", level " + r.level + r.caps
	if r.fault.N > 0 {
		text += fmt.Sprintf(", stage %d: %v", r.stage, r.fault)
	} else if r.stage >= 0 {
		text += fmt.Sprintf(", %v to stage %d after %d ms", r.signal, r.stage, r.after)
	}
	for side, rules := range r.rules {
		if rules != nil {
			text += fmt.Sprintf(", line to the %s: %v", [...]string{"source", "destination"}[side], rules)
		}
	}
	if r.before != "" {
		text += fmt.Sprintf(", change of the %s before command %d like %s", [...]string{"source", "destination"}[r.side], r.nth, r.before)
	}
	return text
}

// result is what a run has left.
type result struct {
	exit     int
	stopped  bool // a signal has reached a process
	fired    int  // faults of the lines
	changes  [2][]change
	receipts harness.Receipts
	words    string
}

// perform carries a run out, and waits until the servers are at rest.
func (c *promiseCase) perform(r *plannedRun) *result {
	res := &result{}
	b := c.bench
	for side, proxy := range c.lines {
		proxy.SetRules(r.rules[side]...)
		proxy.InterruptAt("$^", 1, nil)
		a := []harness.Account{c.src, c.dst}[side].By(proxy.Addr())
		b = b.With([]string{"SRC", "DST"}[side], a.Options()+r.caps+" --timeout 20s")
	}
	if r.before != "" {
		c.lines[r.side].InterruptAt(r.before, r.nth, func() {
			res.changes[r.side] = append(res.changes[r.side], c.others[r.side].acts())
		})
	}
	wrote := c.receiptsSize()
	for i, pipeline := range r.pipelines {
		var lines []string
		for _, line := range pipeline {
			lines = append(lines, c.options.Replace(strings.NewReplacer("@LEVEL", "--level "+r.level, "@NAME", "-"+r.level).Replace(line)))
		}
		hit := r.stage >= 0 && i == r.stage%len(r.pipelines)
		traced := -1
		if hit && r.fault.N > 0 {
			traced = r.stage % len(lines)
		}
		s := b.StartTraced(traced, r.fault, lines...)
		if hit && traced < 0 {
			time.AfterFunc(time.Duration(r.after)*time.Millisecond, func() { s.Cmds[r.stage%len(lines)].Process.Signal(r.signal) })
		}
		codes := s.Wait(harness.ScriptTimeout)
		res.words += fmt.Sprintf("%v\n%s", codes, s)
		for _, code := range codes {
			res.stopped = res.stopped || code >= 128
		}
		if res.exit = codes[len(codes)-1]; res.exit != 0 {
			break
		}
	}
	for side, proxy := range c.lines {
		res.fired += proxy.Fired()
		if !proxy.Rest(30 * time.Second) {
			c.t.Errorf("the line to the %s does not come to rest", [...]string{"source", "destination"}[side])
		}
	}
	res.receipts = wholeLines(c.t, b, wrote)
	return res
}

// receiptsSize is how much the file of receipts holds.
func (c *promiseCase) receiptsSize() int64 {
	info, err := os.Stat(c.bench.Path("receipts"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// wholeLines reads the receipts that were written from an offset on. The last
// line of a run that was killed may be cut.
func wholeLines(t testing.TB, b *harness.Shell, from int64) harness.Receipts {
	if !b.Exists("receipts") {
		return nil
	}
	text := string(b.Read("receipts")[from:])
	text = strings.TrimPrefix(text, "\n") // after a cut line
	return harness.ReadReceipts(t, text[:strings.LastIndexByte(text, '\n')+1])
}

// sorted is for maps that random choices are made from.
func sortedKeys[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
