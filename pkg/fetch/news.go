package fetch

import (
	"cmp"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// update reads what is new or changed of a folder that the base has, as far as
// that is not done.
func (s *source) update(f *stream.Folder, base *baseFolder, done stream.Progress) error {
	if s.unchanged(f, base) {
		s.opt.Progress.Skip(int64(f.Messages), 0)
		return nil
	}
	return s.examine(f, func() error {
		all, err := s.news(f, base, done)
		if err != nil {
			return err
		}
		s.opt.Progress.Skip(max(0, int64(f.Messages)-int64(len(all))), 0)
		return s.tell(slices.DeleteFunc(all, func(n news) bool { return n.uid <= done.LastUID }))
	})
}

// unchanged reports whether the listing of the account shows that a folder is as
// the base has it.
func (s *source) unchanged(f *stream.Folder, base *baseFolder) bool {
	same := base.whole && !base.doubted && base.sameAs(f)
	if s.chooser != nil {
		return same && slices.Equal(s.opt.Filters, s.opt.Base.filters)
	}
	return same && int(f.Messages) == len(base.held)
}

// news is what is to be said of one message.
type news struct {
	want
	what newsKind
}

type newsKind byte

const (
	isNew newsKind = iota
	isChanged
	isGone
)

// news finds out what is new or changed in the open folder, by ascending UID.
func (s *source) news(f *stream.Folder, base *baseFolder, done stream.Progress) ([]news, error) {
	fresh, gone, err := s.compare(f, base, done)
	if err != nil {
		return nil, err
	}
	if same, err := s.holdsBase(base, gone); err != nil {
		return nil, err
	} else if !same {
		return nil, s.replaced(f,
			"under the UIDs of the base it has other messages, though its UIDVALIDITY is the same; export "+
				"without --base")
	}
	changed, gone, err := s.changed(f, base, len(fresh) > 0, gone)
	if err != nil {
		return nil, err
	}
	if s.contradictory() { // nothing is expunged on the word of such a server
		gone = nil
	}
	if fresh, err = s.alike(base, fresh, gone); err != nil {
		return nil, err
	}
	for _, w := range fresh {
		delete(changed, w.uid)
	}
	all := make([]news, 0, len(fresh)+len(changed)+len(gone))
	for _, w := range fresh {
		all = append(all, news{w, isNew})
	}
	for uid := range changed {
		all = append(all, news{want{uid: uid, news: true}, isChanged})
	}
	for uid := range gone {
		all = append(all, news{want{uid: uid}, isGone})
	}
	slices.SortFunc(all, func(a, b news) int { return cmp.Compare(a.uid, b.uid) })
	return all, nil
}

// compare lists what the base does not have, and what it has and the server
// does not list.
func (s *source) compare(f *stream.Folder, base *baseFolder,
	done stream.Progress) (fresh []want, gone map[uint64]bool, err error) {
	gone = map[uint64]bool{}
	if s.chooser == nil && base.hasAll() && f.UIDNext > 0 && base.entry.UIDNext > 0 {
		if fresh, err = s.listFrom(base, f.UIDNext); err != nil {
			return nil, nil, err
		}
		came := uint64(len(fresh)) == f.UIDNext-base.entry.UIDNext
		if came && s.box.UIDNext == f.UIDNext && int(s.box.Messages) == len(base.held)+len(fresh) {
			return fresh, gone, nil
		}
	}
	for i := range base.held {
		s.maybe = append(s.maybe, base.held[i].uid)
	}
	wants, err := s.chosen(f.UIDNext)
	if err != nil {
		return nil, nil, err
	}
	if err := s.tellClaims(done); err != nil {
		return nil, nil, err
	}
	if s.contradictory() {
		fresh = slices.DeleteFunc(wants, func(w want) bool { return base.knows(w.uid) })
		return fresh, gone, nil
	}
	there := 0
	for _, h := range base.held {
		for there < len(wants) && wants[there].uid < h.uid {
			there++
		}
		if there == len(wants) || wants[there].uid != h.uid {
			gone[h.uid] = true
		}
	}
	fresh = slices.DeleteFunc(wants, func(w want) bool { return base.knows(w.uid) })
	return fresh, gone, nil
}

// recognizedMessages is how many messages of the base are read again.
const recognizedMessages = 8

// holdsBase reports whether messages of the base have the keys still that they had.
// A folder that was made anew may have its old UIDVALIDITY.
func (s *source) holdsBase(base *baseFolder, missing map[uint64]bool) (bool, error) {
	there := func(yield func(held) bool) {
		for _, h := range base.held {
			if h.key != 0 && !missing[h.uid] && !yield(h) {
				return
			}
		}
	}
	n := 0
	for range there {
		n++
	}
	was := map[uint64]uint32{} // from the first to the last
	i := 0
	for h := range there {
		if len(was) <= i*(recognizedMessages-1)/max(n-1, 1) {
			was[h.uid] = h.key
		}
		i++
	}
	if len(was) == 0 {
		return true, nil
	}
	same := true
	err := s.keysOf(slices.Sorted(maps.Keys(was)), func(uid uint64, key uint32) { same = same && was[uid] == key })
	return same, err
}

// listFrom lists the messages of the open folder that the base does not have,
// from its UIDNEXT to before another.
func (s *source) listFrom(base *baseFolder, next uint64) ([]want, error) {
	var wants []want
	from := base.entry.UIDNext
	if from >= next {
		return nil, nil
	}
	err := s.box.FetchAll(s.ctx, from, next-1, imapconn.Items{InternalDate: true, Size: true}, 0,
		func(m *imapconn.Message) error {
			if !base.knows(m.UID) {
				wants = append(wants, want{uid: m.UID, size: m.Size, claim: m.Size, date: packDate(m.InternalDate)})
			}
			return nil
		})
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.uid, b.uid) })
	return wants, err
}

