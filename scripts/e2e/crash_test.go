package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// crashMail is what the tests of this file move: 2,000 letters and odd ones.
func crashMail() imaptest.Spec { return withOdd(mail(1200)) }

// filled starts a Dovecot with an account that holds mail.
func filled(t *testing.T, spec imaptest.Spec) (r *imaptest.Real, src account, held []imaptest.Entry) {
	r = imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src = real(r, "src")
	src.fill(t, spec)
	return r, src, src.dump(t)
}

// endsWell closes a test whose first run ended with code, and told something. If it
// said that all went well, all is there. In any case, once the destination has
// come to rest, the pipeline runs a second time, and nothing is missing then
// and nothing there twice.
func endsWell(b *bench, t *testing.T, code int, told fmt.Stringer, want []imaptest.Entry, dst account) {
	t.Helper()
	if t.Logf("%s", told); code == 0 {
		same(t, want, dst.dump(t))
	}
	dst.settle(t)
	second := b.sh(straight)
	if second.exit != 0 {
		t.Errorf("the second run: %s", second)
	}
	same(t, want, dst.dump(t))
}

// TestKilledAtAnyTime ends each of the four processes with SIGKILL.
func TestKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, crashMail())

	between(t, src, real(r, "warm")).sh(straight).wants(0) // the server reads no cold cache then
	clean := between(t, src, real(r, "clean")).start(straightStages...)
	clean.wait(time.Minute)
	same(t, want, real(r, "clean").dump(t))
	rnd := random(t)
	for _, i := range someOf(t, 2, []int{0, 1, 2, 3}) {
		stage := straightStages[i]
		for round := range rounds(1, 20) {
			name := fmt.Sprintf("%d-%d", i, round)
			after := time.Duration(rnd.Int64N(int64(clean.lived[i]))) * 3 / 2
			t.Run(strings.Fields(stage)[0]+"-"+name, func(t *testing.T) {
				var dst account
				var b *bench
				var s *stages
				codes := make([]int, len(straightStages))
				for try := 0; codes[i] == 0 && try < 5; try++ { // it may have ended before
					after = after * 2 / 3
					dst = real(r, fmt.Sprintf("killed-%s-%d", name, try))
					b = between(t, src, dst)
					s = b.start(straightStages...)
					time.Sleep(after)
					s.kill(i)
					codes = s.wait(time.Minute)
				}
				t.Logf("killed after %v of %v: exit codes %v", after.Round(time.Millisecond), clean.lived[i].Round(time.Millisecond), codes)
				endsWell(b, t, codes[3], s, want, dst)
			})
		}
	}
}

// TestPushKilledAndPlanPushedAgain kills imap-push and gives it the same plan
// again, without another imap-diff.
func TestPushKilledAndPlanPushedAgain(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, withOdd(mail(1000)))
	rnd := random(t)
	again := func(t *testing.T, dst account, want []imaptest.Entry) {
		b := between(t, src, dst)
		b.sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).wants(0)
		s := b.start(`imap-push $DST plan.zst`)
		time.Sleep(time.Duration(rnd.Int64N(int64(800 * time.Millisecond))))
		s.kill(0)
		s.wait(time.Minute)
		dst.settle(t)
		t.Logf("%d messages had arrived", len(dst.dump(t)))
		b.sh(`imap-push $DST plan.zst`).wants(0)
		same(t, want, dst.dump(t))
		b.sh(`imap-push $DST plan.zst`).wants(0).appended(0)
		same(t, want, dst.dump(t))
	}
	for round := range rounds(1, 20) {
		t.Run(fmt.Sprintf("dovecot-%d", round), func(t *testing.T) {
			again(t, real(r, fmt.Sprintf("again-%d", round)), want)
		})
	}
	users := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"}
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: users})
	plain := real(r, "plain")
	plain.fill(t, imaptest.Spread(imaptest.Generate(3, 800)))
	src, want = plain, plain.dump(t)
	for round := range rounds(1, len(users)) {
		t.Run(fmt.Sprintf("cyrus-%d", round), func(t *testing.T) { again(t, real(cyrus, users[round]), want) })
	}
}

// line is one of the four connections of the pipeline.
type line struct {
	name    string
	variant func(src, dst, proxy account) []string
}

