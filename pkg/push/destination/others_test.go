package destination

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// connected is a session with a script that may use so many connections.
func connected(t *testing.T, server *imaptest.Script, most int) *Session {
	t.Helper()
	host, port, err := net.SplitHostPort(server.Start(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None},
		Network: imapconn.NetworkOptions{Timeout: 20 * time.Second, Connections: most},
		Login:   imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	s := NewSession(t.Context(), conn, NewDirectory(), most)
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// another waits until there is another connection that has nothing to do.
func another(t *testing.T, s *Session) {
	t.Helper()
	for range 1000 {
		if s.CanStage() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("there is no other connection")
}

func letters(texts ...string) (ms []imapconn.AppendMessage) {
	for _, text := range texts {
		ms = append(ms, imapconn.AppendMessage{Size: int64(len(text)), Body: strings.NewReader(text)})
	}
	return ms
}

// A connection that ends while something is sent ahead over it is looked at when that
// is over. The race detector sees to it.
func TestConnectionThatEndsAhead(t *testing.T) {
	store := &imaptest.ScriptStore{}
	store.Folder("INBOX").UIDValidity = 1001
	server := &imaptest.Script{Store: store}
	server.Rules = []*imaptest.ScriptRule{{When: imaptest.Matching("SELECT"), Play: func(r *imaptest.Reply) {
		time.Sleep(20 * time.Millisecond)
		r.Close()
	}}}
	s := connected(t, server, 2)
	another(t, s)
	f := s.Folder("INBOX")
	staged := s.Stage(f, letters("a", "b"))
	for range 50 {
		s.CanStage()
		time.Sleep(time.Millisecond)
	}
	if s.Take(staged, f) {
		t.Error("it was taken")
	}
	another(t, s)
}
