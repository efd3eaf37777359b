package push

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// planOfTwo writes a plan of several streams, each with one message for A and one
// for B.
func planOfTwo(t *testing.T, streams int) []byte {
	t.Helper()
	var out bytes.Buffer
	for n := range streams {
		p := beginPlan(t, &out)
		for _, name := range []string{"A", "B"} {
			p.write(&stream.Folder{Name: name, Delimiter: "/", UIDValidity: 5, UIDNext: 99, Octets: -1, Target: name})
		}
		for _, name := range []string{"A", "B"} {
			octets := letter{id: fmt.Sprint(name, n), body: "text", date: n}.octets()
			p.message(&stream.Message{Folder: name, UIDValidity: 5, UID: uint64(n + 1), Target: name}, octets)
		}
		p.end()
	}
	return out.Bytes()
}

// A plan of several streams goes back to a folder that is not the open one. What
// the server says of its UIDs is held against that folder.
func TestFoldersInTurn(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("A")
	server.Account("joe").AddMailbox("B")
	warn := func(format string, args ...any) { t.Errorf("warned: "+format, args...) }
	_, receipts, err := carryOut(t, server.Addr(), planOfTwo(t, 3), Options{sleep: quick, Warn: warn})
	if err != nil || len(receipts) != 6 {
		t.Fatalf("%d receipts, %v", len(receipts), err)
	}
	for _, r := range receipts {
		if r.TargetUID != r.UID || r.TargetUIDValidity == 0 {
			t.Errorf("%s %d: UID %d of UIDVALIDITY %d", r.Folder, r.UID, r.TargetUID, r.TargetUIDValidity)
		}
	}
}
