package imapconn

import (
	"context"
	"strconv"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Selected is an opened mailbox. It may be used after another was opened: it
// is opened again then, and its UIDVALIDITY compared.
//
// It has a method for each command about its messages, which is why they are many.
// A fetch, a message in parts, a search and an answer to SELECT are types of their
// own.
type Selected struct {
	Status                  // at the time it was opened; Octets is -1
	Wire           string   // its name as the server spells it
	Flags          []string // those in use, canonical case, sorted
	PermanentFlags []string // those that can be kept, without \*; all of Flags if the server does not say
	AnyKeyword     bool     // keywords can be invented: PERMANENTFLAGS has \*, or is missing
	ReadOnly       bool

	s        *Session
	command  string // SELECT or EXAMINE
	opened   time.Time
	repeated repeated
	silent   int   // messages for which this server did not give an item though it was asked for that alone
	givenUp  error // why no message of it is asked for any more, or nil

	wholeHeaders bool // its server sends header fields with the whole header only
	partly       partialMessage
}

// Examine opens a mailbox for reading; nothing in it changes, \Seen and
// \Recent neither. It resumes. A refusal by the server holds an *imap.Error.
func (s *Session) Examine(ctx context.Context, wire string) (*Selected, error) {
	return s.open(ctx, "EXAMINE", wire)
}

// Select opens a mailbox for reading and writing. It resumes.
func (s *Session) Select(ctx context.Context, wire string) (*Selected, error) {
	return s.open(ctx, "SELECT", wire)
}

func (s *Session) open(ctx context.Context, command, wire string) (*Selected, error) {
	return s.openWith(ctx, command, wire, false)
}

// openWith is open. With empty, the mailbox is asked in the same round trip what it
// shows: see SelectEmpty.
func (s *Session) openWith(ctx context.Context, command, wire string, empty bool) (*Selected, error) {
	var x *Selected
	err := s.do(ctx, func(c *conn) (err error) {
		x, err = s.openOn(c, command, wire, empty)
		return err
	})
	if err != nil {
		return nil, s.folderError(ctx, err, fault.Partial, "open", wire)
	}
	return x, nil
}

func (s *Session) openOn(c *conn, verb, wire string, empty bool) (*Selected, error) {
	o := &opened{Selected: Selected{Status: Status{Octets: -1}, Wire: wire, s: s, command: verb, opened: time.Now()}}
	x := &o.Selected
	c.enter()
	commands := []*command{c.command(verb).astring(wire)}
	if empty {
		commands = append(commands, emptyCheckCommands(c)...)
	}
	resp, err := c.runAll(commands, func(resp *response) error {
		o.take(c, resp)
		return nil
	}, func(resp *response) error { return o.shown.response(c, resp) })
	if err != nil {
		return nil, err
	}
	x.ReadOnly = verb == "EXAMINE" || resp.status.code == "READ-ONLY"
	if !o.permanent { // RFC 3501 7.1: then all flags can be kept
		x.PermanentFlags, x.AnyKeyword = x.Flags, true
	}
	s.c.selected = x
	if o.shown.apply(&x.Status); !o.counted && x.Messages == 0 {
		if err := o.count(c); err != nil {
			return nil, err
		}
	}
	if x.UIDNext == 0 || x.UIDNext <= uint64(x.Messages) {
		return x, o.guessUIDNext(c)
	}
	return x, nil
}

// number64 reads a number of 64 bits; anything else is unknown, 0.
func number64(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// do runs f with the mailbox open, as Session.do runs it.
func (x *Selected) do(ctx context.Context, f func(*conn) error) error {
	return x.s.do(ctx, func(*conn) error {
		changed, err := x.ready(ctx)
		if err != nil || changed {
			return validityError(changed, err)
		}
		c := x.s.c // another, if the mailbox was opened again
		defer c.watch(ctx)()
		return f(c)
	})
}

// ready makes x the selected mailbox of a live connection. changed tells that
// the mailbox is not the one it was.
func (x *Selected) ready(ctx context.Context) (changed bool, err error) {
	if x.givenUp != nil {
		return false, x.givenUp
	}
	if x.s.c.err == nil && x.s.c.selected == x {
		return false, nil
	}
	again, err := x.s.open(ctx, x.command, x.Wire)
	if err != nil {
		if IsFolder(err) {
			x.givenUp = err
		}
		return false, err
	}
	if again.UIDValidity != x.UIDValidity {
		return true, nil // and it stays so: another one is selected
	}
	x.s.c.selected = x
	return false, nil
}
