package imapconn

import (
	"context"
	"errors"
	"slices"
)

// callerError is what the function of a caller returned.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

// Fetch gets the messages with the given UIDs, which must be sorted. fn is
// called exactly once for each of them unless Fetch returns an error: in the
// order in which they come, from the caller's goroutine. It must not use the
// session. An error that it returns ends Fetch, and costs the connection.
//
// It resumes: after a loss of the connection the mailbox is opened again, and
// unless its UIDVALIDITY changed (then all that is left is Failed) what has not
// come is asked for again. What the server leaves out is looked up and asked
// for alone before it is Expunged or Failed; flags, dates, sizes and labels that do
// not come even then are Unknown. A body larger than maxBody octets is
// not kept: Body is nil and Literal its size; FetchPart gets it. A body that is
// shorter than the server says is asked for again, see shortAnswer.
func (x *Selected) Fetch(ctx context.Context, uids []uint64, items Items, maxBody int64,
	fn func(*Message) error) error {
	if !slices.IsSorted(uids) {
		uids = slices.Clone(uids)
		slices.Sort(uids)
	}
	f := newFetcher(ctx, x, wanted{Items: items, maxBody: maxBody}, fn)
	if items.Start > 0 {
		f.want.partial, f.want.maxBody = true, items.Start
	}
	f.begin(slices.Compact(slices.Clone(uids)))
	if len(f.uids) > 0 && f.uids[0] == 0 {
		if err := f.fail(0, NotReturned, "0 is no UID"); err != nil {
			return f.result(err)
		}
	}
	if err := f.run(); err != nil {
		return f.result(err)
	}
	return f.result(f.askShortAgain())
}

func newFetcher(ctx context.Context, x *Selected, want wanted, fn func(*Message) error) *fetcher {
	return &fetcher{x: x, ctx: ctx, want: want, fn: fn, fetchQueue: fetchQueue{special: map[uint64]special{}},
		short: shortBodies{tolerance: &x.s.sizeTolerance, listed: want.Listed}}
}

// fetcher is one call of Fetch.
type fetcher struct {
	x    *Selected
	ctx  context.Context
	want wanted
	fn   func(*Message) error
	fetchQueue
	incomplete
	short shortBodies

	m       fetched
	held    *fetched // one that came, until what follows shows that it was whole
	heldAt  int      // its place
	row     int      // messages in a row that ended the connection
	lookups int      // that ended the connection
}

func (f *fetcher) result(err error) error {
	var own *callerError
	if errors.As(err, &own) {
		return own.err
	}
	return causeOf(f.ctx, err)
}

func (f *fetcher) run() error {
	for {
		batch := f.batch()
		if len(batch) == 0 {
			return nil
		}
		if err := validityError(f.x.ready(f.ctx)); err != nil {
			return f.failFolder(err)
		}
		if err := f.command(batch); err != nil {
			return err
		}
	}
}

// command asks for a batch, or as much of it as fits one command.
func (f *fetcher) command(batch []uint64) error {
	c := f.x.s.c
	set, n := f.x.s.sets.append("UID FETCH ", batch)
	batch = batch[:n]
	f.incomplete = incomplete{}
	f.m.reset()
	before := f.told
	want := f.wanted()
	end := c.watch(f.ctx)
	_, err := c.run(c.command(string(set)).text(want.request()), func(resp *response) error {
		return f.response(c, resp, want, len(batch) == 1)
	})
	end()
	if held := f.settleHeld(err); held != nil {
		return held
	}
	var own *callerError
	switch {
	case errors.As(err, &own):
		return err
	case f.ctx.Err() != nil:
		return context.Cause(f.ctx)
	case err != nil && isLost(err):
		return f.connectionLost(batch, f.told > before, err)
	case err != nil && c.err != nil:
		return err
	}
	switch {
	case err == nil:
		f.limit = min(max(2*f.limit, 1), len(f.uids))
		f.x.s.sets.fits()
	case isTooLong(err) && len(batch) > 1 && f.x.s.sets.shorten(len(set)):
		return nil // begin anew
	}
	return f.settleMissing(batch, err)
}

