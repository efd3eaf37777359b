package imapconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// How much patience a server is shown, unless the options say otherwise.
const (
	DefaultRetries = 6
	NoRetries      = -1
	DefaultMaxWait = 5 * time.Minute
)

func (r *RetryOptions) retries() int {
	if r.Max == 0 {
		return DefaultRetries
	}
	return max(r.Max, 0)
}

func (r *RetryOptions) maxWait() time.Duration {
	if r.MaxWait > 0 {
		return r.MaxWait
	}
	return DefaultMaxWait
}

// longestDelay bounds the pause before another attempt to connect.
const longestDelay = time.Minute

// delays are the pauses before attempts to connect again, from none on, each
// twice as long as the one before.
func (r *RetryOptions) delays() []time.Duration {
	all := make([]time.Duration, r.retries())
	for i := 1; i < len(all); i++ {
		all[i] = min(time.Second<<min(i-1, 10), longestDelay, r.maxWait())
	}
	return all
}

// retrier decides which commands are given again, and waits before they are.
type retrier struct {
	o          *Options
	delays     []time.Duration // before attempts to connect again
	backOffs   int             // waits in a row for a busy server
	endSession func()          // ends a session that the server has lost
}

// second is the unit of pauses; a test makes it shorter with its delays.
func (r *retrier) second() time.Duration {
	if len(r.delays) > 1 {
		return min(r.delays[1], time.Second)
	}
	return time.Second
}

// sleep waits. What ends it early is the end of ctx, or of RetryOptions.Context.
func (r *retrier) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	var ended <-chan struct{}
	if r.o.Retry.Context != nil {
		ended = r.o.Retry.Context.Done()
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ended:
		return context.Cause(r.o.Retry.Context)
	case <-timer.C:
		return nil
	}
}

// backOff waits as the kind of refusal requires. again tells that the command may be given
// again; else patience is at its end, and the refusal stands. An error ends all
// waiting.
func (r *retrier) backOff(ctx context.Context, t *transient, no *imap.Error) (again bool, err error) {
	most := r.most(t)
	pause, exact := t.delay(r.backOffs+1, r.second(), no.Text)
	switch {
	case r.backOffs >= most:
		r.backOffs = 0
		return false, nil
	case exact && pause > r.o.Retry.maxWait():
		r.backOffs = 0
		r.o.warn(fmt.Sprintf("%s asks for a pause of %s, and the longest that is allowed is %s", printable(r.o.Host),
			round(pause), r.o.Retry.maxWait()))
		return false, nil
	}
	r.backOffs++
	if relogin.MatchString(no.Text) && r.endSession != nil {
		r.endSession()
	}
	pause = min(pause, r.o.Retry.maxWait())
	if pause >= time.Second {
		r.o.warn(fmt.Sprintf("%s is busy: waiting %s (%d of %d): %v", printable(r.o.Host), round(pause), r.backOffs,
			most, &refusal{no}))
	}
	return true, r.sleep(ctx, pause)
}

// most is how often in a row a refusal is tried again.
func (r *retrier) most(t *transient) int { return min(r.o.Retry.retries(), tries[t.kind]) }

// tries bounds how often a refusal of each kind is tried again.
var tries = map[kind]int{throttled: 1000, busy: 4, defective: 2}

func round(d time.Duration) time.Duration { return d.Round(time.Second / 10) }

// resetBackOff says that a command was carried out: the next refusal is a new one.
func (r *retrier) resetBackOff() { r.backOffs = 0 }

// mayRetry reports whether a command that was refused may be given again, after a
// pause.
func (r *retrier) mayRetry(ctx context.Context, refusal error) (again bool, err error) {
	no, bye := lastWords(refusal)
	if no == nil || bye {
		return false, nil
	}
	t := transientOf(no)
	if t == nil {
		return false, nil
	}
	return r.backOff(ctx, t, no)
}

// isAnswer reports whether err is a server's refusal of what was asked, so that
// something else may be asked in its place: not one that passes, unless it is a
// defect that lasts.
func (r *retrier) isAnswer(err error) bool {
	var no *imap.Error
	if !errors.As(err, &no) {
		return false
	}
	t := transientOf(no)
	return t == nil || t.kind == defective && r.backOffs >= r.most(t)
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

// opaque hides what is in an error but for its code: a refusal that concerns the
// account must not be taken for one of the folder or message that was asked for.
func opaque(err error) error {
	return fault.Instead(err, errors.New(err.Error()))
}
