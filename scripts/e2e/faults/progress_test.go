package faults

import (
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestStatusOnSignal: SIGUSR1 tells how far a command is, in a pipe and without
// a terminal too, and ends nothing.
func TestStatusOnSignal(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(300))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --folder INBOX $SRC | imap-diff $DST | imap-push $DST`).Wants(0)
	b.Sh(`imap-fetch $SRC -o mail.zst && imap-diff -o plan.zst $DST mail.zst`).Wants(0)
	for name, test := range map[string]struct {
		line  string
		at    harness.Account
		stall string // the command whose answer does not come
		n     int
		says  string
	}{
		"list":  {`imap-list $AT`, src, "LIST", 1, `imap-list: \d+ messages`},
		"fetch": {`imap-fetch $AT`, src, "UID FETCH", 4, `imap-fetch: [1-9]\d*/300 messages`},
		"diff":  {`imap-diff $AT mail.zst`, dst, "UID FETCH", 1, `imap-diff: \d+/300 messages`},
		"push":  {`imap-push $AT plan.zst`, dst, "APPEND", 60, `imap-push: [1-9]\d*/300 messages`},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := imaptest.NewFaultProxy(t, test.at.Addr, imaptest.StallAnswer(test.stall, test.n, 0))
			s := b.With("AT", test.at.By(proxy.Addr()).Options()).Start(test.line, "cat")
			for proxy.Fired() == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			// What came before the stall is counted a moment later, and signals
			// that wait together have no order.
			says, end := regexp.MustCompile(test.says), time.Now().Add(20*time.Second)
			for !says.MatchString(s.Errors[0].String()) && time.Now().Before(end) {
				s.Cmds[0].Process.Signal(syscall.SIGUSR1)
				time.Sleep(300 * time.Millisecond)
			}
			for range 2 {
				s.Cmds[0].Process.Signal(syscall.SIGINT)
				time.Sleep(100 * time.Millisecond)
			}
			if codes := s.Wait(20 * time.Second); codes[0] != 130 {
				t.Errorf("%v\n%s", codes, s)
			}
			if said := s.Errors[0].String(); !says.MatchString(said) {
				t.Errorf("it says %q, want %s", said, test.says)
			}
		})
	}
}

// TestProgressForPrograms: one JSON object a line, and a last one that is done
// and has counted all.
func TestProgressForPrograms(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(300))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --folder INBOX $SRC | imap-diff $DST | imap-push $DST`).Wants(0)
	for name, line := range map[string]string{
		"imap-list":  `imap-list --progress ndjson $SRC`,
		"imap-fetch": `imap-fetch --progress ndjson -o mail.zst $SRC`,
		"imap-diff":  `imap-fetch $SRC | imap-diff --progress ndjson -o plan.zst $DST`,
		"imap-push":  `imap-fetch $SRC | imap-diff $DST | imap-push --progress ndjson $DST`,
	} {
		o := b.Sh(line).Wants(0)
		var last struct {
			Type, Command string
			Messages      int
			Total         int `json:"total_messages"`
			Done          bool
		}
		for line := range strings.Lines(o.Stderr) {
			if strings.HasPrefix(line, "{") {
				last.Total, last.Done = 0, false
				if err := json.Unmarshal([]byte(line), &last); err != nil {
					t.Errorf("%s: %q: %v", name, line, err)
				}
			}
		}
		if last.Type != "progress" || last.Command != name || !last.Done || last.Messages != 300 || name != "imap-list" && last.Total != 300 {
			t.Errorf("%s ends with %+v\n%s", name, last, o)
		}
	}
}

// TestQuietInAPipe: without a terminal nothing is drawn, and the last line is
// the verdict.
func TestQuietInAPipe(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(60))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	o := b.Sh(harness.Straight).Wants(0)
	want := "imap-diff: 60 listed, 0 present, 60 missing, 0 ambiguous, 0 expunged, 0 failed\nimap-push: src@127.0.0.1 -> dst@127.0.0.1: 60 listed = 0 present + 60 appended + 0 rejected\n"
	if harness.Portless(o.Stderr) != want {
		t.Errorf("stderr is %q", o.Stderr)
	}
}
