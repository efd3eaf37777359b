package e2e

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// list is a CSV file of accounts in the making.
type list struct{ rows [][]string }

// accountColumns are those of list.add.
var accountColumns = []string{"old-host", "old-user", "old-tls", "old-password-file", "new-host", "new-user", "new-tls", "new-password-file"}

func newList() *list { return &list{rows: [][]string{accountColumns}} }

// add has the mail of one account go to another; the password of both is
// "secret".
func (l *list) add(from, to account) *list {
	l.rows = append(l.rows, []string{from.addr, from.user, "none", "password", to.addr, to.user, "none", "password"})
	return l
}

// many makes a bench that has $MIGRATE and the list as accounts.csv.
func many(t *testing.T, l *list) *bench {
	t.Helper()
	b := newBench(t).with("MIGRATE", filepath.Join(binaries, "imap-migrate")).with("IMAP_PASSWORD", "not this one")
	b.write("password", []byte("secret\n"))
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(l.rows); err != nil {
		t.Fatal(err)
	}
	b.write("accounts.csv", text.Bytes())
	return b
}

// standing is a line of the summary.
type standing struct {
	exit, id, phase, sum, trouble string
}

// summary reads what was printed: the accounts, and the total.
func (o *outcome) summary() (lines []standing, total string) {
	o.t.Helper()
	for line := range strings.Lines(o.stdout) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 2 && fields[0] == "total" {
			total = fields[1]
			continue
		}
		if len(fields) != 5 {
			o.t.Fatalf("a line of the summary has %d fields: %q", len(fields), line)
		}
		lines = append(lines, standing{fields[0], fields[1], fields[2], fields[3], fields[4]})
	}
	return lines, total
}

// stands demands the exit codes of the accounts, in the order of the list.
func (o *outcome) stands(codes ...int) *outcome {
	o.t.Helper()
	var want, got []string
	for _, code := range codes {
		want = append(want, strconv.Itoa(code))
	}
	lines, total := o.summary()
	for _, line := range lines {
		got = append(got, line.exit)
	}
	accounts := fmt.Sprintf("%d accounts: ", len(codes))
	if len(codes) == 1 {
		accounts = "1 account: "
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || !strings.HasPrefix(total, accounts) {
		o.t.Errorf("the accounts ended with %v, want %v\n%s%s", got, want, o.stdout, o)
	}
	return o
}

// wantsAccounts is wants, and shows how the accounts stand if they do not.
func (o *outcome) wantsAccounts(code int) *outcome {
	o.t.Helper()
	if o.exit != code {
		o.t.Log(o.stdout)
	}
	return o.wants(code)
}
