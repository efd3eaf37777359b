package e2e

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
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
