package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// crashMail is what the tests of this file move: letters and odd ones.
func crashMail() imaptest.Spec { return harness.WithOdd(harness.Mail(harness.Rounds(500, 1200))) }

// filled starts a Dovecot with an account that holds mail.
func filled(t *testing.T, spec imaptest.Spec) (r *imaptest.Real, src harness.Account, held []imaptest.Entry) {
	r = imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src = harness.Real(r, "src")
	src.Fill(t, spec)
	return r, src, src.Dump(t)
}

// endsWell closes a test whose first run ended with code, and told something. If it
// said that all went well, all is there. In any case, once the destination has
// come to rest, the pipeline runs a second time, and nothing is missing then
// and nothing there twice.
func endsWell(b *harness.Shell, t *testing.T, code int, told fmt.Stringer, want []imaptest.Entry, dst harness.Account) {
	t.Helper()
	if t.Logf("%s", told); code == 0 {
		harness.Same(t, want, dst.Dump(t))
	}
	dst.Settle(t)
	second := b.Sh(harness.Straight)
	if second.Exit != 0 {
		t.Errorf("the second run: %s", second)
	}
	harness.Same(t, want, dst.Dump(t))
}

// TestKilledAtAnyTime ends each of the four processes with SIGKILL.
func TestKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, crashMail())

	harness.Between(t, src, harness.Real(r, "warm")).Sh(harness.Straight).Wants(0) // the server reads no cold cache then
	clean := harness.Between(t, src, harness.Real(r, "clean")).Start(harness.StraightStages...)
	clean.Wait(time.Minute)
	harness.Same(t, want, harness.Real(r, "clean").Dump(t))
	rnd := harness.Random(t)
	for _, i := range harness.SomeOf(t, 2, []int{0, 1, 2, 3}) {
		stage := harness.StraightStages[i]
		for round := range harness.Rounds(1, 20) {
			name := fmt.Sprintf("%d-%d", i, round)
			after := time.Duration(rnd.Int64N(int64(clean.Lived[i]))) * 3 / 2
			t.Run(strings.Fields(stage)[0]+"-"+name, func(t *testing.T) {
				var dst harness.Account
				var b *harness.Shell
				var s *harness.Stages
				codes := make([]int, len(harness.StraightStages))
				for try := 0; codes[i] == 0 && try < 5; try++ { // it may have ended before
					after = after * 2 / 3
					dst = harness.Real(r, fmt.Sprintf("killed-%s-%d", name, try))
					b = harness.Between(t, src, dst)
					s = b.Start(harness.StraightStages...)
					time.Sleep(after)
					s.Kill(i)
					codes = s.Wait(time.Minute)
				}
				t.Logf("killed after %v of %v: exit codes %v", after.Round(time.Millisecond), clean.Lived[i].Round(time.Millisecond), codes)
				endsWell(b, t, codes[3], s, want, dst)
			})
		}
	}
}

// TestPushKilledAndPlanPushedAgain kills imap-push and gives it the same plan
// again, without another imap-diff.
func TestPushKilledAndPlanPushedAgain(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, harness.WithOdd(harness.Mail(1000)))
	rnd := harness.Random(t)
	again := func(t *testing.T, dst harness.Account, want []imaptest.Entry) {
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).Wants(0)
		s := b.Start(`imap-push $DST plan.zst`)
		time.Sleep(time.Duration(rnd.Int64N(int64(800 * time.Millisecond))))
		s.Kill(0)
		s.Wait(time.Minute)
		dst.Settle(t)
		t.Logf("%d messages had arrived", len(dst.Dump(t)))
		b.Sh(`imap-push $DST plan.zst`).Wants(0)
		harness.Same(t, want, dst.Dump(t))
		b.Sh(`imap-push $DST plan.zst`).Wants(0).Appended(0)
		harness.Same(t, want, dst.Dump(t))
	}
	for round := range harness.Rounds(1, 20) {
		t.Run(fmt.Sprintf("dovecot-%d", round), func(t *testing.T) {
			again(t, harness.Real(r, fmt.Sprintf("again-%d", round)), want)
		})
	}
	users := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"}
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: users})
	plain := harness.Real(r, "plain")
	plain.Fill(t, imaptest.Spread(imaptest.Generate(3, 800)))
	src, want = plain, plain.Dump(t)
	for round := range harness.Rounds(1, len(users)) {
		t.Run(fmt.Sprintf("cyrus-%d", round), func(t *testing.T) { again(t, harness.Real(cyrus, users[round]), want) })
	}
}

// line is one of the four connections of the pipeline.
type line struct {
	name    string
	variant func(src, dst, proxy harness.Account) []string
}

var lines = []line{
	{"headers", func(src, dst, proxy harness.Account) []string { return []string{"PROXY", "DST", "SRC", "DST"} }},
	{"diff", func(src, dst, proxy harness.Account) []string { return []string{"SRC", "PROXY", "SRC", "DST"} }},
	{"select", func(src, dst, proxy harness.Account) []string { return []string{"SRC", "DST", "PROXY", "DST"} }},
	{"push", func(src, dst, proxy harness.Account) []string { return []string{"SRC", "DST", "SRC", "PROXY"} }},
}

