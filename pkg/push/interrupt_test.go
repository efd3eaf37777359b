package push

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/push/deletion"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// stopper ends a run when a text is written.
type stopper struct {
	bytes.Buffer
	at   string
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(s.at)) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// A run that is interrupted ends the batch that is under way, and has a receipt
// for every message: those that say so are gone, and no others.
func TestInterruptedDeletion(t *testing.T) {
	const n = 2*deletion.BatchSize + 50
	server, account := filled(t, n, imaptest.Options{})
	var records []stream.Record
	for i, l := range numbered(n) {
		records = append(records, &stream.Delete{Target: "INBOX", TargetUIDValidity: 1001, TargetUID: uint64(i + 1), Key: keyOf(t, l)})
	}
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: 20 * time.Second}, Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	ctx, cancel := context.WithCancelCause(t.Context())
	out := &stopper{at: `"deleted"`, stop: func() { cancel(exit.Errorf(exit.Interrupted, "enough")) }}
	opt := Options{AllowDelete: true, MaxDelete: anyShare(t), Progress: progress.None{}, Warn: t.Logf}
	_, err = Run(ctx, conn, opt, stream.NewReader(bytes.NewReader(planAt(t, server.Addr(), deletionPlan(t, forJoe, records...))), false), out)
	deleted, skipped := bytes.Count(out.Bytes(), []byte(`"result":"deleted"`)), bytes.Count(out.Bytes(), []byte(`"result":"skipped"`))
	if exit.CodeOf(err) != exit.Interrupted || deleted != deletion.BatchSize || deleted+skipped != n || len(uids(account, "INBOX")) != n-deleted {
		t.Errorf("%v: %d deleted and %d skipped, %d of %d are left", err, deleted, skipped, len(uids(account, "INBOX")), n)
	}
}

// The server goes away for good while messages are deleted: their receipts say
// that nobody knows, and that they may be marked.
func TestDeletionInDoubt(t *testing.T) {
	server, _ := filled(t, 3, imaptest.Options{})
	rules := []imaptest.Rule{imaptest.DropAnswer("UID EXPUNGE", 1)}
	for n := 2; n < 60; n++ {
		rules = append(rules, imaptest.CutCommand("LOGIN", n), imaptest.CutCommand("AUTHENTICATE", n))
	}
	line := imaptest.NewFaultProxy(t, server.Addr(), rules...)
	host, port, err := net.SplitHostPort(line.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: 20 * time.Second}, Retry: imapconn.RetryOptions{Max: 1, MaxWait: time.Millisecond}, Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	var out bytes.Buffer
	opt := Options{AllowDelete: true, MaxDelete: anyShare(t), Progress: progress.None{}, Warn: t.Logf}
	_, err = Run(t.Context(), conn, opt, stream.NewReader(bytes.NewReader(planAt(t, line.Addr(), deletionPlan(t, forJoe, deletionOf(t, 0), deletionOf(t, 2)))), false), &out)
	if exit.CodeOf(err) == exit.OK || bytes.Count(out.Bytes(), []byte(`"result":"failed"`)) != 2 || bytes.Count(out.Bytes(), []byte(`"in-doubt"`)) != 2 || bytes.Count(out.Bytes(), []byte(`may be marked \\Deleted`)) != 2 {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
}
