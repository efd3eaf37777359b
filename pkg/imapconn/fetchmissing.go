package imapconn

import (
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// settleMissing decides about what did not come though the command was answered.
// refusal is the NO or BAD that it was answered with, or nil.
func (f *fetcher) settleMissing(batch []uint64, refusal error) error {
	missing := f.missing(batch)
	if len(missing) == 0 {
		return nil
	}
	var no *imap.Error
	errors.As(refusal, &no)
	if again, err := f.x.s.mayRetry(f.ctx, refusal); again || err != nil {
		return err
	}
	if IsBusy(refusal) {
		return unreadable(f.x, refusal)
	}
	before := f.told
	if begun, err := (&completion{f, f.want.items()}).run(missing); begun || err != nil {
		return err
	}
	if missing = f.missing(missing); len(missing) == 0 {
		return nil
	}
	if f.dropped && f.told > before {
		f.limit = f.told - before
		return nil // as many at a time as there is room for
	}
	if len(batch) == 1 && f.special[batch[0]].exists {
		return f.fallBack(batch[0], no)
	}
	present, err := f.x.lookUp(f.ctx, missing)
	switch {
	case err != nil && isLost(err) && f.lookups < attempts:
		f.lookups++
		return nil // begin anew
	case err != nil:
		return f.x.s.folderError(f.ctx, err, fault.Temporary, "look for messages of", f.x.Wire)
	}
	f.lookups = 0
	unseen := slices.DeleteFunc(slices.Clone(missing), present.Has)
	gone := &uidset.Set{}
	if len(unseen) > 0 {
		if gone, err = f.x.expunged(f.ctx, unseen, present); err != nil {
			if errors.Is(err, errReplaced) {
				return nil // begin anew
			}
			return err
		}
	}
	if gone.Len() > 0 {
		if err := f.confirm(); err != nil {
			return err
		}
	}
	hidden := false
	for _, uid := range missing {
		s := f.special[uid]
		switch {
		case gone.Has(uid):
			if err := f.tell(&Message{UID: uid, State: Expunged, Size: -1, Literal: -1}); err != nil {
				return err
			}
			continue
		case present.Has(uid):
		case s.hidden && no != nil:
			if err := f.judge(uid, no); err != nil {
				return err
			}
			continue
		case s.hidden: // on a new connection too
			if err := f.fail(uid, Contradiction,
				"neither FETCH nor SEARCH knows the message, and EXISTS or STATUS still counts it"); err != nil {
				return err
			}
			continue
		default:
			s.alone, s.hidden, hidden = true, true, true
			f.special[uid] = s
			continue
		}
		s.alone, s.exists = true, true
		f.special[uid] = s
		if no != nil { // one of them is to blame, and the first the likeliest
			break
		}
	}
	if hidden {
		f.x.s.Close() // what a new connection remembers is another matter
	}
	return nil
}

// judge decides about a message that was asked for alone and did not come
// whole, though the server has it.
func (f *fetcher) judge(uid uint64, no *imap.Error) error {
	if no != nil {
		if isTemporary(no) {
			if f.row++; f.row > maxRow {
				return unreadable(f.x, no)
			}
		}
		return f.fail(uid, Refused, string(no.Type)+" "+no.Text)
	}
	if m := f.parts[uid]; m != nil && m.got&gotNIL != 0 {
		return f.fail(uid, Unreadable, "the server gives NIL for the body")
	}
	return f.fail(uid, NotReturned, "")
}

// unreadable ends the reading of a folder for now: it is not the folder's fault.
func unreadable(x *Selected, refusal error) error {
	return opaque(refused(refusal, fault.Temporary, "read folder %s", quote(mailboxName(x.Wire))))
}

// maxRow is how many messages in a row may end the connection, or be refused
// for now, before it is the server that is to blame.
const maxRow = 5

// connectionLost thinks about a connection that was lost while a batch was asked for.
func (f *fetcher) connectionLost(batch []uint64, progress bool, err error) error {
	missing := f.missing(batch)
	if len(missing) == 0 {
		return nil
	}
	if len(batch) == 1 {
		return f.connectionLostAt(batch[0], err)
	}
	if !progress {
		f.limit = max(1, len(batch)/2)
	}
	suspect := missing[0]
	if i, ok := f.find(f.m.UID); ok && !f.done[i] {
		suspect = f.m.UID
	}
	s := f.special[suspect]
	s.alone = true
	f.special[suspect] = s
	return nil
}

func (f *fetcher) connectionLostAt(uid uint64, err error) error {
	s := f.special[uid]
	s.alone = true
	s.kills++
	f.special[uid] = s
	if s.kills < 2 {
		return nil
	}
	reason, text := Unreadable, lossText(err, f.x.s.c)
	if f.m.Literal >= 0 && !IsGarbled(err) {
		reason = Truncated
	}
	if done, err := (&fallback{f, uid}).inPieces(IsGarbled(err)); done || err != nil {
		return err
	}
	if f.want.Start > 0 { // they may come whole
		return f.fail(uid, reason, text)
	}
	if f.row++; f.row > maxRow {
		err = fault.Wrap(fault.Temporary, err)
		f.x.givenUp = f.x.s.folderError(f.ctx, err, fault.Temporary, "read", f.x.Wire)
		return f.x.givenUp
	}
	return f.fail(uid, reason, text)
}

// lookUp finds out which messages are still there, by FETCH and by SEARCH: a
// message is gone if neither knows it, unless neither is answered.
func (x *Selected) lookUp(ctx context.Context, uids []uint64) (*uidset.Set, error) {
	present := &uidset.Set{}
	asked := uids
	c := x.s.c
	found := func(uid uint64) {
		if _, ok := slices.BinarySearch(asked, uid); ok && present.Add(uid) {
			c.progress()
		}
	}
	defer c.watch(ctx)()
	for len(uids) > 0 {
		set, n := x.s.sets.append("", uids)
		var m fetched
		var refusal error
		answered := false
		for _, text := range []string{"UID FETCH " + string(set) + " (UID)", "UID SEARCH UID " + string(set)} {
			_, err := c.run(c.command(text), func(resp *response) error {
				switch resp.typ {
				case "FETCH":
					err := c.fetch.read(&m, &wanted{})
					if err == nil && m.got&gotUID != 0 {
						found(m.UID)
					}
					return err
				case "SEARCH":
					readNumbers(c.tokenizer, found)
				}
				return nil
			})
			switch {
			case err == nil:
				answered = true
			case c.err != nil:
				return nil, err
			default:
				refusal = err
			}
		}
		if !answered {
			if again, err := x.s.mayRetry(ctx, refusal); err != nil {
				return nil, err
			} else if again || isTooLong(refusal) && x.s.sets.shorten(len(set)) {
				continue
			}
			for _, uid := range uids[:n] { // nobody says that they are gone
				present.Add(uid)
			}
		}
		uids = uids[n:]
	}
	return present, nil
}
