package imapconn

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// Session is an account on a server. It outlives its connection: methods that
// are said to resume connect again, with the same options and the password
// asked anew, and go on where they were. A Session is used by one goroutine at
// a time.
type Session struct {
	o        Options
	c        *conn
	tried    *conn // the last one begun; nil if there was none
	selected *Selected
	spaces   namespaces
	limits   map[string]int64 // APPENDLIMIT by mailbox, see AppendLimit

	fatalStates   bool   // the connection was lost when LIST asked for states
	part          []byte // the buffer of FetchPart
	caution       int    // messages that Append sends alone, after a BAD
	accepted      acceptedWords
	backOffs      int // waits in a row for a busy server
	fatal         int // folders in a row at which the connection ended each time
	sets          setLength
	sizeTolerance sizeTolerance

	delays []time.Duration // before attempts to connect again
	warned map[string]bool // what was said by warnOnce
}

// Open connects and logs in. Errors carry an exit code: those of Options.Check,
// 69 if there is no connection, 75 if the server turns us away for now, 76 for
// TLS and protocol, 77 if the login is refused.
func Open(ctx context.Context, o Options) (*Session, error) {
	o.secrets = &secrets{}
	s := &Session{o: o, delays: o.delays()}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// enter connects for the first time.
func (s *Session) enter(ctx context.Context) error {
	if err := s.o.Check(); err != nil {
		return err
	}
	for {
		err := s.connect(ctx)
		if err == nil {
			return nil
		}
		if again, held := s.backOffConnecting(ctx, err); !again || held != nil || ctx.Err() != nil {
			return causeOf(ctx, cmp.Or(held, err))
		}
	}
}

// connect connects and logs in. What a server refuses here is the connection,
// not the command for which it is wanted: nobody finds an *imap.Error in the
// error and takes it for an answer to his own.
func (s *Session) connect(ctx context.Context) error {
	err := s.establish(ctx)
	var no *imap.Error
	if errors.As(err, &no) {
		return &exit.Error{Code: exit.CodeOf(err), Err: &connectRefusal{err.Error(), no}, Hint: exit.HintOf(err)}
	}
	return err
}

func (s *Session) establish(ctx context.Context) error {
	secret, err := s.o.secret(ctx)
	if err != nil {
		return err
	}
	s.o.secrets.add(secret)
	if s.o.Proxy != nil {
		s.o.secrets.add(s.o.Proxy.Password)
	}
	c, err := dial(ctx, &s.o)
	s.tried = c
	if err != nil {
		return err
	}
	defer c.watch(ctx)()
	s.c, s.selected = c, nil
	c.step = LoggingIn
	s.warnClear(c)
	if err := logIn(c, &s.o, secret); err != nil {
		c.close(err)
		return err
	}
	c.step = Entering
	err = identify(c, &s.o)
	if err == nil {
		err = s.namespace(ctx)
	}
	if err == nil {
		err = s.compress()
	}
	if err != nil {
		c.close(err)
		return err
	}
	c.step = Ready
	return nil
}

// reconnect is connect for an account that was open before. A token that is
// refused now may have expired on the way: it is asked for once more.
func (s *Session) reconnect(ctx context.Context) error {
	err := s.connect(ctx)
	if s.o.Token != nil && exit.CodeOf(err) == exit.Login {
		err = s.connect(ctx)
	}
	return err
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
func (s *Session) Has(capability string) bool { return s.c.caps.has(capability) }

// Limit returns n of a capability NAME=n, as in APPENDLIMIT (RFC 7889) and
// MESSAGELIMIT (RFC 9738); -1 if the server does not say.
func (s *Session) Limit(name string) int64 { return s.c.caps.limit(name) }

// Namespace returns the personal namespace (RFC 2342), or what the options say.
func (s *Session) Namespace() folder.Namespace { return s.spaces.personal }

// Alive tells, without waiting, whether the connection is there.
func (s *Session) Alive() bool { return s.c.alive() }

// Noop keeps the connection from being closed for idleness. It does not
// connect again.
func (s *Session) Noop(ctx context.Context) error {
	defer s.c.watch(ctx)()
	_, err := s.c.run(s.c.command("NOOP"), nil)
	return causeOf(ctx, err)
}

// live returns a usable connection, a new one if need be.
func (s *Session) live(ctx context.Context) (*conn, error) {
	if s.c.err == nil {
		return s.c, nil
	}
	if err := s.restore(ctx); err != nil {
		return nil, err
	}
	return s.c, nil
}

// attempts is how often a command is begun anew on a new connection.
const attempts = 3

// do runs f on a live connection, again on a new one when the connection is
// lost, and again after a pause when the server is busy: f must be fit for that.
func (s *Session) do(ctx context.Context, f func(*conn) error) error {
	var err error
	for lost := 0; lost < attempts; {
		var c *conn
		if c, err = s.live(ctx); err != nil {
			return err
		}
		err = func() error {
			defer c.watch(ctx)()
			return f(c)
		}()
		switch {
		case err == nil:
			s.resetBackOff()
			return nil
		case ctx.Err() != nil:
			return causeOf(ctx, err)
		case isLost(err):
			lost++
			continue
		}
		if again, held := s.mayRetry(ctx, err); !again || held != nil {
			return cmp.Or(held, err)
		}
	}
	return exit.Wrap(exit.Temporary, err)
}

// warnOnce warns of something that each listing or connection would find again.
func (s *Session) warnOnce(text string) {
	if s.warned[text] {
		return
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[text] = true
	s.o.warn(text)
}
