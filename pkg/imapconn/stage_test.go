package imapconn

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// trusted is open for a session whose server is known to take literals and messages.
func (s *script) trusted() *Session {
	s.t.Helper()
	session := s.open()
	if _, err := appendAll(session, "box", message("first"), message("second")); err != nil {
		s.t.Fatal(err)
	}
	return session
}

// writable is a mailbox that is opened for writing.
var writable = rule{when: "SELECT", reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 9]\r\n* OK [UIDNEXT 4]\r\nTAG OK [READ-WRITE]\r\n"}

func TestStage(t *testing.T) {
	abc := []AppendMessage{message("a", `\Seen`), message("b"), message("c")}
	const whole = "APPEND \"box\" (\\Seen) {1+}\r\na {1+}\r\nb {1+}\r\nc"
	uids := rule{when: "APPEND \"box\" (", reply: "TAG OK [APPENDUID 7 4:6] done\r\n"}

	t.Run("the end goes out with Append", func(t *testing.T) {
		server := newScript(t, multiCaps, writable, uids)
		session := server.trusted()
		session.Stage("box", nil, abc)
		if !session.IsStaged() || session.StagedBox() == nil {
			t.Fatal("nothing is staged")
		}
		if n := len(server.sent("APPEND")); n != 1 {
			t.Fatalf("%d commands have ended, and not one", n)
		}
		told, err := appendAll(session, "box", abc...)
		if err != nil {
			t.Fatal(err)
		}
		equalLists(t, told, []string{"0 uid 7/4", "1 uid 7/5", "2 uid 7/6"})
		equalLists(t, server.sent("APPEND")[1:], []string{whole})
	})

	t.Run("there is no timeout before that", func(t *testing.T) {
		server := newScript(t, multiCaps, writable, uids)
		session := server.trusted()
		session.c.socket.timeout = 200 * time.Millisecond
		session.Stage("box", nil, abc)
		session.IsStaged()
		time.Sleep(time.Second)
		if _, err := appendAll(session, "box", abc...); err != nil {
			t.Fatal(err)
		}
		equalLists(t, server.sent("APPEND")[1:], []string{whole})
	})

	for name, other := range map[string]func(*Session) error{
		"other messages": func(s *Session) error { _, err := appendAll(s, "box", abc[1:]...); return err },
		"other flags": func(s *Session) error {
			_, err := appendAll(s, "box", message("a"), abc[1], abc[2])
			return err
		},
		"another command": func(s *Session) error { _, err := s.Select(context.Background(), "box"); return err },
	} {
		t.Run(name+" gives it up", func(t *testing.T) {
			server := newScript(t, multiCaps, writable)
			session := server.trusted()
			session.Stage("box", nil, abc)
			if !session.IsStaged() {
				t.Fatal("nothing is staged")
			}
			if err := other(session); err != nil {
				t.Fatal(err)
			}
			for _, sent := range server.sent("APPEND") {
				if sent == whole {
					t.Error("it was ended")
				}
			}
			if session.HasStage() {
				t.Error("it is staged still")
			}
		})
	}

	for name, test := range map[string]struct {
		caps  string
		first bool // the server has taken a message before
		msgs  []AppendMessage
	}{
		"no MULTIAPPEND":            {plusCaps, true, abc},
		"a server not known yet":    {multiCaps, false, abc},
		"a keyword that is new":     {multiCaps, true, []AppendMessage{message("a", "NonJunk")}},
		"a date that is not safe":   {multiCaps, true, []AppendMessage{dated("a", "1950-01-01T00:00:00Z")}},
		"a message that is too big": {multiCaps + " APPENDLIMIT=9", true, []AppendMessage{message("ten octets")}},
	} {
		t.Run(name+": nothing is sent", func(t *testing.T) {
			server := newScript(t, test.caps, writable)
			session := server.open()
			if test.first {
				session = server.trusted()
			}
			before := len(server.sent("APPEND"))
			session.Stage("box", nil, test.msgs)
			if session.IsStaged() || len(server.sent("APPEND")) != before {
				t.Error("it was staged")
			}
			if told, err := appendAll(session, "box", test.msgs...); err != nil || len(told) != len(test.msgs) {
				t.Error(told, err)
			}
		})
	}

	t.Run("a connection lost before the end is in doubt", func(t *testing.T) {
		server := newScript(t, multiCaps, writable)
		session := server.trusted()
		session.Stage("box", nil, abc)
		session.IsStaged()
		session.InterruptStage()
		_, err := appendAll(session, "box", abc...)
		var doubt *InDoubt
		if !errors.As(err, &doubt) || doubt.From != 0 || doubt.To != 3 {
			t.Error(err)
		}
		if told, err := appendAll(session, "box", abc...); err != nil || len(told) != 3 {
			t.Error(told, err)
		}
	})

	t.Run("a refusal is as any other", func(t *testing.T) {
		server := newScript(t, multiCaps, writable, rule{when: whole, reply: "TAG NO not so\r\n", times: 1})
		session := server.trusted()
		session.Stage("box", nil, abc)
		session.IsStaged()
		told, err := appendAll(session, "box", abc...)
		if err != nil {
			t.Fatal(err)
		}
		equalLists(t, told, []string{"0", "1", "2"})
	})
}

func TestAnother(t *testing.T) {
	server := newScript(t, multiCaps, writable)
	session := server.trusted()
	opened := make(chan *Session)
	session.Another(context.Background(), func(another *Session, err error) {
		if err != nil {
			t.Error(err)
		}
		opened <- another
	})
	another := <-opened
	another.Stage("box", nil, []AppendMessage{message("a")})
	if !another.IsStaged() {
		t.Error("it does not know what the first has learned")
	}
	another.Close()
	session.Close()
}

// The time in which a server was not to answer is none in which it has been silent.
func TestTimeoutAfterAHold(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := newTimeoutConn(near, time.Second)
	defer c.Close()
	c.hold(true)
	time.AfterFunc(700*time.Millisecond, func() { c.hold(false) })
	time.AfterFunc(1300*time.Millisecond, func() { far.Write([]byte("x")) })
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