var lines = []line{
	{"headers", func(src, dst, proxy account) []string { return []string{"PROXY", "DST", "SRC", "DST"} }},
	{"diff", func(src, dst, proxy account) []string { return []string{"SRC", "PROXY", "SRC", "DST"} }},
	{"select", func(src, dst, proxy account) []string { return []string{"SRC", "DST", "PROXY", "DST"} }},
	{"push", func(src, dst, proxy account) []string { return []string{"SRC", "DST", "SRC", "PROXY"} }},
}

// TestConnectionResetAnywhere resets each of the four connections after a
// random number of octets. The commands may mend it themselves; in any case a
// second run ends equal.
func TestConnectionResetAnywhere(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, crashMail())
	rnd := random(t)
	for _, i := range someOf(t, 2, []int{0, 1, 2, 3}) {
		line := lines[i]
		side := src
		if i%2 == 1 {
			side = real(r, "measure-"+line.name)
		}
		proxy := imaptest.NewFaultProxy(t, side.addr)
		first := between(t, src, real(r, "measure-"+line.name)).with("PROXY", side.by(proxy.Addr()).options())
		prepare := ""
		if line.name == "diff" { // with something to read there
			prepare = `imap-fetch --folder Sent --folder INBOX $SRC | imap-diff $DST | imap-push $DST >/dev/null && `
		}
		first.sh(prepare + script(line.variant(src, side, side))).wants(0)
		total := [2]int64{proxy.Octets(imaptest.ToServer), proxy.Octets(imaptest.ToClient)}
		for round := range rounds(1, 20) {
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
				dst := real(r, fmt.Sprintf("reset-%s-%d", line.name, round))
				if i%2 == 1 {
					side = dst
				}
				proxy := imaptest.NewFaultProxy(t, side.addr, rule)
				b := between(t, src, dst).with("PROXY", side.by(proxy.Addr()).options())
				run := b.sh(prepare + script(line.variant(src, dst, side)))
				t.Logf("%v of %d (fired %d): exit %d, %v, %d connections", rule, total[direction], proxy.Fired(), run.exit, run.took.Round(time.Millisecond), proxy.Connections())
				endsWell(b, t, run.exit, run, want, dst)
			})
		}
	}
}

// TestAnswerLost keeps the answer to one APPEND from imap-push although the
// server has stored what was appended: the same run finds that out.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	r, src, want := filled(t, withOdd(mail(600)))
	rnd := random(t)

	t.Run("dovecot", func(t *testing.T) { // MULTIAPPEND
		commands := lost(t, src, real(r, "measure"), want, nil)
		for round := range rounds(1, commands) {
			k := 1 + rnd.IntN(commands)
			if long() {
				k = 1 + round
			}
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				lost(t, src, real(r, fmt.Sprintf("lost-%d", round)), want, []imaptest.Rule{imaptest.DropAnswer("APPEND", k)})
			})
		}
	})
	for name, options := range some(t, 1, map[string]imaptest.Options{
		"literal plus":  {LiteralPlus: true},
		"synchronising": {},
		"no uidplus":    {LiteralPlus: true, Caps: []string{"NAMESPACE"}},
	}) {
		t.Run(name, func(t *testing.T) {
			server := imaptest.StartServer(t, options)
			for round := range rounds(1, 20) {
				k := 1 + rnd.IntN(len(want))
				t.Run(fmt.Sprint(k), func(t *testing.T) {
					lost(t, src, embedded(server, fmt.Sprintf("lost-%d", round)), want, []imaptest.Rule{imaptest.DropAnswer("APPEND", k)})
				})
			}
			t.Run("several", func(t *testing.T) {
				rules := []imaptest.Rule{}
				for k := 1; k < len(want); k += 1 + rnd.IntN(len(want)/3) {
					rules = append(rules, imaptest.DropAnswer("APPEND", k))
				}
				lost(t, src, embedded(server, "several"), want, rules)
			})
		})
	}
}

// lost runs the pipeline with the faults on the line of imap-push, and returns
// how many APPENDs it took.
func lost(t *testing.T, src, dst account, want []imaptest.Entry, rules []imaptest.Rule) int {
	t.Helper()
	proxy := imaptest.NewFaultProxy(t, dst.addr, rules...)
	b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
	run := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"}))
	if run.exit != 0 {
		t.Errorf("%s", run)
	}
	if len(rules) > 0 && proxy.Fired() == 0 {
		t.Error("the fault did not happen")
	}
	same(t, want, dst.dump(t))
	run.appended(len(want))
	return proxy.Commands("APPEND")
}
