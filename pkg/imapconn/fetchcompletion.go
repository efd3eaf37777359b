package imapconn

import (
	"context"
	"strings"
)

// maxSilent is for how many messages in a row of a mailbox an item is asked for
// that does not come. After that it is asked for only together with those of
// other messages.
const maxSilent = 20

// completion asks again for what some messages came without.
type completion struct {
	*fetcher
	need item // of each message
}

// run asks again for flags, dates, sizes and labels of messages that came
// without them: in one command for all, then for each message and item alone.
// What does not come then is unknown, and the message is delivered. begun tells
// that the connection was lost and the batch is to be asked for again.
func (k *completion) run(uids []uint64) (begun bool, err error) {
	need := k.need
	var some []uint64
	var lack item
	for _, uid := range uids {
		if m := k.parts[uid]; m != nil && m.got|optional&need == m.got|need {
			some = append(some, uid)
			lack |= need &^ m.got
		}
	}
	if len(some) == 0 {
		return false, nil
	}
	err = k.askItems(some, lack, false)
	if err == nil {
		err = k.askAlone(some)
	}
	switch {
	case k.ctx.Err() != nil:
		return false, context.Cause(k.ctx)
	case isLost(err) && k.lookups < attempts:
		k.lookups++
		return true, nil
	case err != nil && !isLost(err):
		return false, err
	}
	k.lookups = 0
	for _, uid := range some {
		i, _ := k.find(uid)
		m := k.parts[uid]
		delete(k.parts, uid)
		if err := k.receive(i, m); err != nil {
			return false, err
		}
	}
	return false, nil
}

// askAlone asks for what single messages lack, item by item.
func (k *completion) askAlone(uids []uint64) error {
	for _, uid := range uids {
		m := k.parts[uid]
		if k.need&^m.got == 0 || k.x.silent >= maxSilent {
			continue
		}
		before := m.got
		for _, one := range []item{gotFlags, gotDate, gotSize, gotLabels} {
			if k.need&^m.got&one == 0 {
				continue
			}
			if err := k.askItems([]uint64{uid}, one, true); err != nil {
				return err
			}
		}
		if k.x.silent++; m.got != before {
			k.x.silent = 0
		}
	}
	return nil
}

// askItems asks for some items of messages of which parts came, and adds them
// to these. A refusal is no error: what it is about stays unknown. alone leaves
// the UID out of what is asked for.
func (k *completion) askItems(uids []uint64, lack item, alone bool) error {
	c := k.x.s.c
	if err := c.err; err != nil {
		return err
	}
	defer c.watch(k.ctx)()
	w := wanted{Items: Items{Flags: lack&gotFlags != 0, InternalDate: lack&gotDate != 0, Size: lack&gotSize != 0,
		Gmail: lack&gotLabels != 0}}
	request := w.request()
	if alone {
		request = strings.Replace(request, "UID ", "", 1)
	}
	var came fetched
	for len(uids) > 0 {
		set, n := k.x.s.sets.append("UID FETCH ", uids)
		_, err := c.run(c.command(string(set)).text(request), func(resp *response) error {
			if resp.typ == "EXPUNGE" || resp.typ == "VANISHED" {
				k.seqs = nil
			}
			if resp.typ != "FETCH" {
				return nil
			}
			if err := c.fetch.read(&came, &w); err != nil {
				return err
			}
			if came.got&gotUID == 0 {
				came.UID = k.seqs[resp.num]
			}
			if m := k.parts[came.UID]; m != nil && came.got&lack&^m.got != 0 {
				came.got &= lack | gotGmail
				m.merge(&came)
				c.progress()
			}
			return nil
		})
		if err != nil {
			if c.err != nil || k.ctx.Err() != nil {
				return err
			}
			if again, held := k.x.s.mayRetry(k.ctx, err); held != nil {
				return held
			} else if again || isTooLong(err) && n > 1 && k.x.s.sets.shorten(len(set)) {
				continue
			}
		}
		uids = uids[n:]
	}
	return nil
}
