package accounts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// hostileUsers are users that would like to be something else: commands,
// options, paths, what GNU parallel replaces.
var hostileUsers = []string{
	"$(touch HACKED)", "`touch HACKED`", "a;touch HACKED;", "a' 'touch HACKED", `a"; touch HACKED; "`, "a|touch HACKED", "a&touch HACKED",
	"--tls-insecure", "-h", "{}", "{1}", "{= system q(touch HACKED) =}", "%s%n", `CORP\joe`, `back\\slash\`, "../../etc", ".hidden", "a/b", "*", "~", "!!",
	"ann, \"the\" miller", "two  blanks", "ü ñ 漢字 🙂", "x=y", "#no comment", "$IMAP_USER", "nowhere\u00a0blank",
}

// TestAccountsHostileNames: whatever a user is called, the mail of that user
// moves, on this machine and through ssh, and nothing else happens.
func TestAccountsHostileNames(t *testing.T) {
	t.Parallel()
	names := harness.SomeOf(t, len(hostileUsers)/2, hostileUsers)
	users := map[string]string{}
	for _, name := range names {
		users[name] = "secret"
	}
	old := imaptest.StartServer(t, imaptest.Options{Users: users})
	now := imaptest.StartServer(t, imaptest.Options{Users: users, LiteralPlus: true})
	l := newList()
	for i, name := range names {
		old.Account(name).Fill(imaptest.Spread(imaptest.Generate(uint64(i), 3)))
		l.add(harness.Embedded(old, name), harness.Embedded(now, name))
	}
	b := many(t, l)
	b.Write("far", []byte(farShell))
	codes := make([]int, len(names))
	state := b.Path(`a state; touch HACKED; $(touch HACKED) "'{1}`)
	b = b.With("STATE", state).With("PARALLEL_SSH", b.Path("far")).With("FAR_LOG", b.Path("far.log"))
	b.Sh(`chmod +x far; "$MIGRATE" --phase presync --state "$STATE" accounts.csv`).WantsAccounts(0).Stands(codes...)
	for _, name := range names {
		harness.Same(t, old.Account(name).Entries(), now.Account(name).Entries())
	}
	if _, err := exec.LookPath("parallel"); err != nil {
		t.Skip("SKIPPED: no parallel")
	}
	b.Sh(`ln -s "$STATE" state
parallel --plain --jobs 1 --sshlogin one,two env PATH="$PATH" "$MIGRATE" --shard {}/2 --phase verify --state "$PWD/state" "$PWD/accounts.csv" ::: 1 2`).Wants(0)
	b.Sh(`"$MIGRATE" --summary --phase verify --state "$STATE" accounts.csv`).WantsAccounts(0).Stands(codes...)
	if log := string(b.Read("far.log")); !strings.Contains(log, "one\n") || !strings.Contains(log, "two\n") {
		t.Errorf("nothing went by ssh: %q", log)
	}
	shown := b.Sh(`"$MIGRATE" --dry-run accounts.csv >shown; sh -n shown && grep -c '^imap-fetch --headers' shown`).Wants(0)
	if shown.Stdout != fmt.Sprintln(4*len(names)) {
		t.Errorf("%s accounts and phases are shown", shown.Stdout)
	}
	filepath.WalkDir(b.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == "HACKED" {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
}

// farShell stands for ssh: it runs what it is given under a plain shell, from
// another folder, and with an environment of its own.
const farShell = `#!/bin/bash
while [ "${1#-}" != "$1" ]; do shift; done
echo "$1" >>"$FAR_LOG"
shift
[ "$1" != -- ] || shift
cd / && exec env -i HOME=/nonexistent SHELL=/bin/sh PATH=/usr/bin:/bin sh -c "$*"
`

// TestAccountsLists: forms that a list may have.
func TestAccountsLists(t *testing.T) {
	t.Parallel()
	b := many(t, newList()).With("XDG_CONFIG_HOME", "/nonexistent")
	for name, c := range map[string]struct{ text, want string }{
		"quotes, blanks and doubled quotes": {
			"old-host,old-user,old-password-file,new-host,new-user,new-password-file\n  a , \"x \"\"y\"\", z\" ,p,\"b\", u v ,q\n",
			`--host=a '--user=x "y", z' --password-file=p -> --host=b '--user=u v' --password-file=q`},
		"semicolons, CRLF, a byte order mark, another spelling, columns of others": {
			"\ufeffOld Host;OLD_USER;old-password-file;department;new host;new user;new-password-file\r\na;x;p;sales;b;y;q\r\n;;;;;;\r\n\r\n",
			`--host=a --user=x --password-file=p -> --host=b --user=y --password-file=q`},
		"tabs": {
			"old-host\told-user\told-password-file\tnew-host\tnew-user\tnew-password-file\na\tx\tp\tb\ty\tq",
			`--host=a --user=x --password-file=p -> --host=b --user=y --password-file=q`},
		"account files, one of them by name": {
			"id,old-account,old-user,new-account\njoe,~/old,joe,new\n",
			`--account=` + b.Dir + `/old --user=joe -> --account=new`},
		"every option, in the order of the columns or not": {
			"new-token-command,new-host,new-user,new-proxy,old-host,old-user,old-tls,old-ca-file,old-tls-server-name,old-auth,old-auth-user,old-prefix,old-password-command\n" +
				"token y,b,y,socks5://p,a,x,starttls,ca.pem,n,plain,boss,INBOX.,pass show x\n",
			`--host=a --user=x --tls=starttls --ca-file=ca.pem --tls-server-name=n --auth=plain --auth-user=boss --prefix=INBOX. '--password-command=pass show x' -> --host=b --user=y --proxy=socks5://p '--token-command=token y'`},
		"a certificate in place of a password": {
			"old-host,old-user,old-auth,old-tls-cert,new-host,new-user,new-password-file\na,x,external,c.pem,b,y,q\n",
			`--host=a --user=x --tls-cert=c.pem --auth=external -> --host=b --user=y --password-file=q`},
	} {
		b.Write("list.csv", []byte(c.text))
		o := b.Sh(`"$MIGRATE" --dry-run --phase verify list.csv`).Wants(0)
		m := regexp.MustCompile(`(?s)\Qimap-fetch --headers \E(.*?) \|\n  imap-diff --report --exit-code (.*?) > ?'?/`).FindStringSubmatch(o.Stdout)
		if m == nil || m[1]+" -> "+m[2] != c.want {
			t.Errorf("%s: %q gives\n%s", name, m, o.Stdout)
		}
		if b.Exists("list.state") {
			t.Error("--dry-run has made something")
		}
	}
}

// TestAccountsBadLists: 64 and the line, before anything is done, and no cell
// that may be a password is shown.
func TestAccountsBadLists(t *testing.T) {
	t.Parallel()
	const head = "old-host,old-user,old-password-file,new-host,new-user,new-password-file\n"
	b := many(t, newList())
	for text, said := range map[string]string{
		"joe,hunter2,joe,hunter2\n":                                                 "no column old-user",
		"old-host,old-user,old-password,new-host,new-user,new-password\n":           "column 3 would hold a secret",
		"old-host,old-user,hunter2-passwort\n":                                      "column 3 would hold a secret",
		"old-host,old-user,old-password-file,old-hunter2\n":                         "column 4 is not a connection option",
		"old-host,old-user,old-password-file,old-tls-insecure\n":                    "column 4 is not a connection option",
		"old-host,old-user,old-user\n":                                              "columns 2 and 3 have the same name",
		head + "a,x,p,b,y\n":                                                        "line 2: 5 fields, but the header has 6",
		head + "\n" + "a,x,p,b,y,q,hunter2\n":                                       "line 3: 7 fields",
		head + "a,\"x,p,b,y,q\n":                                                    "line 2: a quoted field does not end",
		head + "a,\"x\ny\",p,b,y,q\n":                                               "line 2: a quoted field does not end",
		head + "a,\"x\"hunter2,p,b,y,q\n":                                           "line 2: text after a closing quote",
		head + "a,x,p,b,,q\n":                                                       "no new-host or no new-user",
		head + "a,x,,b,y,q\n":                                                       "hint: give old-password-file",
		head + "a,x,p,b,y,q\na,z,p,b,y,q\n":                                         "line 3: the same account as in line 2: y",
		head + "a,x\x1b[2J,p,b,y,q\n":                                               "line 2: a control character",
		head + "a,x\u009b2J,p,b,y,q\n":                                              "line 2: a control character",
		head + "a,x\u202ex,p,b,y,q\n":                                               "line 2: a control character",
		head + "a,x\x00y,p,b,y,q\n":                                                 "is not UTF-8 text",
		head + "a,j\xf6rg,p,b,y,q\n":                                                "is not UTF-8 text",
		head + "a,x,p,b," + strings.Repeat("y", 201) + ",q\n":                       "longer than 200 bytes",
		strings.TrimSuffix(head, "\n") + ",new-token-command\na,x,p,b,y,,hunter2\n": "line 2: new-token-command is a command that a shell would run\nimap-migrate: hint: --allow-commands",
	} {
		b.Write("bad.csv", []byte(text))
		o := b.Sh(`"$MIGRATE" bad.csv`).Wants(64).Says(said)
		o.Silent(b, "hunter2")
		if o.Stdout != "" || b.Exists("bad.state") {
			t.Errorf("%q: something was done: %q", text, o.Stdout)
		}
	}
	b.Write("bad.csv", []byte(strings.TrimSuffix(head, "\n")+",new-token-command\na,x,p,b,y,q,hunter2\n"))
	b.Sh(`"$MIGRATE" --allow-commands bad.csv`).Wants(64).Says("more than one place for a password: new").Silent(b, "hunter2")
	b.Write("empty.csv", []byte(head))
	b.Write("good.csv", []byte(head+"a,x,p,b,y,q\n"))
	for script, code := range map[string]int{
		`empty.csv`: 66, `/dev/null`: 66, `nonesuch.csv`: 66, `.`: 66, `--row 2 good.csv`: 66, `--only z good.csv`: 66,
		`good.csv good.csv good.csv`: 64, `good.csv good.csv`: 66, `./good.csv ./good.csv`: 64, ``: 64, `--phase tail good.csv`: 64, `--jobs 0 good.csv`: 64, `--jobs many good.csv`: 64, `--row 0 good.csv`: 64,
		`--provider-limit a good.csv`: 64, `--provider-limit a=0 good.csv`: 64, `--provider-limit =3 good.csv`: 64, `--provider-limit c=3 good.csv`: 64,
		`--row 1 --only y good.csv`: 64, `--nonesuch good.csv`: 64, `--jobs`: 64, `good.csv --dry-run`: 64, "--push='a\nb' good.csv": 64,
		`--push=--dry-run good.csv`: 64, `--push -n good.csv`: 64,
	} {
		b.Sh(`"$MIGRATE" ` + script).Wants(code)
	}
	b.Sh(`"$MIGRATE" --help`).Wants(0)
}

// TestAccountsTrust: who may write a list decides what is run. A list or a state
// folder that others may write is refused, and no cell is an option.
func TestAccountsTrust(t *testing.T) {
	t.Parallel()
	b := many(t, &list{rows: [][]string{{"old-account", "old-user", "new-account", "new-user"}, {"-ew ./kept", "ann", "-ew ./kept", "bob"}}})
	b.Write("kept", []byte("kept\n"))
	b.Sh(`"$MIGRATE" --provider-limit nowhere.invalid=1 --state b.state accounts.csv`).Wants(64).Says("no account is at nowhere.invalid")
	if kept := string(b.Read("kept")); kept != "kept\n" {
		t.Errorf("a cell has written %q", kept)
	}
	for _, change := range []string{"chmod g+w accounts.csv", "chmod o+w accounts.csv", "mkdir -m 777 accounts.state", "chown 65534 accounts.csv"} {
		if strings.HasPrefix(change, "chown") && os.Geteuid() != 0 {
			continue
		}
		b.Sh(change + `; "$MIGRATE" accounts.csv`).Wants(64).Says("others may write to /")
		b.Sh(`chmod go-w accounts.csv; rm -rf accounts.state`)
	}
}
