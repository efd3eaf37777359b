package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestAccountsStand: each account has the exit code of its own, the run has the
// worst, and --summary says the same again.
func TestAccountsStand(t *testing.T) {
	t.Parallel()
	old := imaptest.StartServer(t, imaptest.Options{})
	now := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, Users: map[string]string{"ann": "secret", "bob": "secret", "cyd": "other"},
		OnAppend: func(user, _ string, m imaptest.Message) error {
			if user == "bob" && strings.Contains(string(m.Octets), "bad") {
				return says(imap.StatusResponseTypeNo, "", "I do not like it")
			}
			return nil
		}})
	for _, user := range []string{"ann", "bob", "cyd", "dan"} {
		for i, body := range []string{"good", "bad", "good"} {
			old.Account(user).AddMessage("INBOX", nil, day(i), letter(fmt.Sprint(user, i), body))
		}
	}
	l := newList().add(embedded(old, "ann"), embedded(now, "ann")).add(embedded(old, "bob"), embedded(now, "bob")).add(embedded(old, "cyd"), embedded(now, "cyd"))
	b := many(t, l.add(embedded(old, "dan"), account{"127.0.0.1:1", "dan"}))
	first := b.sh(`"$MIGRATE" accounts.csv`).wantsAccounts(77).stands(0, 3, 77, 69)
	lines, total := first.summary()
	for i, want := range []standing{
		{"0", "ann", "verify", "ann@127.0.0.1 -> ann@127.0.0.1: 3 listed = 3 present + 0 appended + 0 rejected", "-"},
		{"3", "bob", "verify", "bob@127.0.0.1 -> bob@127.0.0.1: 3 listed = 2 present + 0 appended + 1 rejected", "total: 3 listed, 2 present, 1 missing, 0 extra"},
		{"77", "cyd", "presync", "", "imap-diff: login of cyd@127.0.0.1 by PLAIN refused"},
		{"69", "dan", "presync", "", "imap-diff: connect to 127.0.0.1:1: "},
	} {
		got := lines[i]
		if got.exit != want.exit || got.id != want.id || got.phase != want.phase || want.sum != "" && portless(got.sum) != want.sum || !strings.HasPrefix(got.trouble, want.trouble) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if !strings.HasPrefix(total, "4 accounts: 1 ended with 0, 1 ended with 3, 1 ended with 69, 1 ended with 77; 6 listed = 5 present + 0 appended + 1 rejected") {
		t.Errorf("the total is %q", total)
	}
	if again := b.sh(`"$MIGRATE" --summary accounts.csv`).wants(77); again.stdout != first.stdout {
		t.Errorf("--summary says\n%s, want\n%s", again.stdout, first.stdout)
	}
	b.sh(`"$MIGRATE" --only ann --only bob --phase verify accounts.csv`).wantsAccounts(1).stands(0, 1)
	b.sh(`"$MIGRATE" --only dan --phase presync --push=--nonesuch accounts.csv`).wantsAccounts(64).stands(64)

	// What has come to its end is not begun again: nobody listens any more.
	old.Close()
	now.Close()
	b.sh(`"$MIGRATE" --resume --only ann --only bob accounts.csv`).wantsAccounts(3).stands(0, 3)
	b.sh(`"$MIGRATE" --only ann accounts.csv`).wantsAccounts(69).stands(69)
}

// TestAccountsProviderLimit: no more accounts at a time at a server than its
// limit, and they do not keep the others waiting.
func TestAccountsProviderLimit(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	at, most := map[string]int{}, 0
	both := make(chan struct{})
	busy := func(user string, by int) {
		mu.Lock()
		defer mu.Unlock()
		if at[user] += by; at[user] == 0 {
			delete(at, user)
		}
		most = max(most, len(at))
	}
	old := imaptest.StartServer(t, imaptest.Options{})
	narrow := imaptest.StartServer(t, imaptest.Options{OnAppend: func(user, _ string, _ imaptest.Message) error {
		busy(user, 1)
		time.Sleep(10 * time.Millisecond)
		busy(user, -1)
		return nil
	}})
	var waiting sync.Map
	wide := imaptest.StartServer(t, imaptest.Options{OnAppend: func(user, _ string, _ imaptest.Message) error {
		if _, there := waiting.LoadOrStore("first", user); there {
			if first, _ := waiting.Load("first"); first != user {
				waiting.LoadOrStore("second", user)
			}
		}
		if _, two := waiting.Load("second"); two {
			mu.Lock()
			defer mu.Unlock()
			select {
			case <-both:
			default:
				close(both)
			}
			return nil
		}
		select { // until another account is being filled as well
		case <-both:
		case <-time.After(time.Minute):
		}
		return nil
	}})
	l := newList()
	var codes []int
	fill := func(user string, to *imaptest.Server, host string) {
		old.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 10)))
		_, port, _ := strings.Cut(to.Addr(), ":")
		l.add(embedded(old, user), account{host + ":" + port, user})
		codes = append(codes, 0)
	}
	for i := range 5 {
		fill(fmt.Sprint("narrow", i), narrow, "LocalHost")
	}
	fill("wide1", wide, "127.0.0.1")
	fill("wide2", wide, "127.0.0.1")
	b := many(t, l)
	b.sh(`"$MIGRATE" --jobs 3 --provider-limit localhost=1 --phase presync accounts.csv`).wantsAccounts(0).stands(codes...)
	if most != 1 {
		t.Errorf("%d accounts at a time at the server that is to have one", most)
	}
	select {
	case <-both:
	default:
		t.Error("the accounts of the other server went one by one")
	}
}

