package promises

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// promiseCase is a random migration: two accounts, the options of all its runs,
// and what is known of it.
type promiseCase struct {
	t        testing.TB
	rnd      *rand.Rand
	bench    *harness.Shell
	kinds    [2]string // of the servers: source and destination
	src, dst harness.Account
	others   [2]*otherClient
	lines    [2]*imaptest.FaultProxy // to both accounts

	fetch, diff, push string // options
	receipts          bool   // imap-diff is told the receipts of earlier runs
	mirror            string // "", "all" or "proof"
	sync              string
	last              bool // the run that is judged has only flags left to do
	chosen            func(imaptest.Entry) bool
	place             func(path string) string // where a folder goes
	formNames         []string
	options           *strings.Replacer // of the next run

	refuses map[string]bool          // sums of messages that the destination refuses
	seen    map[where]imaptest.Entry // every message that the source has had
	most    map[slot]int             // most copies that the source has had at a time
	owned   map[where]bool           // messages of the destination that a run has appended
	log     []string
	tally   *promiseTally
}

// where is a message by its folder, as the server lists it, and UID.
type where struct {
	folder string
	uid    uint64
}

// slot is what equal messages of a folder of the destination have in common.
type slot struct{ path, sum string }

// draw makes a case between two accounts that are empty.
func (c *promiseCase) draw() {
	c.refuses, c.seen, c.most, c.owned = c.refusals(), map[where]imaptest.Entry{}, map[slot]int{}, map[where]bool{}
	c.sync, c.chosen, c.place = "off", func(imaptest.Entry) bool { return true }, func(path string) string { return path }
	c.formNames = sortedKeys(promiseForms)
	for side, a := range []harness.Account{c.src, c.dst} {
		c.lines[side] = imaptest.NewFaultProxy(c.t, a.Addr)
		rnd := rand.New(rand.NewPCG(c.rnd.Uint64(), uint64(side)))
		c.others[side] = &otherClient{a, &mailer{rnd, ugliesOf(c.kinds[side])}}
	}
	c.drawMail()
	if rnd := c.rnd; rnd.IntN(4) == 0 {
		c.mirror = []string{"all", "proof"}[rnd.IntN(2)]
		c.push += " --allow delete --max-delete 100%"
		c.withoutForm("base")
	} else if rnd.IntN(3) == 0 {
		c.choose()
	}
	c.drawMatching()
	c.drawMapping()
	c.logf("%s -> %s, imap-fetch%s, imap-diff%s, mirror %q, receipts %v", c.kinds[0], c.kinds[1], c.fetch, c.diff, c.mirror, c.receipts)
}

// drawMail fills both accounts.
func (c *promiseCase) drawMail() {
	m := &mailer{c.rnd, ugliesOf(c.kinds[0])}
	spec := m.spec(5 + c.rnd.IntN(25))
	c.fill(c.src, spec)
	c.fill(c.dst, m.part(spec))
}

// fill is fill of accounts that may refuse some of it.
func (c *promiseCase) fill(a harness.Account, spec imaptest.Spec) {
	refused, err := imaptest.Populate(a.Addr, a.User, "secret", spec)
	if err != nil {
		c.t.Fatal(err)
	}
	c.logf("%s: %d messages in %d folders, %d refused", a.User, spec.Count()-len(refused), len(spec.Folders), len(refused))
}

// refusals are the odd messages, as the source serves them, that the destination
// refuses.
func (c *promiseCase) refusals() map[string]bool {
	sums := map[string]bool{}
	for _, odd := range imaptest.Ugly() {
		octets, ok := odd.Outcome(verdictOf(c.kinds[0])(odd))
		words := verdictOf(c.kinds[1])(odd).Refused
		healed := strings.Contains(words, "bare newlines") || strings.Contains(words, "NUL") // by the source
		if ok && words != "" && !healed {
			sums[imaptest.Sum(octets)] = true
		}
	}
	return sums
}

// choose draws which messages are exported.
func (c *promiseCase) choose() {
	has := func(e imaptest.Entry, flag string) bool { return slices.Contains(e.Flags, flag) }
	switch c.rnd.IntN(5) {
	case 0:
		c.fetch += " --folder-rec " + harness.Quote(nameAt(c.kinds[0], "Archive"))
		c.chosen = func(e imaptest.Entry) bool { return e.Path == "Archive" || strings.HasPrefix(e.Path, "Archive/") }
		c.fetch += " --folder INBOX" // which there always is
		archive := c.chosen
		c.chosen = func(e imaptest.Entry) bool { return e.Path == "INBOX" || archive(e) }
	case 1:
		c.fetch += " --exclude Archive"
		c.chosen = func(e imaptest.Entry) bool { return !strings.Contains(e.Path, "Archive") }
	case 2:
		c.fetch += " --max-size 900"
		c.chosen = func(e imaptest.Entry) bool { return e.Size <= 900 }
	case 3:
		c.fetch += " --search FLAGGED"
		c.chosen = func(e imaptest.Entry) bool { return has(e, `\Flagged`) }
	case 4:
		c.fetch += " --search 'UNSEEN NOT DELETED'"
		c.chosen = func(e imaptest.Entry) bool { return !has(e, `\Seen`) && !has(e, `\Deleted`) }
	}
	c.withoutForm("base")
}

// drawMatching draws by what messages are known, and what becomes of flags.
func (c *promiseCase) drawMatching() {
	c.fetch += []string{"", "", "", " --key message-id", " --key message-id,date,subject", " --key message-id-local,date"}[c.rnd.IntN(6)]
	if c.sync = []string{"off", "off", "add", "exact"}[c.rnd.IntN(4)]; c.sync != "off" {
		c.diff += " --sync-flags " + c.sync
	}
	c.receipts = c.mirror == "" && c.rnd.IntN(3) == 0
}

