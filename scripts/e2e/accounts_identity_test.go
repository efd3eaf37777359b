package e2e

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestAccountsIdentity: what was done with one account says nothing about another, wherever its name comes
// from: columns, account files of a list, two account files. While both sides are the same, it counts.
func TestAccountsIdentity(t *testing.T) {
	t.Parallel()
	file := func(to account) string {
		return "host " + to.addr + "\nuser " + to.user + "\ntls none\npassword-file password\n"
	}
	for _, c := range someOf(t, 1, []struct {
		name, operands string
		write          func(b *bench, old, now account)
	}{
		{"columns", "accounts.csv", func(b *bench, old, now account) {
			columns, row := strings.Join(accountColumns, ","), newList().add(old, now).rows[1]
			b.write("accounts.csv", []byte("id,"+columns+"\nq,"+strings.Join(row, ",")+"\n"))
		}},
		{"account files of a list", "accounts.csv", func(b *bench, old, now account) {
			b.write("accounts.csv", []byte("id,old-account,new-account\nq,./old,./new\n"))
			b.write("old", []byte(file(old)))
			b.write("new", []byte(file(now)))
		}},
		{"two account files", "./old ./new", func(b *bench, old, now account) {
			b.write("old", []byte(file(old)))
			b.write("new", []byte(file(now)))
		}},
	}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			other := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			for _, user := range []string{"ann", "amy"} {
				for i, id := range []string{"1", "2", "3"} {
					server.Account(user).AddMessage("INBOX", nil, day(i), letter(user+id, "text"))
				}
			}
			b := many(t, newList())
			ann, bob := embedded(server, "ann"), embedded(server, "bob")
			run := func(options string) *outcome {
				return b.sh(`"$MIGRATE" --state state ` + options + ` ` + c.operands).wantsAccounts(0).stands(0)
			}
			const changed, ended = "results do not count", " ended with "
			sums := func(o *outcome, want string) {
				t.Helper()
				if lines, _ := o.summary(); !strings.HasSuffix(lines[0].sum, ": "+want) {
					t.Errorf("%q, want %q\n%s", lines[0].sum, want, o)
				}
			}
			resumed := func(old, now account, from, to *imaptest.Server) {
				t.Helper()
				c.write(b, old, now)
				run("--resume").says(changed)
				same(t, from.Account(old.user).Entries(), to.Account(now.user).Entries())
			}

			c.write(b, ann, bob)
			if o := run(""); strings.Contains(o.stderr, changed) {
				t.Errorf("the first run says: %s", o.stderr)
			}
			if o := run("--resume"); strings.Contains(o.stderr, ended) || strings.Contains(o.stderr, changed) {
				t.Errorf("phases are run again: %s", o.stderr)
			}
			sums(run("--phase delta"), "0 listed = 0 present + 0 appended + 0 rejected")

			c.write(b, ann, embedded(server, "cyd"))
			o := run("--phase delta").says(changed)
			sums(o, "3 listed = 0 present + 3 appended + 0 rejected")
			sums(run("--phase delta"), "0 listed = 0 present + 0 appended + 0 rejected")
			c.write(b, ann, embedded(other, "cyd"))
			sums(run("--phase delta").says(changed), "3 listed = 0 present + 3 appended + 0 rejected")
			run("--resume") // the rest of the phases

			resumed(ann, embedded(server, "dan"), server, server)
			resumed(ann, embedded(other, "dan"), server, other)
			resumed(embedded(server, "amy"), embedded(other, "eve"), server, other)
			b.sh("rm $(find state -name identity)").wants(0)
			run("--resume").says(changed, ended)
			if o := run("--resume"); strings.Contains(o.stderr, ended) {
				t.Errorf("phases are run again: %s", o.stderr)
			}
		})
	}
}

// TestAccountsFileEdited: a comment in an account file changes nothing. Another option makes delta look at
// everything, and the phases that have ended still count.
func TestAccountsFileEdited(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("ann").AddMessage("INBOX", nil, day(1), letter("1", "text"))
	b := many(t, &list{rows: [][]string{{"id", "old-account", "new-account"}, {"q", "./old", "./new"}}})
	for name, user := range map[string]string{"old": "ann", "new": "bob"} {
		b.write(name, []byte("host "+server.Addr()+"\nuser "+user+"\ntls none\npassword-file password\n"))
	}
	sumsUp(b, 0, "--phase presync", "1 listed = 0 present + 1 appended + 0 rejected")
	b.sh(`echo '# a comment' >>new`).wants(0)
	sumsUp(b, 0, "--phase delta", "0 listed = 0 present + 0 appended + 0 rejected")
	b.sh(`echo 'timeout 90s' >>new`).wants(0)
	if o := b.sh(`"$MIGRATE" --resume --phase presync accounts.csv`).wantsAccounts(0); strings.Contains(o.stderr, "ended with") {
		t.Errorf("the phase is run again: %s", o.stderr)
	}
	sumsUp(b, 0, "--phase delta", "1 listed = 1 present + 0 appended + 0 rejected")
	b.sh(`rm new; "$MIGRATE" --resume --phase presync accounts.csv`).wantsAccounts(66).says("cannot read the account file ./new")
}