// wanted is what to ask for.
func (f *fetcher) wanted() *wanted {
	want := f.want
	want.Header = want.Header || len(want.Fields) > 0 && f.x.wholeHeaders
	return &want
}

// hold keeps a message that came until the next response shows that its literals
// were as long as the server said.
func (f *fetcher) hold(i int, m *fetched) error {
	if f.x.s.c.lits == 0 {
		return f.receive(i, m)
	}
	f.held, f.heldAt = m, i
	f.x.s.c.progress()
	return nil
}

// release receives the message that is held.
func (f *fetcher) release() error {
	m := f.held
	if f.held = nil; m == nil || f.done[f.heldAt] {
		return nil
	}
	return f.receive(f.heldAt, m)
}

// settleHeld decides about the message that is held when a command has ended
// with err.
func (f *fetcher) settleHeld(err error) error {
	var own *callerError
	switch {
	case f.held == nil || errors.As(err, &own):
		f.held = nil
		return nil
	case IsGarbled(err): // what came may be a part of it
		f.suspect(f.held.UID)
		f.held = nil
		return nil
	}
	return f.release()
}

// response takes one response to a FETCH command.
func (f *fetcher) response(c *conn, resp *response, want *wanted, single bool) error {
	if err := f.release(); err != nil {
		return err
	}
	if resp.typ == "EXPUNGE" || resp.typ == "VANISHED" {
		f.seqs, f.orphans = nil, nil // sequence numbers mean something else now
	}
	if resp.typ != "FETCH" {
		return nil
	}
	if err := c.fetch.read(&f.m, want); err != nil {
		return err
	}
	m := &f.m
	if m.got&gotUID == 0 {
		uid, ok := f.seqs[resp.num]
		if !ok {
			if single && f.keepOrphan(resp.num, &f.m) {
				c.progress()
			}
			return nil
		}
		m.UID = uid
		m.got |= gotUID
	}
	i, ok := f.find(m.UID)
	if ok && f.done[i] && m.got&(gotHeader|gotBody) != 0 {
		f.x.repeated.note(m.UID)
	}
	if !ok || f.done[i] {
		return nil // unsolicited, or a second time
	}
	if orphan := f.orphans[resp.num]; orphan != nil {
		m.merge(orphan)
	}
	if part := f.parts[m.UID]; part != nil {
		if m.got&^part.got&^gotNIL != 0 {
			c.progress()
		}
		part.merge(m)
		f.octets += int64(len(m.Header) + len(m.Body))
		m = part
	}
	if need := f.want.items(); m.got&need == need {
		delete(f.parts, m.UID)
		return f.hold(i, m)
	}
	if f.keepPart(resp.num, m, f.want.maxBody) {
		c.progress()
	}
	return nil
}

// receive delivers a message that is as complete as it will be, unless its body
// has to be asked for again.
func (f *fetcher) receive(i int, m *fetched) error {
	m.Unknown = m.got.unknown(f.want.items())
	if f.want.Body && f.short.isShort(&m.Message) {
		f.done[i] = true
		f.told++
		f.x.s.c.progress()
		return nil
	}
	return f.deliver(i, &m.Message)
}

func (f *fetcher) deliver(i int, m *Message) error {
	f.done[i] = true
	f.told++
	if m.State == Have {
		f.row = 0
		f.x.s.resetBackOff()
		f.x.s.fatal = 0
	}
	if err := f.fn(m); err != nil {
		return &callerError{err}
	}
	f.x.s.c.progress()
	return nil
}

func (f *fetcher) fail(uid uint64, reason Reason, text string) error {
	return f.tell(&Message{UID: uid, State: Failed, Size: -1, Literal: -1, Reason: reason, Text: serverText(text)})
}

func (f *fetcher) tell(m *Message) error {
	i, ok := f.find(m.UID)
	if !ok || f.done[i] {
		return nil
	}
	return f.deliver(i, m)
}

func (f *fetcher) failAll(reason Reason, text string) error {
	for i, uid := range f.uids {
		if !f.done[i] {
			if err := f.fail(uid, reason, text); err != nil {
				return err
			}
		}
	}
	return nil
}
