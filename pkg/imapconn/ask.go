package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	safe "github.com/imap-pipe/imap-pipe/pkg/text"
)

// Bounds of the commands that are sent before the first is answered: commands
// and answers must fit the buffers between two ends that both write.
const (
	askWindow = 64
	askOctets = 8 << 10
)

// question is a command about one mailbox that is answered by one response, or
// by all that come before it ends.
type question[T any] struct {
	command func(c *conn, wire string) *command
	// read takes a response. mine is false for one that is no answer.
	read func(c *conn, resp *response) (value T, mine bool, err error)
	// gather, if set, takes the place of read: it adds what a response says to
	// the value.
	gather func(c *conn, resp *response, value *T)
	// follow, if set beside gather, returns commands that go with the one about a
	// mailbox, and also adds what they say. They may be refused.
	follow func(c *conn, wire string) []*command
	also   func(c *conn, resp *response, value *T) error
	// undo and keep, if set, are told that the answers since the last keep do not
	// count, for the same is asked again, or that they do.
	undo, keep func()
	others     int // mailboxes about which the server has just answered
}

// reply is what a server answered about one mailbox, or why nothing: an
// *imap.Error, errSilent, or the loss of the connection each time it is asked.
type reply[T any] struct {
	value T
	err   error
}

// errSilent is said of a command that succeeds without an answer.
var errSilent = errors.New("the server says OK and nothing else")

// maxFatal is how many mailboxes may end the connection when they are asked
// about; more are an outage.
const maxFatal = 5

// ask asks about mailboxes, many in one round trip. The replies are in the
// order of wires. A mailbox at which the connection ends, each time, costs
// itself only.
func ask[T any](ctx context.Context, s *Session, wires []string, q question[T]) ([]reply[T], error) {
	replies := make([]reply[T], len(wires))
	fatal, alone := 0, 0
	for from := 0; from < len(wires); {
		to := from + 1
		if alone == 0 {
			to = window(wires, from)
		}
		err := s.do(ctx, func(c *conn) error {
			notify(q.undo)
			if err := q.ask(c, wires[from:to], replies[from:to]); err != nil {
				return err
			}
			return passing(replies[from:to])
		})
		var no *imap.Error
		switch {
		case err == nil, errors.As(err, &no) && !IsBusy(err):
			notify(q.keep)
		case !isLost(err) || errors.Is(err, errUnreachable) || ctx.Err() != nil:
			return nil, refused(err, fault.Temporary, "ask about %s", safe.Count(to-from, "folder"))
		case to-from > 1: // which of them is it?
			alone = to - from
			continue
		case fatal == maxFatal, fatal == len(wires)-1+q.others: // it is not the mailbox
			return nil, err
		default:
			fatal++
			replies[from].err = err
		}
		alone = max(0, alone-1)
		from = to
	}
	return replies, nil
}

func notify(f func()) {
	if f != nil {
		f()
	}
}

// passing returns the first refusal that may be another answer in a while.
func passing[T any](replies []reply[T]) error {
	for i := range replies {
		if no, _ := lastWords(replies[i].err); no != nil && transientOf(no) != nil {
			return replies[i].err
		}
	}
	return nil
}

// window returns the end of the commands from from on that go together.
func window(wires []string, from int) int {
	to := from
	for octets := 0; to < len(wires) && to-from < askWindow && octets < askOctets; to++ {
		octets += len(wires[to]) + 100
	}
	return to
}

// commands are those about one mailbox.
func (q *question[T]) commands(c *conn, wire string) []*command {
	ks := []*command{q.command(c, wire)}
	if q.follow != nil {
		ks = append(ks, q.follow(c, wire)...)
	}
	return ks
}

// ask asks on one connection. Answers belong to commands by their order, for
// servers spell names in their own way; where the count does not fit, one
// command is sent at a time.
func (q *question[T]) ask(c *conn, wires []string, replies []reply[T]) error {
	together := len(wires) > 1
	for _, wire := range wires {
		together = together && isQuotable(wire)
	}
	if together {
		ok, err := q.together(c, wires, replies)
		if ok || err != nil {
			return err
		}
		notify(q.undo)
	}
	for i, wire := range wires {
		var came []reply[T]
		on, also := q.collect(c, &came)
		_, err := c.runAll(q.commands(c, wire), on, also)
		switch {
		case err != nil && c.err != nil:
			return err
		case err != nil:
			replies[i] = reply[T]{err: err}
		case len(came) == 0:
			replies[i] = reply[T]{err: errSilent}
		default:
			replies[i] = came[0]
		}
	}
	return nil
}

func (q *question[T]) together(c *conn, wires []string, replies []reply[T]) (ok bool, err error) {
	groups := make([][]*command, len(wires))
	for i, wire := range wires {
		groups[i] = q.commands(c, wire)
	}
	if err := c.send(slices.Concat(groups...)); err != nil {
		return false, err
	}
	var came []reply[T]
	var answered []int
	for i, ks := range groups {
		on, also := q.collect(c, &came)
		_, err := c.untilAll(ks, on, also)
		if err != nil && c.err != nil {
			return false, err
		}
		if replies[i] = (reply[T]{err: err}); err == nil {
			answered = append(answered, i)
		} else if q.gather != nil {
			came = came[:len(came)-1]
		}
	}
	c.touch()
	if len(came) != len(answered) {
		return false, nil
	}
	for k, i := range answered {
		replies[i] = came[k]
	}
	return true, nil
}

// collect keeps the answers that come, those too that cannot be understood. also is
// for the commands of follow.
func (q *question[T]) collect(c *conn, came *[]reply[T]) (on, also func(*response) error) {
	if q.gather != nil {
		*came = append(*came, reply[T]{})
		value := &(*came)[len(*came)-1].value
		on = func(resp *response) error {
			q.gather(c, resp, value)
			return nil
		}
		if q.also != nil {
			also = func(resp *response) error { return q.also(c, resp, value) }
		}
		return on, also
	}
	on = func(resp *response) error {
		value, mine, err := q.read(c, resp)
		if !mine {
			return err
		}
		c.progress()
		r := reply[T]{value: value}
		if err == errMalformed {
			r.err, err = fmt.Errorf("the answer to %s makes no sense", resp.typ), nil
		}
		if *came = append(*came, r); len(*came) > 4*askWindow {
			return &limitError{"too many " + resp.typ + " responses"}
		}
		return err
	}
	return on, nil
}
