package accounts

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// sumsUp runs imap-migrate for the one account of a list, wants that exit
// code, and what imap-push added up to.
func sumsUp(b *harness.Shell, code int, options, want string) {
	b.T.Helper()
	o := b.Sh(`"$MIGRATE" --row 1 ` + options + ` accounts.csv`).WantsAccounts(code).Stands(code)
	if lines, _ := o.Summary(); !strings.HasSuffix(lines[0].Sum, ": "+want) {
		b.T.Errorf("%s: %q, want %q\n%s", options, lines[0].Sum, want, b.Read("accounts.state/accounts/"+lines[0].Id+"/log"))
	}
}

// TestAccountsBase: a delta looks at what has come since a run that moved
// everything, and at everything where there is none that can be relied on.
func TestAccountsBase(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(_, _ string, m imaptest.Message) error {
		if strings.Contains(string(m.Octets), "bad") {
			return harness.AppendError(imap.StatusResponseTypeNo, "", "I do not like it")
		}
		return nil
	}})
	old, now := server.Account("ann"), server.Account("ann2")
	uids := []uint64{}
	add := func(id, body string) {
		uids = append(uids, old.AddMessage("INBOX", nil, harness.Day(1), harness.Letter(id, body)))
	}
	for _, id := range []string{"1", "2", "3"} {
		add(id, "good")
	}
	b := many(t, newList().add(harness.Embedded(server, "ann"), harness.Embedded(server, "ann2")))

	sumsUp(b, 0, "--phase delta", "3 listed = 0 present + 3 appended + 0 rejected") // nothing came before
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	add("4", "good")
	now.Expunge("INBOX", now.Messages("INBOX")[0].UID) // its user works there already
	sumsUp(b, 0, "--phase delta", "1 listed = 0 present + 1 appended + 0 rejected")
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	if n := len(now.Entries()); n != 3 {
		t.Errorf("%d messages: a delta has brought back what its owner deleted", n)
	}
	if dry := b.Sh(`"$MIGRATE" --dry-run accounts.csv`).Wants(0).Stdout; strings.Count(dry, "--base=") != 1 {
		t.Errorf("--dry-run does not show the base of the delta:\n%s", dry)
	}

	// With other options, and where an option wants to see the account as a whole.
	sumsUp(b, 0, "--phase delta --fetch=--exclude=Spam", "4 listed = 3 present + 1 appended + 0 rejected")
	sumsUp(b, 0, "--phase presync --diff=--dedup=account", "4 listed = 4 present + 0 appended + 0 rejected")
	sumsUp(b, 0, "--phase delta --diff=--dedup=account", "4 listed = 4 present + 0 appended + 0 rejected")
	sumsUp(b, 0, "--phase presync", "4 listed = 4 present + 0 appended + 0 rejected")

	// Damaged files cost the time of a look at everything.
	damages := []string{`: >f`, `head -c 200 f >g; mv g f`, `echo no stream >f`, `rm f`, `: >headers.for`, `rm headers.for`}
	for _, damage := range harness.SomeOf(t, 1, damages) {
		b.Sh(`cd accounts.state/accounts/ann2; ` + strings.NewReplacer(">f", ">headers.zst", " f", " headers.zst").Replace(damage)).Wants(0)
		sumsUp(b, 0, "--phase delta", "4 listed = 4 present + 0 appended + 0 rejected")
		sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	}

	// What was refused is looked at again, by any run.
	add("5", "bad")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase presync", "5 listed = 4 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	b.Sh(`ls accounts.state/accounts/ann2 | grep -v '^headers.zst$\|^headers.for$' | grep headers`).Wants(1)
}

// TestAccountsFlags: final brings over what flags were set in the meantime,
// and takes away those that are not only where it is told to.
func TestAccountsFlags(t *testing.T) {
	t.Parallel()
	for _, c := range harness.SomeOf(t, 2, []struct{ options, want string }{
		{"", `\Answered \Seen`},
		{"--sync-flags off", `\Answered`},
		{"--sync-flags add", `\Answered \Seen`},
		{"--sync-flags exact", `\Seen`},
	}) {
		t.Run(c.options, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			old, now := server.Account("ann"), server.Account("ann2")
			uid := old.AddMessage("INBOX", nil, harness.Day(1), harness.Letter("1", "text"))
			b := many(t, newList().add(harness.Embedded(server, "ann"), harness.Embedded(server, "ann2")))
			b.Sh(`"$MIGRATE" --row 1 --phase presync accounts.csv`).WantsAccounts(0)
			old.SetFlags("INBOX", uid, `\Seen`)
			now.SetFlags("INBOX", now.Messages("INBOX")[0].UID, `\Answered`)
			b.Sh(`"$MIGRATE" --row 1 --phase delta accounts.csv`).WantsAccounts(0)
			if got := strings.Join(now.Messages("INBOX")[0].Flags, " "); got != `\Answered` {
				t.Errorf("after delta the flags are %s", got)
			}
			b.Sh(`"$MIGRATE" --row 1 ` + c.options + ` --phase final --phase verify accounts.csv`).WantsAccounts(0)
			if got := strings.Join(now.Messages("INBOX")[0].Flags, " "); got != c.want {
				t.Errorf("after final the flags are %s, want %s", got, c.want)
			}
		})
	}
	many(t, newList()).Sh(`"$MIGRATE" --sync-flags all accounts.csv`).Wants(64).Says("--sync-flags")
}

// TestAccountsLiveOn: deltas alone leave nothing behind of an account that
// lives on, whatever its user does, and bring nothing twice.
func TestAccountsLiveOn(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		h := harness.NewHistory(t, src)
		h.Begin()
		b := many(t, newList().add(src, harness.Account{Addr: src.Addr, User: harness.Restored[0]}))
		b.Sh(`"$MIGRATE" --row 1 --phase presync accounts.csv`).WantsAccounts(0)
		for range harness.Rounds(2, 10) {
			var did []string
			for range 1 + h.Rnd.IntN(8) {
				did = append(did, h.Step())
			}
			if o := b.Sh(`"$MIGRATE" --row 1 --phase delta --phase verify accounts.csv`).WantsAccounts(0); strings.Contains(o.Stdout+o.Stderr, "not kept") {
				t.Errorf("verify, which reads nothing to keep, says that it is not kept: %s", o)
			}
			sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
			if t.Failed() {
				t.Fatal(strings.Join(did, "\n"))
			}
		}
		o := b.Sh(`"$MIGRATE" --row 1 --phase final accounts.csv`).WantsAccounts(0)
		if lines, _ := o.Summary(); !strings.Contains(lines[0].Sum, " + 0 appended + ") {
			t.Errorf("final finds something: %+v", lines[0])
		}
	})
}
