package imapconn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

// An APPEND of many messages (RFC 3502) stores all of them or none, and none before its
// last CRLF. So all the rest of it can go out while the messages before it are still
// being stored over another connection: the order in the mailbox is that in which the
// ends go out.

// stage is an APPEND command of which all but the end has gone out, or is going out, in
// the background. Until then it owns the session's connection.
type stage struct {
	c    *conn
	wire string
	msgs []AppendMessage
	done chan struct{} // what follows is there

	box  *Selected // the mailbox, as it was opened for this; nil: it was not
	a    *appender
	sent *appendCommand // nil: nothing was sent
}

// Stage sends an APPEND of messages but for its end, in the background, after it has
// opened the mailbox unless box is that. Append of the very same messages sends the
// end. Whatever else the Session is asked for gives the APPEND up: it ends the
// connection, and nothing was stored. Bodies are read meanwhile.
//
// Where the server has no MULTIAPPEND, or one of the messages should not go before the
// server's consent, nothing is sent, and Append does what it does without Stage.
func (s *Session) Stage(wire string, box *Selected, msgs []AppendMessage) {
	s.unstage()
	if s.c.err != nil || s.caution > 0 || !s.c.caps[imap.CapMultiAppend] {
		return
	}
	st := &stage{c: s.c, wire: wire, msgs: msgs, done: make(chan struct{})}
	s.stage = st
	go st.run(s, box)
}

func (st *stage) run(s *Session, box *Selected) {
	defer close(st.done)
	if time.Since(st.c.idle) > longIdle { // it may have been closed
		if _, err := st.c.run(st.c.command("NOOP"), nil); err != nil {
			return
		}
	}
	if box == nil || s.c.selected != box {
		var err error
		if st.box, err = s.openOn(st.c, "SELECT", st.wire, false); err != nil || st.box.ReadOnly {
			return
		}
	}
	limit, known := s.knownAppendLimit(st.wire)
	if !known {
		var err error
		if limit, err = askAppendLimit(st.c, st.wire); err != nil {
			return
		}
	}
	a := newAppender(context.Background(), s, st.wire, st.msgs, limit)
	list := a.plainRun(0)
	trusted := st.c.caps.literal() == 0 || s.accepted.trustsLiterals()
	if len(list) < len(st.msgs) || !trusted {
		return
	}
	st.a, st.sent = a, a.begin(st.c, list, nil, false)
	if st.sent.err == nil {
		st.sent.err = st.c.bw.Flush()
	}
	st.c.socket.hold(true)
}

// HasStage reports whether something is staged, or is going to be.
func (s *Session) HasStage() bool { return s.stage != nil }

// IsStaged waits until what Stage sends is out. It reports whether Append of these
// messages would send nothing but the end.
func (s *Session) IsStaged() bool {
	if s.stage == nil {
		return false
	}
	<-s.stage.done
	return s.stage.sent != nil
}

// StagedBox returns the mailbox as Stage has opened it, nil if it has not. IsStaged has
// waited for that.
func (s *Session) StagedBox() *Selected { return s.stage.box }

// Unstage gives up what was staged, if there is anything.
func (s *Session) Unstage() { s.unstage() }

// InterruptStage ends the connection over which something is staged. It may be called
// from another goroutine as long as nobody uses the Session.
func (s *Session) InterruptStage() {
	if s.stage != nil {
		s.stage.c.socket.interrupt()
	}
}

// takeStage returns what was staged of messages, or nil. Something else is given up.
func (l *link) takeStage(wire string, msgs []AppendMessage) *stage {
	st := l.stage
	if st == nil {
		return nil
	}
	if st.wire != wire || !slices.EqualFunc(st.msgs, msgs, sameMessage) {
		l.unstage()
		return nil
	}
	<-st.done
	l.stage = nil
	st.c.socket.hold(false)
	if st.sent == nil {
		return nil
	}
	return st
}

// unstage gives up what was staged.
func (l *link) unstage() {
	st := l.stage
	if st == nil {
		return
	}
	select {
	case <-st.done:
	default:
		st.c.socket.interrupt()
		<-st.done
	}
	l.stage = nil
	if st.c.socket.hold(false); st.sent != nil || st.c.socket.interrupted() {
		st.c.close(&lineError{st.c.host, errGivenUp, ""})
	}
}

// errGivenUp is why a connection ended over which an APPEND had been staged.
var errGivenUp = errors.New("given up with a message that was not wanted any more")

func sameMessage(a, b AppendMessage) bool {
	return a.Body == b.Body && a.Size == b.Size && a.InternalDate == b.InternalDate && slices.Equal(a.Flags, b.Flags)
}
