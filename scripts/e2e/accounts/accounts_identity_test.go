package accounts

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestAccountsIdentity: what was done with one account says nothing about another, wherever its name comes
// from: columns, account files of a list, two account files. While both sides are the same, it counts.
func TestAccountsIdentity(t *testing.T) {
	t.Parallel()
	file := func(to harness.Account) string {
		return "host " + to.Addr + "\nuser " + to.User + "\ntls none\npassword-file password\n"
	}
	for _, c := range harness.SomeOf(t, 1, []struct {
		name, operands string
		write          func(b *harness.Shell, old, now harness.Account)
	}{
		{"columns", "accounts.csv", func(b *harness.Shell, old, now harness.Account) {
			columns, row := strings.Join(accountColumns, ","), newList().add(old, now).rows[1]
			b.Write("accounts.csv", []byte("id,"+columns+"\nq,"+strings.Join(row, ",")+"\n"))
		}},
		{"account files of a list", "accounts.csv", func(b *harness.Shell, old, now harness.Account) {
			b.Write("accounts.csv", []byte("id,old-account,new-account\nq,./old,./new\n"))
			b.Write("old", []byte(file(old)))
			b.Write("new", []byte(file(now)))
		}},
		{"two account files", "./old ./new", func(b *harness.Shell, old, now harness.Account) {
			b.Write("old", []byte(file(old)))
			b.Write("new", []byte(file(now)))
		}},
	}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			other := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			for _, user := range []string{"ann", "amy"} {
				for i, id := range []string{"1", "2", "3"} {
					server.Account(user).AddMessage("INBOX", nil, harness.Day(i), harness.Letter(user+id, "text"))
				}
			}
			b := many(t, newList())
			ann, bob := harness.Embedded(server, "ann"), harness.Embedded(server, "bob")
			run := func(options string) *harness.Outcome {
				return b.Sh(`"$MIGRATE" --state state ` + options + ` ` + c.operands).WantsAccounts(0).Stands(0)
			}
			const changed, ended = "results do not count", " ended with "
			sums := func(o *harness.Outcome, want string) {
				t.Helper()
				if lines, _ := o.Summary(); !strings.HasSuffix(lines[0].Sum, ": "+want) {
					t.Errorf("%q, want %q\n%s", lines[0].Sum, want, o)
				}
			}
			resumed := func(old, now harness.Account, from, to *imaptest.Server) {
				t.Helper()
				c.write(b, old, now)
				run("--resume").Says(changed)
				harness.Same(t, from.Account(old.User).Entries(), to.Account(now.User).Entries())
			}

			c.write(b, ann, bob)
			if o := run(""); strings.Contains(o.Stderr, changed) {
				t.Errorf("the first run says: %s", o.Stderr)
			}
			if o := run("--resume"); strings.Contains(o.Stderr, ended) || strings.Contains(o.Stderr, changed) {
				t.Errorf("phases are run again: %s", o.Stderr)
			}
			sums(run("--phase delta"), "0 listed = 0 present + 0 appended + 0 rejected")

			c.write(b, ann, harness.Embedded(server, "cyd"))
			o := run("--phase delta").Says(changed)
			sums(o, "3 listed = 0 present + 3 appended + 0 rejected")
			sums(run("--phase delta"), "0 listed = 0 present + 0 appended + 0 rejected")
			c.write(b, ann, harness.Embedded(other, "cyd"))
			sums(run("--phase delta").Says(changed), "3 listed = 0 present + 3 appended + 0 rejected")
			run("--resume") // the rest of the phases

			resumed(ann, harness.Embedded(server, "dan"), server, server)
			resumed(ann, harness.Embedded(other, "dan"), server, other)
			resumed(harness.Embedded(server, "amy"), harness.Embedded(other, "eve"), server, other)
			b.Sh("rm $(find state -name identity)").Wants(0)
			run("--resume").Says(changed, ended)
			if o := run("--resume"); strings.Contains(o.Stderr, ended) {
				t.Errorf("phases are run again: %s", o.Stderr)
			}
		})
	}
}

// TestAccountsFileEdited: a comment in an account file changes nothing. Another option makes delta look at
// everything, and the phases that have ended still count.
func TestAccountsFileEdited(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("ann").AddMessage("INBOX", nil, harness.Day(1), harness.Letter("1", "text"))
	b := many(t, &list{rows: [][]string{{"id", "old-account", "new-account"}, {"q", "./old", "./new"}}})
	for name, user := range map[string]string{"old": "ann", "new": "bob"} {
		b.Write(name, []byte("host "+server.Addr()+"\nuser "+user+"\ntls none\npassword-file password\n"))
	}
	sumsUp(b, 0, "--phase presync", "1 listed = 0 present + 1 appended + 0 rejected")
	b.Sh(`echo '# a comment' >>new`).Wants(0)
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	b.Sh(`echo 'timeout 90s' >>new`).Wants(0)
	if o := b.Sh(`"$MIGRATE" --resume --phase presync accounts.csv`).WantsAccounts(0); strings.Contains(o.Stderr, "ended with") {
		t.Errorf("the phase is run again: %s", o.Stderr)
	}
	sumsUp(b, 0, "--phase delta", "1 listed = 1 present + 0 appended + 0 rejected")
	b.Sh(`rm new; "$MIGRATE" --resume --phase presync accounts.csv`).WantsAccounts(66).Says("cannot read the account file ./new")
}
