package push

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// planOfTwo writes a plan of several streams, each with one message for A and one
// for B.
func planOfTwo(t *testing.T, streams int) []byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	must(err)
	var out bytes.Buffer
	for n := range streams {
		w := stream.NewWriter(&out, stream.WriterOptions{})
		must(w.Write(&stream.Begin{Content: stream.Full, Plan: true, User: "joe", Host: "old", TargetUser: "joe", TargetHost: "127.0.0.1", Key: headerkey.Default}))
		for _, name := range []string{"A", "B"} {
			must(w.Write(&stream.Folder{Name: name, Delimiter: "/", UIDValidity: 5, UIDNext: 99, Octets: -1, Target: name}))
		}
		for _, name := range []string{"A", "B"} {
			octets := letter{id: fmt.Sprint(name, n), body: "text", date: n}.octets()
			scan := headerkey.NewScanner(recipe)
			scan.Write(octets)
			m := &stream.Message{Folder: name, UIDValidity: 5, UID: uint64(n + 1), Target: name, Key: scan.Sum().Key}
			m.SetBody(octets)
			must(w.Write(m))
		}
		must(w.End(&stream.End{Plan: true, Listed: 2}))
		must(w.Close())
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
