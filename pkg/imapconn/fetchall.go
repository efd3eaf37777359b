package imapconn

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// FetchAll gets all messages with UIDs from from to to, both included; to 0
// means the last. It is Fetch for who does not know the UIDs, and keeps its
// promises: what does not come in the one command is listed, and asked for by
// Fetch. A message that was expunged before it was listed is not reported.
func (x *Selected) FetchAll(ctx context.Context, from, to uint64, items Items, maxBody int64,
	fn func(*Message) error) error {
	f := &fetcher{x: x, ctx: ctx, fn: fn, want: wanted{Items: items, maxBody: maxBody}}
	from = max(from, 1)
	if to == 0 {
		to = lastUID
	}
	seen := &uidMarks{}
	complete, err := x.fetchRange(f, from, to, seen)
	if complete || err != nil {
		return f.result(err)
	}
	uids, err := x.UIDs(ctx, from, to)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(uids, seen.has)
	return x.Fetch(ctx, rest, items, maxBody, fn)
}

func rangeText(from, to uint64) string {
	text := strconv.FormatUint(from, 10) + ":"
	if to == lastUID {
		return text + "*"
	}
	return text + strconv.FormatUint(to, 10)
}

// fetchRange asks for a whole range in one command. complete means that nothing can
// be missing; an error is one that cannot be mended.
func (x *Selected) fetchRange(f *fetcher, from, to uint64, seen *uidMarks) (complete bool, err error) {
	changed, err := x.ready(f.ctx)
	if err != nil || changed {
		return false, validityError(changed, err)
	}
	c := x.s.c
	if c.exists == 0 && (x.Messages == 0 || c.expunges > 0) {
		return true, nil
	}
	expunges := c.expunges
	defer c.watch(f.ctx)()
	want := f.wanted()
	_, err = c.run(c.command("UID FETCH "+rangeText(from, to)).text(want.request()), func(resp *response) error {
		return f.rangeResponse(c, resp, want, from, to, seen)
	})
	if held := f.settleRange(err, seen); held != nil {
		return false, held
	}
	var own *callerError
	var no *imap.Error
	switch {
	case errors.As(err, &own), f.ctx.Err() != nil:
		return false, err
	case isLost(err) && seen.count > c.mostFound():
		return false, x.s.folderError(f.ctx, err, exit.Protocol, "list", x.Wire)
	case isLost(err):
		return false, nil // what has not come is asked for otherwise
	case errors.As(err, &no):
		if _, err := x.s.mayRetry(f.ctx, no); err != nil {
			return false, err
		}
		return false, x.confirm(f.ctx)
	case err != nil:
		return false, err
	}
	all := from == 1 && c.expunges == expunges && c.exists != unknownExists
	exists := int(c.exists)
	if c.expunges == 0 {
		exists = max(exists, int(x.Messages)) // it may have claimed to be empty: see SelectEmpty
	}
	switch {
	case to == lastUID:
		return all && seen.count >= exists, nil
	case x.UIDNext > 0 && to >= x.UIDNext-1:
		return all && seen.count >= int(x.Messages), nil
	}
	return false, nil
}

// rangeResponse delivers what is complete. All else will be asked for again.
func (f *fetcher) rangeResponse(c *conn, resp *response, want *wanted, from, to uint64, seen *uidMarks) error {
	if err := f.releaseRange(seen); err != nil {
		return err
	}
	if resp.typ != "FETCH" {
		return nil
	}
	if err := c.fetch.read(&f.m, want); err != nil {
		return err
	}
	need := f.want.items()
	if f.m.UID == 0 || seen.has(f.m.UID) {
		f.doubtLowestUID()
		return nil
	}
	if f.m.got&need != need || f.m.UID < from || f.m.UID > to || f.want.Body && f.isShort(&f.m.Message) {
		return nil
	}
	c.progress()
	if err := f.ordered(seen); err != nil {
		return err
	}
	if f.held = &f.m; c.lits > 0 {
		return nil // until the next response shows that it was whole
	}
	return f.releaseRange(seen)
}

// maxDisorder is how many messages may come after one with a higher UID: to keep
// account of them takes the longer the more there are.
const maxDisorder = 1 << 14

// ordered reports an answer that names too many messages, or too many out of
// order. These are asked for otherwise.
func (f *fetcher) ordered(seen *uidMarks) error {
	if n := len(seen.ranges); n > 0 && f.m.UID < seen.ranges[n-1].last {
		if f.disorder++; f.disorder > maxDisorder {
			return &limitError{"messages in no order"}
		}
	}
	return f.x.s.c.tooMany(seen.count)
}

// releaseRange delivers the message that is held, unless it came before.
func (f *fetcher) releaseRange(seen *uidMarks) error {
	m := f.held
	if f.held = nil; m == nil || !seen.add(m.UID) {
		return nil
	}
	if err := f.fn(&m.Message); err != nil {
		return &callerError{err}
	}
	return nil
}

// settleRange decides about the message that is held at the end of the command.
// One that may not be whole is asked for again.
func (f *fetcher) settleRange(err error, seen *uidMarks) error {
	var own *callerError
	if IsGarbled(err) || errors.As(err, &own) {
		f.held = nil
	}
	return f.releaseRange(seen)
}

// doubtLowestUID notes an answer for the UID 0, or for a message that has been answered
// for: several messages may have one UID.
func (f *fetcher) doubtLowestUID() {
	if f.m.got&gotUID == 0 || f.m.got&^(gotUID|gotFlags) == 0 {
		return
	}
	f.x.doubted++
	if f.m.got&(gotHeader|gotBody) != 0 {
		f.x.noteRepeatedUID(f.m.UID)
	}
}
