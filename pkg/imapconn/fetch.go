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
	f := &fetcher{x: x, ctx: ctx, fn: fn, special: map[uint64]special{}}
	f.want = wanted{Items: items, maxBody: maxBody}
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

// begin sets which messages run gets.
func (f *fetcher) begin(uids []uint64) {
	f.uids, f.done, f.next, f.at, f.limit = uids, make([]bool, len(uids)), 0, 0, len(uids)
}

// fetcher is one call of Fetch.
type fetcher struct {
	x    *Selected
	ctx  context.Context
	want wanted
	fn   func(*Message) error

	uids []uint64
	done []bool
	next int // all before it are done
	at   int // where the last one was found
	told int // how many are done

	buffer []uint64 // of batch

	limit    int                // UIDs a command
	special  map[uint64]special // those that need care
	row      int                // messages in a row that ended the connection
	held     *fetched           // one that came, until what follows shows that it was whole
	heldAt   int                // its place
	lookups  int                // that ended the connection
	disorder int                // messages that came after one with a higher UID, in a sweep

	m       fetched
	parts   map[uint64]*fetched // of messages that came in part, by UID
	partial int64               // octets in parts
	dropped bool                // some of them, for want of room
	seqs    map[uint32]uint64   // UIDs of parts by message sequence number
	orphans map[uint32]*fetched // parts without UID, by sequence number; of a command for one message

	short    []shortAnswer           // messages whose bodies are to be asked for again
	answered map[uint64]*shortAnswer // those that are asked for now, by UID; nil the first time
	last     bool                    // they are not asked for again
}

// special is what is known of a message that did not come as it should.
type special struct {
	alone  bool // ask for it alone
	exists bool // the server has it
	hidden bool // it neither shows it nor says that it is gone
	kills  int  // connections that it ended, alone
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

// batch returns the UIDs for the next command: the first that is not done, and
// as many more as may go with it.
func (f *fetcher) batch() []uint64 {
	for f.next < len(f.done) && f.done[f.next] {
		f.next++
	}
	batch := f.buffer[:0]
	ranges := 0
	for i := f.next; i < len(f.uids) && len(batch) < f.limit && ranges <= maxSetRanges; i++ {
		if f.done[i] {
			continue
		}
		uid := f.uids[i]
		alone := f.special[uid].alone
		if alone && len(batch) > 0 {
			break
		}
		if len(batch) == 0 || batch[len(batch)-1]+1 != uid {
			ranges++
		}
		if batch = append(batch, uid); alone {
			break
		}
	}
	f.buffer = batch
	return batch
}

// command asks for a batch, or as much of it as fits one command.
func (f *fetcher) command(batch []uint64) error {
	c := f.x.s.c
	set, n := appendSet([]byte("UID FETCH "), batch, f.x.s.sets.most())
	batch = batch[:n]
	f.parts, f.seqs, f.orphans, f.partial, f.dropped = nil, nil, nil, 0, false
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

// suspect has a message asked for alone.
func (f *fetcher) suspect(uid uint64) {
	s := f.special[uid]
	s.alone = true
	f.special[uid] = s
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
			f.keepOrphan(resp.num, single)
			return nil
		}
		m.UID = uid
		m.got |= gotUID
	}
	i, ok := f.find(m.UID)
	if ok && f.done[i] && m.got&(gotHeader|gotBody) != 0 {
		f.x.noteRepeatedUID(m.UID)
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
		f.partial += int64(len(m.Header) + len(m.Body))
		m = part
	}
	if need := f.want.items(); m.got&need == need {
		delete(f.parts, m.UID)
		return f.hold(i, m)
	}
	f.keepPart(resp.num, m)
	return nil
}

// find returns the place of a UID among those asked for. They come in order,
// as a rule.
func (f *fetcher) find(uid uint64) (int, bool) {
	if f.at < len(f.uids) && f.uids[f.at] == uid {
		f.at++
		return f.at - 1, true
	}
	i, ok := slices.BinarySearch(f.uids, uid)
	if ok {
		f.at = i + 1
	}
	return i, ok
}

// maxParts bounds what is kept of messages that come in several responses, in
// octets beside one body. What is dropped is asked for alone.
const maxParts = 8 << 20

// keepPart keeps what came of a message until the rest comes.
func (f *fetcher) keepPart(seq uint32, m *fetched) {
	if f.parts[m.UID] == nil {
		f.partial += int64(len(m.Header) + len(m.Body) + 500)
	}
	if f.partial > maxParts+f.want.maxBody {
		delete(f.parts, m.UID)
		f.dropped = true
		return
	}
	if f.parts[m.UID] == nil {
		if f.parts == nil {
			f.parts = map[uint64]*fetched{}
		}
		f.parts[m.UID] = m.clone()
		f.x.s.c.progress()
	}
	if f.seqs == nil {
		f.seqs = map[uint32]uint64{}
	}
	f.seqs[seq] = m.UID
}

// keepOrphan keeps a response without UID, if one message only was asked for:
// the response that has its UID may follow.
func (f *fetcher) keepOrphan(seq uint32, single bool) {
	if single && len(f.orphans) < 4 {
		if f.orphans == nil {
			f.orphans = map[uint32]*fetched{}
		}
		f.orphans[seq] = f.m.clone()
		f.x.s.c.progress()
	}
}

// receive delivers a message that is as complete as it will be, unless its body
// has to be asked for again.
func (f *fetcher) receive(i int, m *fetched) error {
	m.Unknown = m.got.unknown(f.want.items())
	if f.want.Body && f.isShort(&m.Message) {
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