// TestAccountsInterrupted: a signal to the script, or to the worker of one
// account alone, ends it in an orderly way, and the next run goes on.
func TestAccountsInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range someOf(t, 1, []struct {
		name, script string
		signal       syscall.Signal
		exit         int
		codes        []int
	}{
		{"all, SIGINT", `"$MIGRATE" --jobs 1 --phase presync accounts.csv`, syscall.SIGINT, 130, []int{143, 75}},
		{"all, SIGTERM", `"$MIGRATE" --jobs 1 --phase presync accounts.csv`, syscall.SIGTERM, 143, []int{143, 75}},
		{"one, SIGTERM", `"$MIGRATE" --row 1 --phase presync accounts.csv`, syscall.SIGTERM, 143, []int{143}},
	}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begun := make(chan struct{})
			var once sync.Once
			old := imaptest.StartServer(t, imaptest.Options{})
			now := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(_, _ string, _ imaptest.Message) error {
				once.Do(func() { close(begun) })
				time.Sleep(20 * time.Millisecond)
				return nil
			}})
			l := newList()
			for _, user := range []string{"ann", "bob"} {
				old.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 300)))
				l.add(embedded(old, user), embedded(now, user))
			}
			b := many(t, l)
			s := b.start(c.script)
			waitUntil(s, begun)
			s.cmds[0].Process.Signal(c.signal)
			if codes := s.wait(time.Minute); codes[0] != c.exit {
				t.Errorf("exit code %v, want %d\n%s", codes, c.exit, s)
			}
			(&outcome{t: t, stdout: s.stdout.String(), stderr: s.String()}).stands(c.codes...)
			all := readReceipts(t, string(b.read("accounts.state/accounts/ann/receipts.ndjson")))
			if n, there := len(all.of("appended")), len(now.Account("ann").Entries()); n != there || n == 300 || all.end(t).Exit != 143 {
				t.Errorf("%d receipts for %d messages, and they end with %+v", n, there, all.end(t))
			}
			b.sh(`"$MIGRATE" --resume accounts.csv`).wantsAccounts(0).stands(0, 0)
			for _, user := range []string{"ann", "bob"} {
				same(t, old.Account(user).Entries(), now.Account(user).Entries())
			}
		})
	}
}

// waitUntil waits until something has happened.
func waitUntil(s *stages, happened <-chan struct{}) {
	s.t.Helper()
	select {
	case <-happened:
	case <-time.After(patience):
		s.t.Fatalf("it does not begin:\n%s", s)
	}
}

// TestAccountsOneRunAtATime: a second run leaves alone what the first works on.
func TestAccountsOneRunAtATime(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	begun := make(chan struct{})
	var once sync.Once
	old := imaptest.StartServer(t, imaptest.Options{})
	now := imaptest.StartServer(t, imaptest.Options{OnAppend: func(_, _ string, _ imaptest.Message) error {
		once.Do(func() { close(begun) })
		<-goOn
		return nil
	}})
	old.Account("ann").Fill(imaptest.Spread(imaptest.Generate(1, 10)))
	b := many(t, newList().add(embedded(old, "ann"), embedded(now, "ann")))
	s := b.start(`"$MIGRATE" --row 1 accounts.csv`)
	waitUntil(s, begun)
	o := b.sh(`"$MIGRATE" --row 1 accounts.csv`)
	close(goOn)
	o.wantsAccounts(75).says("another run is at work")
	if codes := s.wait(time.Minute); codes[0] != 0 {
		t.Errorf("%v\n%s", codes, s)
	}
	if n := now.Account("ann").Appends(); n != 10 {
		t.Errorf("%d messages were appended", n)
	}
}