// drawMapping draws where folders go.
func (c *promiseCase) drawMapping() {
	switch c.rnd.IntN(6) {
	case 0:
		c.diff += " --subfolder Old"
		c.place = func(path string) string { return "Old/" + path }
	case 1:
		c.moves("Archive", "Moved")
	case 2:
		c.moves("Archive", "Work") // two folders become one
	}
}

// moves maps a folder and those below it.
func (c *promiseCase) moves(from, to string) {
	c.diff += " --map " + harness.Quote(nameAt(c.kinds[0], from)+"="+nameAt(c.kinds[1], to))
	c.place = func(path string) string {
		if path == from || strings.HasPrefix(path, from+"/") {
			return to + path[len(from):]
		}
		return path
	}
}

func (c *promiseCase) withoutForm(name string) {
	c.formNames = slices.DeleteFunc(c.formNames, func(form string) bool { return form == name })
}

// nameAt spells a folder as a kind of server does.
func nameAt(kind, path string) string {
	if kind == "cyrus" && path != "INBOX" {
		return "INBOX." + strings.ReplaceAll(path, "/", ".")
	}
	return path
}

// set prepares the options of the next run.
func (c *promiseCase) set() {
	diff := c.diff
	if c.mirror == "all" {
		diff += " --delete-extra=all"
	}
	if c.receiptsSize() > 0 {
		if c.mirror == "proof" {
			diff += " --delete-extra --proof receipts"
		}
		if c.receipts {
			diff += " --receipts receipts"
		}
	}
	c.options = strings.NewReplacer("@FETCH", c.fetch, "@DIFF", diff, "@PUSH", c.push)
}

func (c *promiseCase) logf(format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

// broken tells of a promise that was not kept, with all that was done before.
func (c *promiseCase) broken(format string, args ...any) {
	c.t.Helper()
	if !c.t.Failed() {
		c.logf("BROKEN: "+format, args...)
		c.t.Errorf("%s", strings.Join(c.log, "\n"))
		return
	}
	c.t.Errorf(format, args...)
}

// goes carries the case out: some runs that meet trouble, with changes between
// them, one that meets none, and one that has nothing left to do.
func (c *promiseCase) goes() {
	c.draw()
	for range 1 + c.rnd.IntN(3) {
		c.judged(c.run(false))
		if c.rnd.IntN(2) == 0 {
			side := c.rnd.IntN(2)
			for range 1 + c.rnd.IntN(3) {
				did := c.others[side].acts()
				c.logf("other client of the %s: %s", [...]string{"source", "destination"}[side], did.words)
				c.tally.changes.Add(1)
			}
		}
		if c.t.Failed() {
			return
		}
	}
	_, _, res := c.judged(c.run(true))
	c.last = true
	if c.sync != "off" { // the flags of messages that were ambiguous are the next run's
		_, _, res = c.judged(c.run(true))
	}
	if !c.t.Failed() {
		c.idle(c.run(true), ambiguous.MatchString(res.words))
	}
}

// judged carries a run out and judges what it has left.
func (c *promiseCase) judged(r *plannedRun) (before, after [2][]imaptest.Entry, res *result) {
	before = c.look()
	c.set()
	c.logf("run: %v", r)
	partial := len(c.bench.Glob("*.partial")) > 0
	res = c.perform(r)
	after = c.look()
	c.logf("exit %d, %d faults, changes %v\n%s", res.exit, res.fired, res.changes, res.words)
	c.tally.count(r, res, after)
	j := &judgement{c: c, r: r, res: res, before: before, after: after, partial: partial}
	j.all()
	return before, after, res
}

// look reads both accounts, and notes what the source has.
func (c *promiseCase) look() (held [2][]imaptest.Entry) {
	for side, a := range []harness.Account{c.src, c.dst} {
		entries, err := imaptest.DumpOctets(a.Addr, a.User, "secret")
		if err != nil {
			c.t.Fatal(err)
		}
		held[side] = entries
	}
	for _, e := range held[0] {
		c.seen[where{e.Folder, e.UID}] = e
	}
	for k, n := range c.slots(held[0], func(imaptest.Entry) bool { return true }) {
		c.most[k] = max(c.most[k], n)
	}
	return held
}

// slotOf is where a message of the source belongs.
func (c *promiseCase) slotOf(e imaptest.Entry) slot {
	return slot{c.place(e.Path), imaptest.Sum(stores(c.kinds[1], e.Octets))}
}

// slots counts messages of the source by where they belong; not those that the
// destination refuses.
func (c *promiseCase) slots(entries []imaptest.Entry, chosen func(imaptest.Entry) bool) map[slot]int {
	n := map[slot]int{}
	for _, e := range entries {
		if chosen(e) && !c.refuses[e.SHA256] {
			n[c.slotOf(e)]++
		}
	}
	return n
}

// idle demands that a run finds nothing to do. If the run before read headers alone and
// left the flags of look-alikes, this one may read bodies, which tell them apart.
func (c *promiseCase) idle(r *plannedRun, unsure bool) {
	before, after, res := c.judged(r)
	if unsure {
		before[1], after[1] = withoutFlags(before[1]), withoutFlags(after[1])
	}
	if diff := changed(before[1], after[1]); diff != "" {
		c.broken("a run with nothing to do has changed the destination:\n%s", diff)
	}
	if end := res.receipts; len(end) == 0 || end[len(end)-1].Appended != 0 {
		c.broken("a run with nothing to do has appended")
	}
}

func withoutFlags(entries []imaptest.Entry) []imaptest.Entry {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Flags = nil
	}
	return entries
}
