package fetch

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// comparison holds an open folder against what the base has of it.
type comparison struct {
	listing
	opt     *Options
	earlier *base.Folder
}

// news is what is to be said of one message.
type news struct {
	want
	items items
}

// news finds out what is new or changed in the folder, by ascending UID.
func (c *comparison) news(ctx context.Context) ([]news, error) {
	fresh, gone, err := c.compare(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkBase(ctx, gone); err != nil {
		return nil, err
	}
	changed, gone, err := c.changed(ctx, len(fresh) > 0, gone)
	if err != nil {
		return nil, err
	}
	if c.contradictory() { // nothing is expunged on the word of such a server
		gone = nil
	}
	if fresh, err = c.alike(ctx, fresh, gone); err != nil {
		return nil, err
	}
	for _, w := range fresh {
		delete(changed, w.uid)
	}
	all := make([]news, 0, len(fresh)+len(changed)+len(gone))
	for _, w := range fresh {
		all = append(all, news{w, itemsOf(c.opt.Content)})
	}
	for uid := range changed {
		all = append(all, news{want{uid: uid, news: true}, headers})
	}
	for uid := range gone {
		all = append(all, news{want{uid: uid}, nothing})
	}
	slices.SortFunc(all, func(a, b news) int { return cmp.Compare(a.uid, b.uid) })
	return all, nil
}

// compare lists what the base does not have, and what it has and the server
// does not list.
func (c *comparison) compare(ctx context.Context) (fresh []want, gone map[uint64]bool, err error) {
	f, earlier := c.folder, c.earlier
	gone = map[uint64]bool{}
	if c.search == nil && earlier.HasAll() && f.UIDNext > 0 && earlier.Entry.UIDNext > 0 {
		if fresh, err = c.listFrom(ctx, f.UIDNext); err != nil {
			return nil, nil, err
		}
		came := uint64(len(fresh)) == f.UIDNext-earlier.Entry.UIDNext
		if came && c.box.UIDNext == f.UIDNext && int(c.box.Messages) == len(earlier.Messages)+len(fresh) {
			return fresh, gone, nil
		}
	}
	for i := range earlier.Messages {
		c.maybe = append(c.maybe, earlier.Messages[i].UID)
	}
	wants, err := c.messages(ctx, f.UIDNext)
	if err != nil {
		return nil, nil, err
	}
	if !c.contradictory() {
		listed := make([]uint64, len(wants)) // those that are excluded too
		for i := range wants {
			listed[i] = wants[i].uid
		}
		gone = earlier.Unlisted(listed)
	}
	fresh = slices.DeleteFunc(wants, func(w want) bool { return earlier.Knows(w.uid) })
	return fresh, gone, nil
}

// recognizedMessages is how many messages of the base are read again.
const recognizedMessages = 8

// checkBase fails if messages of the base have other keys than they had. A folder
// that was made anew may have its old UIDVALIDITY.
func (c *comparison) checkBase(ctx context.Context, missing map[uint64]bool) error {
	was := c.earlier.Sample(recognizedMessages, missing)
	if len(was) == 0 {
		return nil
	}
	same := true
	err := c.keysOf(ctx, c.opt.Recipe, slices.Sorted(maps.Keys(was)),
		func(uid uint64, key uint32) { same = same && was[uid] == key })
	if err == nil && !same {
		return &replacedError{"under the UIDs of the base it has other messages, though its UIDVALIDITY is the same",
			ErrBaseReplaced}
	}
	return err
}

// listFrom lists the messages that the base does not have, from its UIDNEXT to
// before another.
func (c *comparison) listFrom(ctx context.Context, next uint64) ([]want, error) {
	var wants []want
	from := c.earlier.Entry.UIDNext
	if from >= next {
		return nil, nil
	}
	err := c.box.FetchAll(ctx, from, next-1, imapconn.Items{InternalDate: true, Size: true}, 0,
		func(m *imapconn.Message) error {
			if !c.earlier.Knows(m.UID) {
				wants = append(wants, want{uid: m.UID, size: m.Size, claim: m.Size, date: packDate(m.InternalDate)})
			}
			return nil
		})
	slices.SortFunc(wants, wantsByUID)
	return wants, err
}

// changed finds the messages of the base whose flags are others now, and makes
// sure of those that seem to be gone: they are asked for once more. grown tells that
// others have come.
func (c *comparison) changed(ctx context.Context, grown bool,
	missing map[uint64]bool) (changed, gone map[uint64]bool, err error) {
	changed, gone = map[uint64]bool{}, map[uint64]bool{}
	see := func(uid uint64, flags []string) {
		if c.earlier.FlagsDiffer(uid, flags) {
			changed[uid] = true
		}
	}
	var ask []uint64
	asked, unsaid, err := c.askChanges(ctx, grown, len(missing) > 0, see)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range c.earlier.Messages {
		if !asked || missing[m.UID] || isIn(unsaid, m.UID) {
			ask = append(ask, m.UID)
		}
	}
	err = c.box.Fetch(ctx, ask, imapconn.Items{Flags: true}, 0, func(m *imapconn.Message) error {
		switch m.State {
		case imapconn.Have:
			if !m.Unknown.Has(imapconn.UnknownFlags) {
				see(m.UID, m.Flags)
			}
		case imapconn.Expunged:
			gone[m.UID] = true
			delete(changed, m.UID)
		default: // the export will tell
			changed[m.UID] = true
		}
		return nil
	})
	return changed, gone, err
}

// askChanges lets the server say which flags have changed. It returns false
// where that is not to be had, or where its mod-sequences contradict each other or
// what has become of the folder: all are compared then. Of the messages in unsaid
// it says that they have changed, and not how; they are sorted.
func (c *comparison) askChanges(ctx context.Context, grown, shrunk bool,
	see func(uint64, []string)) (asked bool, unsaid []uint64, err error) {
	since, told, opened := base.ModSeq(&c.earlier.Entry), base.ModSeq(c.folder), c.box.HighestModSeq
	switch {
	case !c.box.KnowsChanges(), since == 0, opened < since, told != 0 && told < since, !c.earlier.Whole,
		c.earlier.Entry.UIDNext == 0:
		return false, nil, nil
	case len(c.earlier.Messages) == 0:
		return true, nil, nil
	case max(told, opened) == since: // each message that comes has a new one
		return !grown, nil, nil
	}
	last := c.earlier.Messages[len(c.earlier.Messages)-1].UID
	found, unsaid, err := c.box.Changed(ctx, last, since)
	if imapconn.IsRefused(err) {
		c.warn("folder %s: the server does not say what has changed, and all flags are compared: %s", c.folder.Name, err)
		return false, nil, nil
	}
	for uid, flags := range found {
		see(uid, flags)
	}
	slices.Sort(unsaid)
	shown := len(found)+len(unsaid) > 0 || grown || shrunk // what HIGHESTMODSEQ has risen for
	return shown, unsaid, err
}

func isIn(sorted []uint64, uid uint64) bool {
	_, found := slices.BinarySearch(sorted, uid)
	return found
}

// alike adds to the new messages those of the base that have the key of one of
// them, octets and all: whoever counts equal messages has to know of all of
// them, and to tell them apart. A base that is a delta alone does not tell the
// keys of what it does not mention; these are read.
func (c *comparison) alike(ctx context.Context, fresh []want, gone map[uint64]bool) ([]want, error) {
	byKey := map[uint32][]uint64{}
	var untold []uint64
	if len(fresh) > 0 {
		for _, m := range c.earlier.Messages {
			switch {
			case gone[m.UID]:
			case m.Key == 0:
				untold = append(untold, m.UID)
			default:
				byKey[m.Key] = append(byKey[m.Key], m.UID)
			}
		}
	}
	if len(byKey)+len(untold) == 0 {
		return fresh, nil
	}
	ofNew := map[uint32][]uint64{}
	err := c.keysOf(ctx, c.opt.Recipe, uids(fresh),
		func(uid uint64, key uint32) { ofNew[key] = append(ofNew[key], uid) })
	if err != nil {
		return nil, err
	}
	err = c.keysOf(ctx, c.opt.Recipe, untold, func(uid uint64, key uint32) {
		if ofNew[key] != nil {
			byKey[key] = append(byKey[key], uid)
		}
	})
	if err != nil {
		return nil, err
	}
	var equals []want
	for key, these := range ofNew {
		for _, uid := range these {
			fresh[find(fresh, uid)].twin = byKey[key] != nil
		}
		for _, uid := range byKey[key] {
			equals = append(equals, want{uid: uid, news: true, twin: true})
		}
	}
	return append(fresh, equals...), nil
}
