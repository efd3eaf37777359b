package imapconn

import (
	"context"
	"strings"
)

// maxSilent is for how many messages in a row of a mailbox an item is asked for
// that does not come. After that it is asked for only together with those of
// other messages.
const maxSilent = 20

// complete asks again for flags, dates, sizes and labels of messages that came
// without them: in one command for all, then for each message and item alone.
// What does not come then is unknown, and the message is delivered. begun tells
// that the connection was lost and the batch is to be asked for again.
func (f *fetcher) complete(uids []uint64) (begun bool, err error) {
	need := f.want.items()
	var some []uint64
	var lack item
	for _, uid := range uids {
		if m := f.parts[uid]; m != nil && m.got|optional&need == m.got|need {
			some = append(some, uid)
			lack |= need &^ m.got
		}
	}
	if len(some) == 0 {
		return false, nil
	}
	err = f.askItems(some, lack, false)
	if err == nil {
		err = f.askAlone(some, need)
	}
	switch {
	case f.ctx.Err() != nil:
		return false, context.Cause(f.ctx)
	case isLost(err) && f.lookups < attempts:
		f.lookups++
		return true, nil
	case err != nil && !isLost(err):
		return false, err
	}
	f.lookups = 0
	for _, uid := range some {
		i, _ := f.find(uid)
		m := f.parts[uid]
		delete(f.parts, uid)
		if err := f.receive(i, m); err != nil {
			return false, err
		}
	}
	return false, nil
}

// askAlone asks for what single messages lack, item by item.
func (f *fetcher) askAlone(uids []uint64, need item) error {
	for _, uid := range uids {
		m := f.parts[uid]
		if need&^m.got == 0 || f.x.silent >= maxSilent {
			continue
		}
		before := m.got
		for _, one := range []item{gotFlags, gotDate, gotSize, gotLabels} {
			if need&^m.got&one == 0 {
				continue
			}
			if err := f.askItems([]uint64{uid}, one, true); err != nil {
				return err
			}
		}
		if f.x.silent++; m.got != before {
			f.x.silent = 0
		}
	}
	return nil
}

// askItems asks for some items of messages of which parts came, and adds them
// to these. A refusal is no error: what it is about stays unknown. alone leaves
// the UID out of what is asked for.
func (f *fetcher) askItems(uids []uint64, lack item, alone bool) error {
	c := f.x.s.c
	if err := c.err; err != nil {
		return err
	}
	defer c.watch(f.ctx)()
	w := wanted{Items: Items{Flags: lack&gotFlags != 0, InternalDate: lack&gotDate != 0, Size: lack&gotSize != 0,
		Gmail: lack&gotLabels != 0}}
	request := w.request()
	if alone {
		request = strings.Replace(request, "UID ", "", 1)
	}
	var came fetched
	for len(uids) > 0 {
		set, n := appendSet([]byte("UID FETCH "), uids, f.x.s.sets.most())
		_, err := c.run(c.command(string(set)).text(request), func(resp *response) error {
			if resp.typ == "EXPUNGE" || resp.typ == "VANISHED" {
				f.seqs = nil
			}
			if resp.typ != "FETCH" {
				return nil
			}
			if err := c.fetch.read(&came, &w); err != nil {
				return err
			}
			if came.got&gotUID == 0 {
				came.UID = f.seqs[resp.num]
			}
			if m := f.parts[came.UID]; m != nil && came.got&lack&^m.got != 0 {
				came.got &= lack | gotGmail
				m.merge(&came)
				c.progress()
			}
			return nil
		})
		if err != nil {
			if c.err != nil || f.ctx.Err() != nil {
				return err
			}
			if again, held := f.x.s.mayRetry(f.ctx, err); held != nil {
				return held
			} else if again || isTooLong(err) && n > 1 && f.x.s.sets.shorten(len(set)) {
				continue
			}
		}
		uids = uids[n:]
	}
	return nil
}
