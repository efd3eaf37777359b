package accounts

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
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestAccountsStand: each account has the exit code of its own, the run has the
// worst, and --summary says the same again.
func TestAccountsStand(t *testing.T) {
	t.Parallel()
	old := imaptest.StartServer(t, imaptest.Options{})
	now := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, Users: map[string]string{"ann": "secret", "bob": "secret", "cyd": "other"},
		OnAppend: func(user, _ string, m imaptest.Message) error {
			if user == "bob" && strings.Contains(string(m.Octets), "bad") {
				return harness.AppendError(imap.StatusResponseTypeNo, "", "I do not like it")
			}
			return nil
		}})
	for _, user := range []string{"ann", "bob", "cyd", "dan"} {
		for i, body := range []string{"good", "bad", "good"} {
			old.Account(user).AddMessage("INBOX", nil, harness.Day(i), harness.Letter(fmt.Sprint(user, i), body))
		}
	}
	l := newList().add(harness.Embedded(old, "ann"), harness.Embedded(now, "ann")).add(harness.Embedded(old, "bob"), harness.Embedded(now, "bob")).add(harness.Embedded(old, "cyd"), harness.Embedded(now, "cyd"))
	b := many(t, l.add(harness.Embedded(old, "dan"), harness.Account{Addr: "127.0.0.1:1", User: "dan"}))
	first := b.Sh(`"$MIGRATE" accounts.csv`).WantsAccounts(77).Stands(0, 3, 77, 69)
	lines, total := first.Summary()
	for i, want := range []harness.AccountLine{
		{Exit: "0", Id: "ann", Phase: "verify", Sum: "ann@127.0.0.1 -> ann@127.0.0.1: 3 listed = 3 present + 0 appended + 0 rejected", Trouble: "-"},
		{Exit: "3", Id: "bob", Phase: "verify", Sum: "bob@127.0.0.1 -> bob@127.0.0.1: 3 listed = 2 present + 0 appended + 1 rejected", Trouble: "total: 3 listed, 2 present, 1 missing, 0 extra"},
		{Exit: "77", Id: "cyd", Phase: "presync", Sum: "", Trouble: "imap-diff: login of cyd@127.0.0.1 by PLAIN refused"},
		{Exit: "69", Id: "dan", Phase: "presync", Sum: "", Trouble: "imap-diff: connect to 127.0.0.1:1: "},
	} {
		got := lines[i]
		if got.Exit != want.Exit || got.Id != want.Id || got.Phase != want.Phase || want.Sum != "" && harness.Portless(got.Sum) != want.Sum || !strings.HasPrefix(got.Trouble, want.Trouble) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if !strings.HasPrefix(total, "4 accounts: 1 ended with 0, 1 ended with 3, 1 ended with 69, 1 ended with 77; 6 listed = 5 present + 0 appended + 1 rejected") {
		t.Errorf("the total is %q", total)
	}
	if again := b.Sh(`"$MIGRATE" --summary accounts.csv`).Wants(77); again.Stdout != first.Stdout {
		t.Errorf("--summary says\n%s, want\n%s", again.Stdout, first.Stdout)
	}
	b.Sh(`"$MIGRATE" --only ann --only bob --phase verify accounts.csv`).WantsAccounts(1).Stands(0, 1)
	b.Sh(`"$MIGRATE" --only dan --phase presync --push=--nonesuch accounts.csv`).WantsAccounts(64).Stands(64)

	// What has come to its end is not begun again: nobody listens any more.
	old.Close()
	now.Close()
	b.Sh(`"$MIGRATE" --resume --only ann --only bob accounts.csv`).WantsAccounts(3).Stands(0, 3)
	b.Sh(`"$MIGRATE" --only ann accounts.csv`).WantsAccounts(69).Stands(69)
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
		l.add(harness.Embedded(old, user), harness.Account{Addr: host + ":" + port, User: user})
		codes = append(codes, 0)
	}
	for i := range 5 {
		fill(fmt.Sprint("narrow", i), narrow, "LocalHost")
	}
	fill("wide1", wide, "127.0.0.1")
	fill("wide2", wide, "127.0.0.1")
	b := many(t, l)
	b.Sh(`"$MIGRATE" --jobs 3 --provider-limit localhost=1 --phase presync accounts.csv`).WantsAccounts(0).Stands(codes...)
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
	for _, c := range harness.SomeOf(t, 1, []struct {
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
				l.add(harness.Embedded(old, user), harness.Embedded(now, user))
			}
			b := many(t, l)
			s := b.Start(c.script)
			waitUntil(s, begun)
			s.Cmds[0].Process.Signal(c.signal)
			if codes := s.Wait(time.Minute); codes[0] != c.exit {
				t.Errorf("exit code %v, want %d\n%s", codes, c.exit, s)
			}
			(&harness.Outcome{T: t, Stdout: s.Stdout.String(), Stderr: s.String()}).Stands(c.codes...)
			all := harness.ReadReceipts(t, string(b.Read("accounts.state/accounts/ann/receipts.ndjson")))
			if n, there := len(all.Of("appended")), len(now.Account("ann").Entries()); n != there || n == 300 || all.End(t).Exit != 143 {
				t.Errorf("%d receipts for %d messages, and they end with %+v", n, there, all.End(t))
			}
			b.Sh(`"$MIGRATE" --resume accounts.csv`).WantsAccounts(0).Stands(0, 0)
			for _, user := range []string{"ann", "bob"} {
				harness.Same(t, old.Account(user).Entries(), now.Account(user).Entries())
			}
		})
	}
}

