package imapconn

import (
	"context"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// Session is an account on a server. It outlives its connection: methods that
// are said to resume connect again, with the same options and the password
// asked anew, and go on where they were. A Session is used by one goroutine at
// a time.
//
// It has a method for each command that is not about a selected mailbox, which is
// why they are many. What they need of each other is in types of their own.
type Session struct {
	link
	part    []byte // the buffer of FetchPart
	caution int    // messages that Append sends alone, after a BAD
	fatal   int    // folders in a row at which the connection ended each time
}

func newSession(o Options) *Session {
	o.secrets = &secrets{}
	s := &Session{link: link{o: o, quirks: &quirks{accepted: &acceptedWords{}}}}
	s.warn = s.o.warn
	s.retrier = retrier{o: &s.o, delays: o.Retry.delays(), endSession: s.link.endSession}
	return s
}

// Open connects and logs in. Errors carry a kind: those of Options.Check,
// 69 if there is no connection, 75 if the server turns us away for now, 76 for
// TLS and protocol, 77 if the login is refused.
func Open(ctx context.Context, o Options) (*Session, error) {
	s := newSession(o)
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Another is Open for one more connection to the account of s, in the background: it
// knows what s has learned of the server, and is tried once, for what a server refuses
// may be the number of connections. opened is called from another goroutine.
func (s *Session) Another(ctx context.Context, opened func(*Session, error)) {
	o := s.o
	warn := o.Warn
	o.Warn = nil // the first connection has said it
	another := newSession(o)
	*another.quirks = s.quirks.clone(another.o.warn)
	go func() {
		err := another.connect(ctx)
		another.o.Warn = warn
		if err != nil {
			another = nil
		}
		opened(another, err)
	}()
}

// causeOf prefers the reason for which ctx ended to what the connection made
// of it.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// farewell is how long the answer to LOGOUT is waited for.
const farewell = 2 * time.Second

// Close logs out, without waiting long, and ends the connection.
func (s *Session) Close() {
	s.unstage()
	if s.c.err != nil {
		return
	}
	defer time.AfterFunc(min(s.c.socket.timeout, farewell), s.c.socket.interrupt).Stop()
	s.c.run(s.c.command("LOGOUT"), nil)
	s.c.close(errors.New("session closed"))
}

// Capabilities returns what the server offers after login, sorted, in upper
// case, without what Options.DisableCaps names.
func (s *Session) Capabilities() []string {
	return s.c.caps.sorted()
}

// Has reports whether the server offers a capability.
func (s *Session) Has(capability imap.Cap) bool { return s.c.caps.has(capability) }

// Limit returns n of a capability NAME=n, as in APPENDLIMIT (RFC 7889) and
// MESSAGELIMIT (RFC 9738); -1 if the server does not say.
func (s *Session) Limit(name string) int64 { return s.c.caps.limit(name) }

// Namespace returns the personal namespace (RFC 2342), or what the options say.
func (s *Session) Namespace() folder.Namespace { return s.spaces.personal }

// Connected reports whether the connection was there when it was used last. One over
// which something is staged has no end before that is over.
func (s *Session) Connected() bool { return s.stage != nil || s.c.err == nil }

// Alive reports, without waiting, whether the connection is there.
func (s *Session) Alive() bool { return s.stage != nil || s.c.alive() }

// Noop keeps the connection from being closed for idleness. It does not
// connect again.
func (s *Session) Noop(ctx context.Context) error {
	if s.stage != nil {
		return nil
	}
	defer s.c.watch(ctx)()
	_, err := s.c.run(s.c.command("NOOP"), nil)
	return causeOf(ctx, err)
}