// TestAccountsKilled: where the program itself is killed, its commands still
// hold the account: a second run does not begin before they have ended.
func TestAccountsKilled(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	var once sync.Once
	old := imaptest.StartServer(t, imaptest.Options{})
	now := imaptest.StartServer(t, imaptest.Options{OnAppend: func(_, _ string, _ imaptest.Message) error {
		once.Do(func() { close(begun) })
		time.Sleep(20 * time.Millisecond)
		return nil
	}})
	old.Account("ann").Fill(imaptest.Spread(imaptest.Generate(1, 100)))
	b := many(t, newList().add(embedded(old, "ann"), embedded(now, "ann")))
	s := b.start(`"$MIGRATE" accounts.csv`)
	waitUntil(s, begun)
	s.cmds[0].Process.Signal(syscall.SIGKILL)
	for {
		o := b.sh(`"$MIGRATE" --resume accounts.csv`)
		if o.exit == 75 && strings.Contains(o.stderr, "another run is at work") {
			continue
		}
		o.wantsAccounts(0).stands(0)
		break
	}
	same(t, old.Account("ann").Entries(), now.Account("ann").Entries())
	if n := now.Account("ann").Appends(); n != 100 {
		t.Errorf("%d messages were appended", n)
	}
}

// TestAccountsPair: two account files are a list of one account, with the same
// phases.
func TestAccountsPair(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	b := many(t, listOf(server, "ann"))
	b.sh(`mkdir -p .config/imap-pipe && mv password .config/imap-pipe/`).wants(0)
	for name, user := range map[string]string{"old": "ann", "new": "ann2"} {
		b.write(".config/imap-pipe/"+name, []byte("host "+server.Addr()+"\nuser "+user+"\ntls none\npassword-file password\n"))
	}
	if dry := b.sh(`"$MIGRATE" -n old new`).wants(0).stdout; strings.Count(dry, "imap-fetch --headers --account=old |\n") != 4 {
		t.Errorf("-n prints\n%s", dry)
	}
	b.sh(`"$MIGRATE" --phase verify old new`).wantsAccounts(1).stands(1)
	if n := len(server.Account("ann2").Entries()); n != 0 {
		t.Errorf("verify has copied %d messages", n)
	}
	b.sh(`"$MIGRATE" --phase presync old new`).wantsAccounts(0).stands(0)
	b.sh(`"$MIGRATE" --phase final --phase verify ./.config/imap-pipe/old new --row 1`).wants(64)
	b.sh(`"$MIGRATE" --provider-limit 127.0.0.1=1 --resume old new`).wantsAccounts(0).stands(0)
	same(t, server.Account("ann").Entries(), server.Account("ann2").Entries())
	b.sh(`"$MIGRATE" --summary old new`).wantsAccounts(0).stands(0)
	b.sh(`"$MIGRATE" --summary new old`).wantsAccounts(75).stands(75) // another migration
	b.sh(`"$MIGRATE" nonesuch new`).wants(66).says("nonesuch")
}

// TestAccountsSecrets: no command line and no environment of a process holds a
// password, nor does anything that is printed or written.
func TestAccountsSecrets(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery"
	users := map[string]string{"ann": secret, "bob": secret}
	old := imaptest.StartServer(t, imaptest.Options{Users: users})
	now := imaptest.StartServer(t, imaptest.Options{Users: users})
	l := &list{rows: [][]string{{"old-host", "old-user", "old-tls", "old-password-command", "new-host", "new-user", "new-tls", "new-password-file"}}}
	for user := range users {
		old.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 5)))
		l.rows = append(l.rows, []string{old.Addr(), user, "none", "./look", now.Addr(), user, "none", "password"})
	}
	b := many(t, l).with("MARK", t.Name())
	b.write("password", []byte(secret+"\n"))
	b.write("look", []byte(`#!/bin/sh
[ -z "$IMAP_PASSWORD" ] || exit 1 # that of somebody else
for environ in $(grep -laF "MARK=$MARK" /proc/[0-9]*/environ); do
  tr '\0' '\n' <"${environ%environ}cmdline" && tr '\0' '\n' <"$environ"
done >>seen 2>/dev/null
cat password
`))
	o := b.sh(`chmod +x look; "$MIGRATE" --allow-commands accounts.csv`).wantsAccounts(0).stands(0, 0)
	if seen := string(b.read("seen")); !strings.Contains(seen, "imap-push") || !strings.Contains(seen, "imap-migrate") || !strings.Contains(seen, "MARK=") {
		t.Errorf("nothing was seen: %q", limit(seen, 300))
	}
	files := strings.Fields(b.sh(`find accounts.state -type f`).wants(0).stdout)
	o.silent(b, secret, append(files, "seen")...)
	for _, file := range files {
		if info, err := os.Stat(b.path(file)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v, %v", file, info.Mode(), err)
		}
	}
}

