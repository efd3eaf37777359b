package e2e

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// sumsUp runs imap-migrate for the one account of a list, wants that exit
// code, and what imap-push added up to.
func sumsUp(b *bench, code int, options, want string) {
	b.t.Helper()
	o := b.sh(`"$MIGRATE" --row 1 ` + options + ` accounts.csv`).wantsAccounts(code).stands(code)
	if lines, _ := o.summary(); !strings.HasSuffix(lines[0].sum, ": "+want) {
		b.t.Errorf("%s: %q, want %q\n%s", options, lines[0].sum, want, b.read("accounts.state/accounts/"+lines[0].id+"/log"))
	}
}

// TestAccountsBase: a delta looks at what has come since a run that moved
// everything, and at everything where there is none that can be relied on.
func TestAccountsBase(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnAppend: func(_, _ string, m imaptest.Message) error {
		if strings.Contains(string(m.Octets), "bad") {
			return says(imap.StatusResponseTypeNo, "", "I do not like it")
		}
		return nil
	}})
	old, now := server.Account("ann"), server.Account("ann2")
	uids := []uint64{}
	add := func(id, body string) { uids = append(uids, old.AddMessage("INBOX", nil, day(1), letter(id, body))) }
	for _, id := range []string{"1", "2", "3"} {
		add(id, "good")
	}
	b := many(t, newList().add(embedded(server, "ann"), embedded(server, "ann2")))

	sumsUp(b, 0, "--phase delta", "3 listed = 0 present + 3 appended + 0 rejected") // nothing came before
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	add("4", "good")
	now.Expunge("INBOX", now.Messages("INBOX")[0].UID) // its user works there already
	sumsUp(b, 0, "--phase delta", "1 listed = 0 present + 1 appended + 0 rejected")
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	if n := len(now.Entries()); n != 3 {
		t.Errorf("%d messages: a delta has brought back what its owner deleted", n)
	}
	if dry := b.sh(`"$MIGRATE" --dry-run accounts.csv`).wants(0).stdout; strings.Count(dry, "--base=") != 1 {
		t.Errorf("--dry-run does not show the base of the delta:\n%s", dry)
	}

	// With other options, and where an option wants to see the account as a whole.
	sumsUp(b, 0, "--phase delta --fetch=--exclude=Spam", "4 listed = 3 present + 1 appended + 0 rejected")
	sumsUp(b, 0, "--phase presync --diff=--dedup=account", "4 listed = 4 present + 0 appended + 0 rejected")
	sumsUp(b, 0, "--phase delta --diff=--dedup=account", "4 listed = 4 present + 0 appended + 0 rejected")
	sumsUp(b, 0, "--phase presync", "4 listed = 4 present + 0 appended + 0 rejected")

	// Damaged files cost the time of a look at everything.
	damages := []string{`: >f`, `head -c 200 f >g; mv g f`, `echo no stream >f`, `rm f`, `: >headers.for`, `rm headers.for`}
	for _, damage := range someOf(t, 1, damages) {
		b.sh(`cd accounts.state/accounts/ann2; ` + strings.NewReplacer(">f", ">headers.zst", " f", " headers.zst").Replace(damage)).wants(0)
		sumsUp(b, 0, "--phase delta", "4 listed = 4 present + 0 appended + 0 rejected")
		sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	}

	// What was refused is looked at again, by any run.
	add("5", "bad")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase presync", "5 listed = 4 present + 0 appended + 1 rejected")
	sumsUp(b, 3, "--phase delta", "1 listed = 0 present + 0 appended + 1 rejected")
	b.sh(`ls accounts.state/accounts/ann2 | grep -v '^headers.zst$\|^headers.for$' | grep headers`).wants(1)
}

// TestAccountsFlags: final brings over what flags were set in the meantime,
// and takes away those that are not only where it is told to.
func TestAccountsFlags(t *testing.T) {
	t.Parallel()
	for _, c := range someOf(t, 2, []struct{ options, want string }{
		{"", `\Answered \Seen`},
		{"--sync-flags off", `\Answered`},
		{"--sync-flags add", `\Answered \Seen`},
		{"--sync-flags exact", `\Seen`},
	}) {
		t.Run(c.options, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			old, now := server.Account("ann"), server.Account("ann2")
			uid := old.AddMessage("INBOX", nil, day(1), letter("1", "text"))
			b := many(t, newList().add(embedded(server, "ann"), embedded(server, "ann2")))
			b.sh(`"$MIGRATE" --row 1 --phase presync accounts.csv`).wantsAccounts(0)
			old.SetFlags("INBOX", uid, `\Seen`)
			now.SetFlags("INBOX", now.Messages("INBOX")[0].UID, `\Answered`)
			b.sh(`"$MIGRATE" --row 1 --phase delta accounts.csv`).wantsAccounts(0)
			if got := strings.Join(now.Messages("INBOX")[0].Flags, " "); got != `\Answered` {
				t.Errorf("after delta the flags are %s", got)
			}
			b.sh(`"$MIGRATE" --row 1 ` + c.options + ` --phase final --phase verify accounts.csv`).wantsAccounts(0)
			if got := strings.Join(now.Messages("INBOX")[0].Flags, " "); got != c.want {
				t.Errorf("after final the flags are %s, want %s", got, c.want)
			}
		})
	}
	many(t, newList()).sh(`"$MIGRATE" --sync-flags all accounts.csv`).wants(64).says("--sync-flags")
}

// TestAccountsLiveOn: deltas alone leave nothing behind of an account that
// lives on, whatever its user does, and bring nothing twice.
func TestAccountsLiveOn(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		h := newHistory(t, src)
		h.begin()
		b := many(t, newList().add(src, account{src.addr, restored[0]}))
		b.sh(`"$MIGRATE" --row 1 --phase presync accounts.csv`).wantsAccounts(0)
		for range rounds(2, 10) {
			var did []string
			for range 1 + h.rnd.IntN(8) {
				did = append(did, h.step())
			}
			if o := b.sh(`"$MIGRATE" --row 1 --phase delta --phase verify accounts.csv`).wantsAccounts(0); strings.Contains(o.stdout+o.stderr, "not kept") {
				t.Errorf("verify, which reads nothing to keep, says that it is not kept: %s", o)
			}
			sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
			if t.Failed() {
				t.Fatal(strings.Join(did, "\n"))
			}
		}
		o := b.sh(`"$MIGRATE" --row 1 --phase final accounts.csv`).wantsAccounts(0)
		if lines, _ := o.summary(); !strings.Contains(lines[0].sum, " + 0 appended + ") {
			t.Errorf("final finds something: %+v", lines[0])
		}
	})
}