// changed finds the messages of the base whose flags are others now, and makes
// sure of those that seem to be gone: they are asked for once more. grown tells that
// others have come.
func (s *source) changed(f *stream.Folder, base *baseFolder, grown bool,
	missing map[uint64]bool) (changed, gone map[uint64]bool, err error) {
	changed, gone = map[uint64]bool{}, map[uint64]bool{}
	see := func(uid uint64, flags []string) {
		if i, known := base.find(uid); known && base.held[i].flags != flagsHash(flags) {
			changed[uid] = true
		}
	}
	var ask []uint64
	asked, unsaid, err := s.askChanges(f, base, grown, len(missing) > 0, see)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range base.held {
		if !asked || missing[h.uid] || isIn(unsaid, h.uid) {
			ask = append(ask, h.uid)
		}
	}
	err = s.box.Fetch(s.ctx, ask, imapconn.Items{Flags: true}, 0, func(m *imapconn.Message) error {
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
func (s *source) askChanges(f *stream.Folder, base *baseFolder, grown, shrunk bool,
	see func(uint64, []string)) (asked bool, unsaid []uint64, err error) {
	since, told, opened := modSeq(&base.entry), modSeq(f), s.box.HighestModSeq
	switch {
	case !s.box.KnowsChanges(), since == 0, opened < since, told != 0 && told < since, !base.whole,
		base.entry.UIDNext == 0:
		return false, nil, nil
	case len(base.held) == 0:
		return true, nil, nil
	case max(told, opened) == since: // each message that comes has a new one
		return !grown, nil, nil
	}
	last := base.held[len(base.held)-1].uid
	found, unsaid, err := s.box.Changed(s.ctx, last, since)
	if refused(err) {
		s.opt.Warn("folder %s: the server does not say what has changed, and all flags are compared: %s", f.Name, err)
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

// tell exports news in their order.
func (s *source) tell(all []news) error {
	s.listed += int64(len(all))
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].what == all[0].what {
			n++
		}
		if err := s.tellAlike(all[0].what, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// tellAlike exports news of one kind.
func (s *source) tellAlike(what newsKind, some []news) error {
	wants := make([]want, 0, len(some))
	for _, n := range some {
		if n.left {
			s.chooser.leave(1)
			continue
		}
		wants = append(wants, n.want)
	}
	if what == isNew {
		return s.export(wants)
	}
	for window := range slices.Chunk(wants, windowHeaders) {
		var err error
		if what == isChanged {
			err = s.headers(window)
		} else {
			err = s.gone(window)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gone hands over that messages of the base are not there any more.
func (s *source) gone(wants []want) error {
	b, err := s.take()
	if err != nil {
		return err
	}
	for _, w := range wants {
		b.items = append(b.items, item{kind: itemGone, uid: w.uid})
	}
	return s.give(b)
}