// waitUntil waits until something has happened.
func waitUntil(s *harness.Stages, happened <-chan struct{}) {
	s.T.Helper()
	select {
	case <-happened:
	case <-time.After(harness.ScriptTimeout):
		s.T.Fatalf("it does not begin:\n%s", s)
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
	b := many(t, newList().add(harness.Embedded(old, "ann"), harness.Embedded(now, "ann")))
	s := b.Start(`"$MIGRATE" --row 1 accounts.csv`)
	waitUntil(s, begun)
	o := b.Sh(`"$MIGRATE" --row 1 accounts.csv`)
	close(goOn)
	o.WantsAccounts(75).Says("another run is at work")
	if codes := s.Wait(time.Minute); codes[0] != 0 {
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
	b := many(t, newList().add(harness.Embedded(old, "ann"), harness.Embedded(now, "ann")))
	s := b.Start(`"$MIGRATE" accounts.csv`)
	waitUntil(s, begun)
	s.Cmds[0].Process.Signal(syscall.SIGKILL)
	for {
		o := b.Sh(`"$MIGRATE" --resume accounts.csv`)
		if o.Exit == 75 && strings.Contains(o.Stderr, "another run is at work") {
			continue
		}
		o.WantsAccounts(0).Stands(0)
		break
	}
	harness.Same(t, old.Account("ann").Entries(), now.Account("ann").Entries())
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
	b.Sh(`mkdir -p .config/imap-pipe && mv password .config/imap-pipe/`).Wants(0)
	for name, user := range map[string]string{"old": "ann", "new": "ann2"} {
		b.Write(".config/imap-pipe/"+name, []byte("host "+server.Addr()+"\nuser "+user+"\ntls none\npassword-file password\n"))
	}
	if dry := b.Sh(`"$MIGRATE" -n old new`).Wants(0).Stdout; strings.Count(dry, "imap-fetch --headers --account=old |\n") != 4 {
		t.Errorf("-n prints\n%s", dry)
	}
	b.Sh(`"$MIGRATE" --phase verify old new`).WantsAccounts(1).Stands(1)
	if n := len(server.Account("ann2").Entries()); n != 0 {
		t.Errorf("verify has copied %d messages", n)
	}
	b.Sh(`"$MIGRATE" --phase presync old new`).WantsAccounts(0).Stands(0)
	b.Sh(`"$MIGRATE" --phase final --phase verify ./.config/imap-pipe/old new --row 1`).Wants(64)
	b.Sh(`"$MIGRATE" --provider-limit 127.0.0.1=1 --resume old new`).WantsAccounts(0).Stands(0)
	harness.Same(t, server.Account("ann").Entries(), server.Account("ann2").Entries())
	b.Sh(`"$MIGRATE" --summary old new`).WantsAccounts(0).Stands(0)
	b.Sh(`"$MIGRATE" --summary new old`).WantsAccounts(75).Stands(75) // another migration
	b.Sh(`"$MIGRATE" nonesuch new`).Wants(66).Says("nonesuch")
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
	b := many(t, l).With("MARK", t.Name())
	b.Write("password", []byte(secret+"\n"))
	b.Write("look", []byte(`#!/bin/sh
[ -z "$IMAP_PASSWORD" ] || exit 1 # that of somebody else
for environ in $(grep -laF "MARK=$MARK" /proc/[0-9]*/environ); do
  tr '\0' '\n' <"${environ%environ}cmdline" && tr '\0' '\n' <"$environ"
done >>seen 2>/dev/null
cat password
`))
	o := b.Sh(`chmod +x look; "$MIGRATE" --allow-commands accounts.csv`).WantsAccounts(0).Stands(0, 0)
	if seen := string(b.Read("seen")); !strings.Contains(seen, "imap-push") || !strings.Contains(seen, "imap-migrate") || !strings.Contains(seen, "MARK=") {
		t.Errorf("nothing was seen: %q", harness.Shorten(seen, 300))
	}
	files := strings.Fields(b.Sh(`find accounts.state -type f`).Wants(0).Stdout)
	o.Silent(b, secret, append(files, "seen")...)
	for _, file := range files {
		if info, err := os.Stat(b.Path(file)); err != nil || info.Mode().Perm()&0o077 != 0 {
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
	server.Account("ann").Fill(harness.Mail(3))
	b := many(t, &list{rows: [][]string{{"old-account", "old-user", "new-account", "new-user"}, {"./server", "ann", "./server", "bob"}}})
	b.Write("server", []byte("host "+server.Addr()+"\ntls none\n"))
	for _, row := range []string{"", "--row=1"} {
		o := b.Sh(`script -qec '"$MIGRATE" --phase presync ` + row + ` accounts.csv >summary' /dev/null </dev/null; cat summary`).Wants(0)
		if want := "66\tbob\tpresync\t"; !strings.Contains(o.Stdout, want) || !strings.Contains(o.Stdout, "no password was typed") {
			t.Errorf("%q", o.Stdout)
		}
	}
}

// TestAccountsWorst: the exit code of a run is the one that hides the others,
// in the order of the commands.
func TestAccountsWorst(t *testing.T) {
	t.Parallel()
	nobody := harness.Account{Addr: "127.0.0.1:1", User: "ann"}
	b := many(t, newList().add(nobody, nobody).add(nobody, harness.Account{Addr: nobody.Addr, User: "bob"}))
	codes := []exit.Code{exit.Interrupted, exit.Terminated, exit.BrokenPipe, exit.Bug, exit.Usage, exit.NoInput, exit.Login, exit.Protocol, exit.Unavailable,
		exit.CantCreate, exit.IO, exit.Temporary, exit.Data, 42, exit.Partial, exit.Different, exit.OK}
	ends := func(ann, bob exit.Code) {
		t.Helper()
		b.Sh(fmt.Sprintf(`mkdir -p accounts.state/accounts/ann accounts.state/accounts/bob
printf '%d\t\t\n' >accounts.state/accounts/ann/presync.result
printf '%d\t\t\n' >accounts.state/accounts/bob/presync.result
"$MIGRATE" --summary accounts.csv`, ann, bob)).WantsAccounts(int(exit.Worse(ann, bob))).Stands(int(ann), int(bob))
	}
	places := []int{}
	for i := range codes[1:] {
		places = append(places, i)
	}
	for _, i := range harness.SomeOf(t, 6, places) {
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
	nobody := harness.Account{Addr: "127.0.0.1:1", User: "ann"}
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
		o := b.Sh(`rm -rf accounts.state; mkdir -p accounts.state/accounts/ann
for ended in ` + c.ended + `; do printf '%s\t\t\n' "${ended#*=}" >"accounts.state/accounts/ann/${ended%=*}.result"; done
"$MIGRATE" --summary accounts.csv`).WantsAccounts(c.exit)
		if lines, _ := o.Summary(); lines[0].Phase != c.phase {
			t.Errorf("%s: %+v", c.ended, lines[0])
		}
	}
	b.Sh(`"$MIGRATE" --summary --phase presync --phase delta accounts.csv`).WantsAccounts(75)
}