// TestConnectionResetAnywhere resets each of the four connections after a
// random number of octets. The commands may mend it themselves; in any case a
// second run ends equal.
func TestConnectionResetAnywhere(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, crashMail())
	rnd := harness.Random(t)
	for _, i := range harness.SomeOf(t, 2, []int{0, 1, 2, 3}) {
		line := lines[i]
		side := src
		if i%2 == 1 {
			side = harness.Real(r, "measure-"+line.name)
		}
		proxy := imaptest.NewFaultProxy(t, side.Addr)
		first := harness.Between(t, src, harness.Real(r, "measure-"+line.name)).With("PROXY", side.By(proxy.Addr()).Options())
		prepare := ""
		if line.name == "diff" { // with something to read there
			prepare = `imap-fetch --folder Sent --folder INBOX $SRC | imap-diff $DST | imap-push $DST >/dev/null && `
		}
		first.Sh(prepare + harness.PipelineOver(line.variant(src, side, side))).Wants(0)
		total := [2]int64{proxy.Octets(imaptest.ToServer), proxy.Octets(imaptest.ToClient)}
		for round := range harness.Rounds(1, 20) {
			direction := imaptest.ToClient // where most of it goes
			if i == 3 {
				direction = imaptest.ToServer
			}
			if rnd.IntN(4) == 0 { // and the other way
				direction = imaptest.ToServer + imaptest.ToClient - direction
			}
			after := 1 + rnd.Int64N(total[direction])
			rule := []imaptest.Rule{imaptest.CutAfter(direction, after), imaptest.HangUpAfter(direction, after)}[rnd.IntN(2)]
			t.Run(fmt.Sprintf("%s-%d", line.name, round), func(t *testing.T) {
				dst := harness.Real(r, fmt.Sprintf("reset-%s-%d", line.name, round))
				if i%2 == 1 {
					side = dst
				}
				proxy := imaptest.NewFaultProxy(t, side.Addr, rule)
				b := harness.Between(t, src, dst).With("PROXY", side.By(proxy.Addr()).Options())
				run := b.Sh(prepare + harness.PipelineOver(line.variant(src, dst, side)))
				t.Logf("%v of %d (fired %d): exit %d, %v, %d connections", rule, total[direction], proxy.Fired(), run.Exit, run.Took.Round(time.Millisecond), proxy.Connections())
				endsWell(b, t, run.Exit, run, want, dst)
			})
		}
	}
}

// TestAnswerLost keeps the answer to one APPEND from imap-push although the
// server has stored what was appended: the same run finds that out.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, harness.WithOdd(harness.Mail(600)))
	rnd := harness.Random(t)

	t.Run("dovecot", func(t *testing.T) { // MULTIAPPEND
		commands := lost(t, src, harness.Real(r, "measure"), want, nil)
		for round := range harness.Rounds(1, commands) {
			k := 1 + rnd.IntN(commands)
			if harness.Long() {
				k = 1 + round
			}
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				lost(t, src, harness.Real(r, fmt.Sprintf("lost-%d", round)), want, []imaptest.Rule{imaptest.DropAnswer("APPEND", k)})
			})
		}
	})
	for name, options := range harness.Some(t, 1, map[string]imaptest.Options{
		"literal plus":  {LiteralPlus: true},
		"synchronising": {},
		"no uidplus":    {LiteralPlus: true, Caps: []string{"NAMESPACE"}},
	}) {
		t.Run(name, func(t *testing.T) {
			server := imaptest.StartServer(t, options)
			for round := range harness.Rounds(1, 20) {
				k := 1 + rnd.IntN(len(want))
				t.Run(fmt.Sprint(k), func(t *testing.T) {
					lost(t, src, harness.Embedded(server, fmt.Sprintf("lost-%d", round)), want, []imaptest.Rule{imaptest.DropAnswer("APPEND", k)})
				})
			}
			t.Run("several", func(t *testing.T) {
				rules := []imaptest.Rule{}
				for k := 1; k < len(want); k += 1 + rnd.IntN(len(want)/3) {
					rules = append(rules, imaptest.DropAnswer("APPEND", k))
				}
				lost(t, src, harness.Embedded(server, "several"), want, rules)
			})
		})
	}
}

// lost runs the pipeline with the faults on the line of imap-push, and returns
// how many APPENDs it took.
func lost(t *testing.T, src, dst harness.Account, want []imaptest.Entry, rules []imaptest.Rule) int {
	t.Helper()
	proxy := imaptest.NewFaultProxy(t, dst.Addr, rules...)
	b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
	run := b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"}))
	if run.Exit != 0 {
		t.Errorf("%s", run)
	}
	if len(rules) > 0 && proxy.Fired() == 0 {
		t.Error("the fault did not happen")
	}
	harness.Same(t, want, dst.Dump(t))
	run.Appended(len(want))
	return proxy.Commands("APPEND")
}
