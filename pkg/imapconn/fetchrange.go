package imapconn

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// FetchAll gets all messages with UIDs from from to to, both included; to 0
// means the last. It is Fetch for who does not know the UIDs, and keeps its
// promises: what does not come in the one command is listed, and asked for by
// Fetch. A message that was expunged before it was listed is not reported.
func (x *Selected) FetchAll(ctx context.Context, from, to uint64, items Items, maxBody int64,
	fn func(*Message) error) error {
	from = max(from, 1)
	if to == 0 {
		to = uidset.Last
	}
	r := &rangeFetch{fetcher: newFetcher(ctx, x, wanted{Items: items, maxBody: maxBody}, fn), from: from, to: to}
	complete, err := r.run()
	if complete || err != nil {
		return r.result(err)
	}
	uids, err := x.UIDs(ctx, from, to)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(uids, r.seen.Has)
	return x.Fetch(ctx, rest, items, maxBody, fn)
}

func rangeText(from, to uint64) string {
	text := strconv.FormatUint(from, 10) + ":"
	if to == uidset.Last {
		return text + "*"
	}
	return text + strconv.FormatUint(to, 10)
}

// rangeFetch gets all messages of a range of UIDs, in one command.
type rangeFetch struct {
	*fetcher
	from, to uint64
	seen     uidset.Set // that came
	disorder int        // messages that came after one with a higher UID
}

// run asks for a whole range in one command. complete means that nothing can
// be missing; an error is one that cannot be mended.
func (r *rangeFetch) run() (complete bool, err error) {
	changed, err := r.x.ready(r.ctx)
	if err != nil || changed {
		return false, validityError(changed, err)
	}
	c := r.x.s.c
	if c.exists == 0 && (r.x.Messages == 0 || c.expunges > 0) {
		return true, nil
	}
	expunges := c.expunges
	defer c.watch(r.ctx)()
	want := r.wanted()
	_, err = c.run(c.command("UID FETCH "+rangeText(r.from, r.to)).text(want.request()), func(resp *response) error {
		return r.response(c, resp, want)
	})
	if held := r.settle(err); held != nil {
		return false, held
	}
	var own *callerError
	var no *imap.Error
	switch {
	case errors.As(err, &own), r.ctx.Err() != nil:
		return false, err
	case isLost(err) && r.seen.Len() > c.mostFound():
		return false, r.x.s.folderError(r.ctx, err, fault.Protocol, "list", r.x.Wire)
	case isLost(err):
		return false, nil // what has not come is asked for otherwise
	case errors.As(err, &no):
		if _, err := r.x.s.mayRetry(r.ctx, no); err != nil {
			return false, err
		}
		return false, r.x.confirm(r.ctx)
	case err != nil:
		return false, err
	}
	all := r.from == 1 && c.expunges == expunges && c.exists != unknownExists
	exists := int(c.exists)
	if c.expunges == 0 {
		exists = max(exists, int(r.x.Messages)) // it may have claimed to be empty: see SelectEmpty
	}
	switch {
	case r.to == uidset.Last:
		return all && r.seen.Len() >= exists, nil
	case r.x.UIDNext > 0 && r.to >= r.x.UIDNext-1:
		return all && r.seen.Len() >= int(r.x.Messages), nil
	}
	return false, nil
}

// response delivers what is complete. All else will be asked for again.
func (r *rangeFetch) response(c *conn, resp *response, want *wanted) error {
	if err := r.release(); err != nil {
		return err
	}
	if resp.typ != "FETCH" {
		return nil
	}
	if err := c.fetch.read(&r.m, want); err != nil {
		return err
	}
	need := r.want.items()
	if r.m.UID == 0 || r.seen.Has(r.m.UID) {
		r.doubtLowestUID()
		return nil
	}
	if r.m.got&need != need || r.m.UID < r.from || r.m.UID > r.to || r.want.Body && r.short.isShort(&r.m.Message) {
		return nil
	}
	c.progress()
	if err := r.ordered(); err != nil {
		return err
	}
	if r.held = &r.m; c.lits > 0 {
		return nil // until the next response shows that it was whole
	}
	return r.release()
}

// maxDisorder is how many messages may come after one with a higher UID: to keep
// account of them takes the longer the more there are.
const maxDisorder = 1 << 14

// ordered reports an answer that names too many messages, or too many out of
// order. These are asked for otherwise.
func (r *rangeFetch) ordered() error {
	if r.m.UID < r.seen.Max() {
		if r.disorder++; r.disorder > maxDisorder {
			return &limitError{"messages in no order"}
		}
	}
	return r.x.s.c.tooMany(r.seen.Len())
}

// release delivers the message that is held, unless it came before.
func (r *rangeFetch) release() error {
	m := r.held
	if r.held = nil; m == nil || !r.seen.Add(m.UID) {
		return nil
	}
	if err := r.fn(&m.Message); err != nil {
		return &callerError{err}
	}
	return nil
}

// settle decides about the message that is held at the end of the command.
// One that may not be whole is asked for again.
func (r *rangeFetch) settle(err error) error {
	var own *callerError
	if IsGarbled(err) || errors.As(err, &own) {
		r.held = nil
	}
	return r.release()
}

// doubtLowestUID notes an answer for the UID 0, or for a message that has been answered
// for: several messages may have one UID.
func (r *rangeFetch) doubtLowestUID() {
	if r.m.got&gotUID == 0 || r.m.got&^(gotUID|gotFlags) == 0 {
		return
	}
	r.x.repeated.answers++
	if r.m.got&(gotHeader|gotBody) != 0 {
		r.x.repeated.note(r.m.UID)
	}
}
