package imapconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// How much patience a server is shown, unless the options say otherwise.
const (
	DefaultRetries = 6
	NoRetries      = -1
	DefaultMaxWait = 5 * time.Minute
)

func (o *Options) retries() int {
	if o.Retries == 0 {
		return DefaultRetries
	}
	return max(o.Retries, 0)
}

func (o *Options) maxWait() time.Duration {
	if o.MaxWait > 0 {
		return o.MaxWait
	}
	return DefaultMaxWait
}

// longestDelay bounds the pause before another attempt to connect.
const longestDelay = time.Minute

// delays are the pauses before attempts to connect again, from none on, each
// twice as long as the one before.
func (o *Options) delays() []time.Duration {
	all := make([]time.Duration, o.retries())
	for i := 1; i < len(all); i++ {
		all[i] = min(time.Second<<min(i-1, 10), longestDelay, o.maxWait())
	}
	return all
}

// second is the unit of pauses; a test makes it shorter with its delays.
func (s *Session) second() time.Duration {
	if len(s.delays) > 1 {
		return min(s.delays[1], time.Second)
	}
	return time.Second
}

// sleep waits. What ends it early is the end of ctx, or of Options.RetryContext.
func (s *Session) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	var ended <-chan struct{}
	if s.o.RetryContext != nil {
		ended = s.o.RetryContext.Done()
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ended:
		return context.Cause(s.o.RetryContext)
	case <-timer.C:
		return nil
	}
}

// backOff waits as the kind of refusal requires. again tells that the command may be given
// again; else patience is at its end, and the refusal stands. An error ends all
// waiting.
func (s *Session) backOff(ctx context.Context, t *transient, no *imap.Error) (again bool, err error) {
	most := s.most(t)
	pause, exact := t.delay(s.backOffs+1, s.second(), no.Text)
	switch {
	case s.backOffs >= most:
		s.backOffs = 0
		return false, nil
	case exact && pause > s.o.maxWait():
		s.backOffs = 0
		s.o.warn(fmt.Sprintf("%s asks for a pause of %s, and --max-wait allows %s", printable(s.o.Host), round(pause),
			s.o.maxWait()))
		return false, nil
	}
	s.backOffs++
	if relogin.MatchString(no.Text) && s.c != nil && s.c.step == Ready {
		s.c.lost(errors.New("the server has lost the session"))
	}
	pause = min(pause, s.o.maxWait())
	if pause >= time.Second {
		s.o.warn(fmt.Sprintf("%s is busy: waiting %s (%d of %d): %v", printable(s.o.Host), round(pause), s.backOffs,
			most, &refusal{no}))
	}
	return true, s.sleep(ctx, pause)
}

// most is how often in a row a refusal is tried again.
func (s *Session) most(t *transient) int { return min(s.o.retries(), tries[t.kind]) }

// tries bounds how often a refusal of each kind is tried again.
var tries = map[kind]int{throttled: 1000, busy: 4, defective: 2}

func round(d time.Duration) time.Duration { return d.Round(time.Second / 10) }

// resetBackOff says that a command was carried out: the next refusal is a new one.
func (s *Session) resetBackOff() { s.backOffs = 0 }

// mayRetry reports whether a command that was refused may be given again, after a
// pause.
func (s *Session) mayRetry(ctx context.Context, refusal error) (again bool, err error) {
	no, bye := lastWords(refusal)
	if no == nil || bye {
		return false, nil
	}
	t := transientOf(no)
	if t == nil {
		return false, nil
	}
	return s.backOff(ctx, t, no)
}

// isAnswer reports whether err is a server's refusal of what was asked, so that
// something else may be asked in its place: not one that passes, unless it is a
// defect that lasts.
func (s *Session) isAnswer(err error) bool {
	var no *imap.Error
	if !errors.As(err, &no) {
		return false
	}
	t := transientOf(no)
	return t == nil || t.kind == defective && s.backOffs >= s.most(t)
}

// retryWhileBusy gives a command, while a connection is made ready, until the server is
// not busy. What throttles us is left to those who connect: they wait.
func (s *Session) retryWhileBusy(ctx context.Context, command func() error) error {
	for {
		err := command()
		if err == nil {
			s.resetBackOff()
		}
		var no *imap.Error
		if !errors.As(err, &no) || IsBusy(err) || relogin.MatchString(no.Text) {
			return err
		}
		if again, held := s.mayRetry(ctx, err); !again || held != nil {
			return cmp.Or(held, err)
		}
	}
}

// connectRefusal is a refusal before a connection is ready.
type connectRefusal struct {
	text string
	no   *imap.Error
}

func (e *connectRefusal) Error() string { return e.text }

// byeError is a server that greets with BYE.
type byeError struct{ host, bye string }

func (e *byeError) Error() string {
	return fmt.Sprintf("%s turns us away: %s", printable(e.host), printable(e.bye))
}

// loginTries is how often a login is tried again that was refused after it had
// been taken before: some servers refuse everybody while they are in trouble.
// More could lock the account.
const loginTries = 2

// errUnreachable says that no new connection can be had.
var errUnreachable = errors.New("stays away")

// restore makes a new connection, with pauses between the attempts.
func (s *Session) restore(ctx context.Context) error {
	err := s.c.err
	logins := 0
	for _, delay := range s.delays {
		waited, held := s.backOffConnecting(ctx, err)
		if held != nil {
			return held
		}
		if !waited {
			if err := s.sleep(ctx, delay); err != nil {
				return err
			}
		}
		if err = s.reconnect(ctx); err == nil || ctx.Err() != nil {
			return causeOf(ctx, err)
		}
		switch code := exit.CodeOf(err); {
		case code == exit.Login && s.o.Token == nil && logins < loginTries: // a token was asked for anew
			if logins++; logins == 1 {
				s.o.warn(fmt.Sprintf("%v; it was taken before, so it is tried again", err))
			}
			if err := s.sleep(ctx, 5*s.second()); err != nil {
				return err
			}
		case code != exit.Unavailable && code != exit.Temporary && !IsGarbled(err):
			return err
		}
	}
	code := exit.Temporary
	if IsGarbled(err) {
		code = exit.Protocol
	}
	return exit.Errorf(code, "%s %w: %w", printable(s.o.Host), errUnreachable, err)
}

// opaque hides what is in an error but for its code: a refusal that concerns the
// account must not be taken for one of the folder or message that was asked for.
func opaque(err error) error {
	return &exit.Error{Code: exit.CodeOf(err), Err: errors.New(err.Error()), Hint: exit.HintOf(err)}
}

// backOffConnecting waits if a server's last words, which err holds, ask for that.
func (s *Session) backOffConnecting(ctx context.Context, err error) (waited bool, _ error) {
	no, _ := lastWords(err)
	if no == nil {
		return false, nil
	}
	t := transientOf(no)
	var away *byeError // who turns us away for now means the account, whatever the words
	if t == nil || t.kind != throttled && !errors.As(err, &away) && !relogin.MatchString(no.Text) {
		return false, nil
	}
	again, held := s.backOff(ctx, t, no)
	if held == nil && !again {
		held = exit.Wrap(exit.Temporary, err)
	}
	return again, held
}
