package push

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// overSeveral pushes a plan over as many as four connections, and gives up a command
// that the server refuses for now at once.
func overSeveral(t *testing.T, addr string, plan []byte, opt Options) (*Outcome, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None},
		Retry:   imapconn.RetryOptions{Max: imapconn.NoRetries},
		Network: imapconn.NetworkOptions{Timeout: 20 * time.Second, Connections: 4},
		Login:   imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	opt.Progress, opt.Warn = progress.None{}, t.Logf
	var out bytes.Buffer
	return Run(t.Context(), conn, opt, stream.NewReader(bytes.NewReader(planAt(t, addr, plan)), false), &out)
}

// planForTwo writes a plan for two folders.
func planForTwo(t *testing.T, first, second []letter) []byte {
	t.Helper()
	var out bytes.Buffer
	p := beginPlan(t, &out)
	names := []string{"INBOX", "Two"}
	for _, name := range names {
		p.write(&stream.Folder{Name: name, Delimiter: "/", UIDValidity: 5, UIDNext: 999, Octets: -1, Target: name,
			TargetUIDValidity: 1001, TargetUIDNext: 1})
	}
	for k, letters := range [][]letter{first, second} {
		for i, l := range letters {
			p.message(&stream.Message{Folder: names[k], UIDValidity: 5, UID: uint64(i + 1), Target: names[k],
				Flags: []string{`\Seen`}, InternalDate: l.arrived().Format(time.RFC3339)}, l.octets())
		}
	}
	p.end()
	return out.Bytes()
}

// twoFolders are INBOX and Two, empty, as planForTwo has them.
func twoFolders() *imaptest.ScriptStore {
	store := &imaptest.ScriptStore{}
	store.Folder("INBOX").UIDValidity = 1001
	store.Folder("Two").UIDValidity = 1001
	return store
}

// deliver puts a message into a folder.
func deliver(store *imaptest.ScriptStore, folder string, l letter) {
	store.Add(folder, &imaptest.ScriptMessage{Date: l.arrived().Format(imaptest.InternalDateLayout), Octets: string(l.octets())})
}

// A folder that was looked at before its turn, in vain because the server was busy, is
// looked at again: what came to it since the plan was made is not appended again.
func TestFolderThatCouldNotBeLookedAtAhead(t *testing.T) {
	store := twoFolders()
	all := numbered(50)
	first, second := all[:40], all[40:]
	for _, l := range second {
		deliver(store, "Two", l)
	}
	server := &imaptest.Script{Store: store}
	server.Rules = []*imaptest.ScriptRule{
		{When: imaptest.Matching(`SELECT "?Two`), Play: func(r *imaptest.Reply) {
			r.Remember("two")
			r.Write([]byte(r.Well()))
		}},
		{When: imaptest.Matching(`UID FETCH.*(INTERNALDATE|FLAGS|BODY)|UID SEARCH UID`), If: "two", Times: 3, Play: func(r *imaptest.Reply) {
			r.Say("TAG NO [LIMIT] Too many commands, slow down\r\n")
		}},
	}
	outcome, err := overSeveral(t, server.Start(t).Addr(), planForTwo(t, first, second), Options{sleep: quick})
	if n := len(store.Messages("Two")); err != nil || n != len(second) {
		t.Errorf("%s, %v: %d messages, and not %d", outcome, err, n, len(second))
	}
}

// A folder that comes later takes long to look at: what others put meanwhile where the
// batch goes whose turn it is does not go there again.
func TestFolderThatTakesLongAhead(t *testing.T) {
	for range 10 {
		if pushWhileOneComes(t) {
			return
		}
	}
	t.Error("the second folder was never looked at before the message went that comes to the first")
}

// pushWhileOneComes has a message of the first folder come there while the second is
// looked at. On a machine that is busy that may be after it was appended, and shows
// nothing: then it returns false.
func pushWhileOneComes(t *testing.T) bool {
	t.Helper()
	store := twoFolders()
	all := numbered(50)
	first, second := all[:40], all[40:]
	const comes = 30
	var before atomic.Int64 // messages that were there when it came
	server := &imaptest.Script{Store: store}
	server.Rules = []*imaptest.ScriptRule{{When: imaptest.Matching(`SELECT "?Two`), Times: 1, Play: func(r *imaptest.Reply) {
		time.Sleep(1200 * time.Millisecond)
		before.Store(int64(len(store.Messages("INBOX"))))
		deliver(store, "INBOX", first[comes])
		r.Write([]byte(r.Well()))
	}}}
	outcome, err := overSeveral(t, server.Start(t).Addr(), planForTwo(t, first, second), Options{sleep: quick})
	if before.Load() > comes {
		return false
	}
	if n := len(store.Messages("INBOX")); err != nil || n != len(first) {
		t.Errorf("%s, %v: %d messages, and not %d; %d were there when another came", outcome, err, n, len(first),
			before.Load())
	}
	return true
}

// Another run appends a message of a batch that was sent ahead: that batch is given up,
// and the message is not there twice.
func TestOneOfABatchSentAheadArrives(t *testing.T) {
	store := twoFolders()
	all := numbered(700)
	server := &imaptest.Script{Store: store}
	var commands atomic.Int64
	server.Rules = []*imaptest.ScriptRule{{When: imaptest.Matching(`APPEND "?INBOX`), Play: func(r *imaptest.Reply) {
		if commands.Add(1) == 4 { // those of the first batches are small
			deliver(store, "INBOX", all[500])
		}
		r.Write([]byte(r.Well()))
	}}}
	outcome, err := overSeveral(t, server.Start(t).Addr(), planForTwo(t, all, numbered(5)), Options{sleep: quick})
	if n := len(store.Messages("INBOX")); err != nil || n != len(all) || commands.Load() < 6 {
		t.Errorf("%s, %v: %d messages after %d commands, and not %d", outcome, err, n, commands.Load(), len(all))
	}
}