// TestAccountsAskNobody: where nothing tells a password, the account fails; no
// command waits for somebody to type it.
func TestAccountsAskNobody(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1) to make a terminal")
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("ann").Fill(mail(3))
	b := many(t, &list{rows: [][]string{{"old-account", "old-user", "new-account", "new-user"}, {"./server", "ann", "./server", "bob"}}})
	b.write("server", []byte("host "+server.Addr()+"\ntls none\n"))
	for _, row := range []string{"", "--row=1"} {
		o := b.sh(`script -qec '"$MIGRATE" --phase presync ` + row + ` accounts.csv >summary' /dev/null </dev/null; cat summary`).wants(0)
		if want := "66\tbob\tpresync\t"; !strings.Contains(o.stdout, want) || !strings.Contains(o.stdout, "no password was typed") {
			t.Errorf("%q", o.stdout)
		}
	}
}

// TestAccountsWorst: the exit code of a run is the one that hides the others,
// in the order of the commands.
func TestAccountsWorst(t *testing.T) {
	t.Parallel()
	nobody := account{"127.0.0.1:1", "ann"}
	b := many(t, newList().add(nobody, nobody).add(nobody, account{nobody.addr, "bob"}))
	codes := []exit.Code{exit.Interrupted, exit.Terminated, exit.BrokenPipe, exit.Bug, exit.Usage, exit.NoInput, exit.Login, exit.Protocol, exit.Unavailable,
		exit.CantCreate, exit.IO, exit.Temporary, exit.Data, 42, exit.Partial, exit.Different, exit.OK}
	ends := func(ann, bob exit.Code) {
		t.Helper()
		b.sh(fmt.Sprintf(`mkdir -p accounts.state/accounts/ann accounts.state/accounts/bob
printf '%d\t\t\n' >accounts.state/accounts/ann/presync.result
printf '%d\t\t\n' >accounts.state/accounts/bob/presync.result
"$MIGRATE" --summary accounts.csv`, ann, bob)).wantsAccounts(int(exit.Worse(ann, bob))).stands(int(ann), int(bob))
	}
	places := []int{}
	for i := range codes[1:] {
		places = append(places, i)
	}
	for _, i := range someOf(t, 6, places) {
		code := codes[i+1]
		ends(codes[i], code)
		ends(code, codes[i])
	}
	ends(codes[0], exit.OK)
}

// TestAccountsLaterPhases: what a phase that moves mail says takes the place of
// what those before it said; verify adds to it.
func TestAccountsLaterPhases(t *testing.T) {
	t.Parallel()
	nobody := account{"127.0.0.1:1", "ann"}
	b := many(t, newList().add(nobody, nobody))
	for _, c := range []struct {
		ended string // phase=code
		exit  int
		phase string
	}{
		{"presync=3 delta=0", 0, "delta"},
		{"presync=3 delta=3 final=0 verify=0", 0, "verify"},
		{"presync=0 final=0 delta=0 verify=1", 1, "verify"},
		{"presync=0 delta=0 final=3 verify=1", 3, "verify"},
		{"presync=0 delta=75", 75, "delta"},
		{"presync=77", 77, "presync"},
		{"", 75, "-"},
	} {
		o := b.sh(`rm -rf accounts.state; mkdir -p accounts.state/accounts/ann
for ended in ` + c.ended + `; do printf '%s\t\t\n' "${ended#*=}" >"accounts.state/accounts/ann/${ended%=*}.result"; done
"$MIGRATE" --summary accounts.csv`).wantsAccounts(c.exit)
		if lines, _ := o.summary(); lines[0].phase != c.phase {
			t.Errorf("%s: %+v", c.ended, lines[0])
		}
	}
	b.sh(`"$MIGRATE" --summary --phase presync --phase delta accounts.csv`).wantsAccounts(75)
}
