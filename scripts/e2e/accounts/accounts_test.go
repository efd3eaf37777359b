package accounts

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// list is a CSV file of accounts in the making.
type list struct{ rows [][]string }

// accountColumns are those of list.add.
var accountColumns = []string{"old-host", "old-user", "old-tls", "old-password-file", "new-host", "new-user", "new-tls", "new-password-file"}

func newList() *list { return &list{rows: [][]string{accountColumns}} }

// add has the mail of one account go to another; the password of both is
// "secret".
func (l *list) add(from, to harness.Account) *list {
	l.rows = append(l.rows, []string{from.Addr, from.User, "none", "password", to.Addr, to.User, "none", "password"})
	return l
}

// many makes a shell that has $MIGRATE and the list as accounts.csv.
func many(t *testing.T, l *list) *harness.Shell {
	t.Helper()
	b := harness.NewShell(t).With("MIGRATE", filepath.Join(harness.Binaries, "imap-migrate")).With("IMAP_PASSWORD", "not this one")
	b.Write("password", []byte("secret\n"))
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(l.rows); err != nil {
		t.Fatal(err)
	}
	b.Write("accounts.csv", text.Bytes())
	return b
}
