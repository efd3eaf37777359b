package imapconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// talker is a server that says something in place of the answer to commands
// that begin with when.
func talker(t *testing.T, when, noise string, noises int, reply string) *script {
	return newScript(t, multiCaps, rule{when: when, noise: noise, noises: noises, reply: reply})
}

// chatty are commands, what a server may say for ever in place of their
// answers, and what it answers at last.
var chatty = []struct {
	name, when, noise, reply string
	ask                      func(context.Context, *Session) error
}{
	{"EXAMINE", "EXAMINE", "* OK still here\r\n", "* 0 EXISTS\r\nTAG OK\r\n", examineBox},
	{"EXAMINE, empty lines", "EXAMINE", "\r\n", "* 0 EXISTS\r\nTAG OK\r\n", examineBox},
	{"EXAMINE, continuations", "EXAMINE", "+ go on\r\n", "* 0 EXISTS\r\nTAG OK\r\n", examineBox},
	{"LIST", `LIST "" "*"`, "* 7 EXISTS\r\n", "TAG OK\r\n", func(ctx context.Context, s *Session) error {
		_, err := s.List(ctx, 0)
		return err
	}},
	{"SEARCH", "UID SEARCH", "* SEARCH\r\n", "TAG OK\r\n", func(ctx context.Context, s *Session) error {
		x, err := s.Examine(ctx, "box")
		if err == nil {
			_, err = x.Search(ctx, nil)
		}
		return err
	}},
	{"STATUS", "STATUS", "* OK still here\r\n", "* STATUS box (MESSAGES 1)\r\nTAG OK\r\n", func(ctx context.Context, s *Session) error {
		_, err := s.Status(ctx, []Mailbox{{Wire: "box"}}, false)
		return err
	}},
	{"CREATE", "CREATE", "* OK still here\r\n", "TAG OK\r\n", func(ctx context.Context, s *Session) error { return s.Create(ctx, "box") }},
	{"APPEND", "APPEND", "* OK still here\r\n", "TAG OK\r\n", func(ctx context.Context, s *Session) error {
		return s.Append(ctx, "box", []AppendMessage{message("a")}, func(int, AppendResult) {}, nil)
	}},
	{"FETCH", "UID FETCH", "* 1 FETCH (UID 99 FLAGS (a) BODY[] {3}\r\nabc)\r\n", "* 1 FETCH (UID 1 FLAGS () BODY[] {1}\r\na)\r\nTAG OK\r\n", fetchOne},
	{"FETCH of parts", "UID FETCH", "* 1 FETCH (UID 1 BODY[] NIL)\r\n", "* 1 FETCH (UID 1 FLAGS () BODY[] {1}\r\na)\r\nTAG OK\r\n", fetchOne},
}

func examineBox(ctx context.Context, s *Session) error {
	_, err := s.Examine(ctx, "box")
	return err
}

func fetchOne(ctx context.Context, s *Session) error {
	x, err := s.Examine(ctx, "box")
	if err != nil {
		return err
	}
	return x.Fetch(ctx, []uint64{1}, Items{Flags: true, Body: true}, 100, func(m *Message) error {
		if m.State != Have {
			return exit.Errorf(exit.Temporary, "%s", m.Reason)
		}
		return nil
	})
}

// TestChatter: a server that says something for ever, and never the answer,
// does not hold us for ever.
func TestChatter(t *testing.T) {
	for _, test := range chatty {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			session := talker(t, test.when, test.noise, 0, "").open()
			session.o.Network.Timeout = 30 * time.Millisecond
			session.c.socket.timeout = session.o.Network.Timeout
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := test.ask(ctx, session); exit.CodeOf(err) != exit.Temporary {
				t.Errorf("%v, code %d", err, exit.CodeOf(err))
			}
		})
	}
}

// TestChatterBeforeAnswer: one that does so to show that it is at work gets
// more than its timeout.
func TestChatterBeforeAnswer(t *testing.T) {
	for _, test := range chatty {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			session := talker(t, test.when, test.noise, 220, test.reply).open(func(o *Options) { o.Network.Timeout = time.Second })
			if err := test.ask(context.Background(), session); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestChatterIsNamed(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(ours, &Options{Host: "h", Network: NetworkOptions{Timeout: time.Hour}})
	c.socket.start = time.Now().Add(-24 * time.Hour)
	_, err := c.next()
	if exit.CodeOf(err) != exit.Temporary || !errors.Is(err, errNoAnswer) || err.Error() != "connection to h lost: the server talks, but 10 times the timeout brought no answer" {
		t.Error(err)
	}
}

// TestChatterAtLogout: there is nothing to be patient for.
func TestChatterAtLogout(t *testing.T) {
	t.Parallel()
	session := talker(t, "LOGOUT", "* OK still here\r\n", 0, "").open(func(o *Options) { o.Network.Timeout = time.Hour })
	session.Close()
}

// TestLongLiteral: patience that has run out waits for the end of a body that
// was asked for, whether it is kept or not, and for nothing that follows.
func TestLongLiteral(t *testing.T) {
	for name, test := range map[string]struct {
		item    string
		maxBody int64
		whole   bool
	}{
		"kept":            {"BODY[]", 4 << 20, true},
		"too large":       {"BODY[]", 10, true},
		"not asked for":   {"BODY[TEXT]", 4 << 20, false},
		"by another name": {"RFC822", 4 << 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			go func() {
				fmt.Fprintf(theirs, "* 1 FETCH (UID 1 %s {%d}\r\n%s)\r\n", test.item, 3<<20, strings.Repeat("x", 3<<20))
				io.WriteString(theirs, "* OK still here\r\n")
			}()
			c := newConn(ours, &Options{Host: "h", Network: NetworkOptions{Timeout: time.Hour}})
			c.socket.start = time.Now().Add(-24 * time.Hour)
			told := c.arriving
			c.arriving = func() {
				told()
				c.socket.useful.Store(0) // a day ago
			}
			c.progress()
			_, err := c.receive()
			if err != nil {
				t.Fatal(err)
			}
			if !test.whole {
				c.socket.useful.Store(0)
			}
			var m fetched
			err = c.fetch.read(&m, &wanted{Items: Items{Body: true}, maxBody: test.maxBody})
			if test.whole != (err == nil) || test.whole && m.Literal != 3<<20 {
				t.Errorf("%v, %d octets", err, m.Literal)
			}
			if err == nil {
				_, err = c.receive()
			}
			if !errors.Is(err, errNoAnswer) {
				t.Error("what follows:", err)
			}
		})
	}
}
