package imapconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// link is the connection to an account, made again when it is lost. It owns all
// that is of one connection; what is learned of the server is apart from it.
type link struct {
	o     Options
	c     *conn
	tried *conn  // the last one begun; nil if there was none
	stage *stage // an APPEND that has the connection; nil: none has
	retrier
	*quirks
}

// endSession ends a session that the server has lost.
func (l *link) endSession() {
	if l.c != nil && l.c.step == Ready {
		l.c.lost(errors.New("the server has lost the session"))
	}
}

// enter connects for the first time.
func (l *link) enter(ctx context.Context) error {
	if err := l.o.Check(); err != nil {
		return err
	}
	for {
		err := l.connect(ctx)
		if err == nil {
			return nil
		}
		if again, held := l.backOffConnecting(ctx, err); !again || held != nil || ctx.Err() != nil {
			return causeOf(ctx, cmp.Or(held, err))
		}
	}
}

// connect connects and logs in. What a server refuses here is the connection,
// not the command for which it is wanted: nobody finds an *imap.Error in the
// error and takes it for an answer to his own.
func (l *link) connect(ctx context.Context) error {
	err := l.establish(ctx)
	var no *imap.Error
	if errors.As(err, &no) {
		return fault.Instead(err, &connectRefusal{err.Error(), no})
	}
	return err
}

func (l *link) establish(ctx context.Context) error {
	secret, err := l.o.secret(ctx)
	if err != nil {
		return err
	}
	l.o.secrets.add(secret)
	if l.o.Network.Proxy != nil {
		l.o.secrets.add(l.o.Network.Proxy.Password)
	}
	c, err := dial(ctx, &l.o)
	l.tried = c
	if err != nil {
		return err
	}
	defer c.watch(ctx)()
	l.c = c
	c.step = LoggingIn
	l.warnClear(c)
	if err := logIn(c, &l.o, secret); err != nil {
		c.close(err)
		return err
	}
	c.step = Entering
	err = identify(c, &l.o)
	if err == nil {
		err = l.namespace(ctx)
	}
	if err == nil {
		err = l.compress()
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
func (l *link) reconnect(ctx context.Context) error {
	err := l.connect(ctx)
	if l.o.Login.Token != nil && fault.KindOf(err) == fault.Login {
		err = l.connect(ctx)
	}
	return err
}

// live returns a usable connection, a new one if need be.
func (l *link) live(ctx context.Context) (*conn, error) {
	l.unstage()
	if l.c.err == nil {
		return l.c, nil
	}
	if err := l.restore(ctx); err != nil {
		return nil, err
	}
	return l.c, nil
}

// attempts is how often a command is begun anew on a new connection.
const attempts = 3

// do runs f on a live connection, again on a new one when the connection is
// lost, and again after a pause when the server is busy: f must be fit for that.
func (l *link) do(ctx context.Context, f func(*conn) error) error {
	var err error
	for lost := 0; lost < attempts; {
		var c *conn
		if c, err = l.live(ctx); err != nil {
			return err
		}
		err = func() error {
			defer c.watch(ctx)()
			return f(c)
		}()
		switch {
		case err == nil:
			l.resetBackOff()
			return nil
		case ctx.Err() != nil:
			return causeOf(ctx, err)
		case isLost(err):
			lost++
			continue
		}
		if again, held := l.mayRetry(ctx, err); !again || held != nil {
			return cmp.Or(held, err)
		}
	}
	return fault.Wrap(fault.Temporary, err)
}

// longIdle is after how much time a connection may have been closed unnoticed.
const longIdle = 30 * time.Second

// fresh returns a connection that was there a moment ago: what is written to
// one that the server has closed long since would be in doubt.
func (l *link) fresh(ctx context.Context) (*conn, error) {
	c, err := l.live(ctx)
	if err != nil {
		return nil, err
	}
	idle := time.Since(c.idle)
	if idle > longIdle || idle > time.Second && c.alive() && c.waiting() {
		end := c.watch(ctx)
		c.run(c.command("NOOP"), nil) // what waits there may be a BYE
		end()
	}
	return l.live(ctx)
}

// answers reports whether the server answers a command that is about no folder.
func (l *link) answers(ctx context.Context) bool {
	c, err := l.live(ctx)
	if err != nil {
		return false
	}
	defer c.watch(ctx)()
	c.run(c.command("NOOP"), nil)
	return c.err == nil
}

// retryWhileBusy gives a command, while a connection is made ready, until the server is
// not busy. What throttles us is left to those who connect: they wait.
func (l *link) retryWhileBusy(ctx context.Context, command func() error) error {
	for {
		err := command()
		if err == nil {
			l.resetBackOff()
		}
		var no *imap.Error
		if !errors.As(err, &no) || IsBusy(err) || relogin.MatchString(no.Text) {
			return err
		}
		if again, held := l.mayRetry(ctx, err); !again || held != nil {
			return cmp.Or(held, err)
		}
	}
}

// loginTries is how often a login is tried again that was refused after it had
// been taken before: some servers refuse everybody while they are in trouble.
// More could lock the account.
const loginTries = 2

// errUnreachable says that no new connection can be had.
var errUnreachable = errors.New("stays away")

// restore makes a new connection, with pauses between the attempts.
func (l *link) restore(ctx context.Context) error {
	err := l.c.err
	logins := 0
	for _, delay := range l.delays {
		waited, held := l.backOffConnecting(ctx, err)
		if held != nil {
			return held
		}
		if !waited {
			if err := l.sleep(ctx, delay); err != nil {
				return err
			}
		}
		if err = l.reconnect(ctx); err == nil || ctx.Err() != nil {
			return causeOf(ctx, err)
		}
		switch code := fault.KindOf(err); {
		case code == fault.Login && l.o.Login.Token == nil && logins < loginTries: // a token was asked for anew
			if logins++; logins == 1 {
				l.o.warn(fmt.Sprintf("%v; it was taken before, so it is tried again", err))
			}
			if err := l.sleep(ctx, 5*l.second()); err != nil {
				return err
			}
		case code != fault.Unavailable && code != fault.Temporary && !IsGarbled(err):
			return err
		}
	}
	code := fault.Temporary
	if IsGarbled(err) {
		code = fault.Protocol
	}
	return fault.Errorf(code, "%s %w: %w", printable(l.o.Host), errUnreachable, err)
}

// backOffConnecting waits if a server's last words, which err holds, ask for that.
func (l *link) backOffConnecting(ctx context.Context, err error) (waited bool, _ error) {
	no, _ := lastWords(err)
	if no == nil {
		return false, nil
	}
	t := transientOf(no)
	var away *byeError // who turns us away for now means the account, whatever the words
	if t == nil || t.kind != throttled && !errors.As(err, &away) && !relogin.MatchString(no.Text) {
		return false, nil
	}
	again, held := l.backOff(ctx, t, no)
	if held == nil && !again {
		held = fault.Wrap(fault.Temporary, err)
	}
	return again, held
}
