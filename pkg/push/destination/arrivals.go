package destination

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// newsAge is how old the server's last word on a folder may be when a batch goes.
const newsAge = time.Second

// Arrivals are the messages that came to a folder since the plan was made: those of
// this run, and those of others. What others put there is read before the next batch
// goes. That costs nothing as long as the server reports (EXISTS, APPENDUID) just
// what this run has appended.
type Arrivals struct {
	folder  *Folder
	uidNext uint64                // everything below has been looked at or is ours
	newer   map[string][]*Arrival // by key, of others
	twice   []*Arrival            // of these, with the key of a message that this run has appended
	first   bool                  // one of these came before ours

	recent   recent
	unnamed  map[string]int // of ours, by key, where the server tells no UIDs
	expected uint32         // messages in the folder, as far as this run knows

	gapFrom, gapTo uint64    // UIDs below uidNext that are not ours, 0: none
	blind          bool      // of some of ours the server has told no UID since it was asked for news
	newsAt         time.Time // when it was
}

// recent is what a run has appended to a folder of late.
type recent struct {
	keys, before map[string]uint64 // lowest UID by key, 0: unknown; and those of the batch before
	uids         map[uint64]bool
}

func (r *recent) add(key string, uid uint64) {
	if r.keys == nil {
		r.keys, r.uids = map[string]uint64{}, map[uint64]bool{}
	}
	if _, known := r.keys[key]; !known {
		r.keys[key] = uid
	}
	if uid != 0 {
		r.uids[uid] = true
	}
}

// next forgets the batch before the last.
func (r *recent) next() { r.before, r.keys, r.uids = r.keys, nil, nil }

// earlier reports whether a message of that key has been appended, and whether
// the one with the given UID was there first, or may have been.
func (r *recent) earlier(key string, uid uint64) (appended, first bool) {
	own, appended := r.keys[key]
	if !appended {
		own, appended = r.before[key]
	}
	return appended, appended && (own == 0 || uid < own)
}

// begin makes messages from uidNext on arrivals, where the folder holds so many.
func (a *Arrivals) begin(uidNext uint64, messages uint32) {
	a.newer, a.uidNext, a.expected = map[string][]*Arrival{}, uidNext, messages
}

// UIDNext returns the UID below which everything has been looked at or is ours.
func (a *Arrivals) UIDNext() uint64 { return a.uidNext }

// Any reports whether the folder was seen to hold messages, or to have had some.
func (a *Arrivals) Any() bool { return a.expected > 0 || a.uidNext > 1 }

// Gap reports whether UIDs that the server has told of ours leave others out.
func (a *Arrivals) Gap() bool { return a.gapFrom != 0 }

// Stale reports whether the server's last word on the folder is too old for a batch
// to go.
func (a *Arrivals) Stale() bool { return time.Since(a.newsAt) > newsAge }

// Doubt makes the server's last word on the folder too old.
func (a *Arrivals) Doubt() { a.newsAt = time.Time{} }

// Holds reports whether one of the messages may have come by other means than this run.
func (a *Arrivals) Holds(ms []*batch.Message) bool {
	return len(a.newer) > 0 && slices.ContainsFunc(ms, func(m *batch.Message) bool { return len(a.newer[m.Key]) > 0 })
}

// Appended notes a message that this run has appended; uid is 0 if the server does
// not tell.
func (a *Arrivals) Appended(key string, uid uint64) {
	a.expected++
	a.recent.add(key, uid)
	if uid == 0 {
		a.blind = true
		if a.unnamed == nil {
			a.unnamed = map[string]int{}
		}
		a.unnamed[key]++
		return
	}
	if uid > a.uidNext { // others may be in between
		if a.gapFrom == 0 {
			a.gapFrom = a.uidNext
		}
		a.gapTo = uid - 1
	}
	a.uidNext = max(a.uidNext, uid+1)
}

// EndBatch says that what is appended next is of another batch.
func (a *Arrivals) EndBatch() { a.recent.next() }

// Doubled counts what is there twice: others have put it there, and it is no
// other message of the plan.
func (a *Arrivals) Doubled() (n int) {
	for _, x := range a.twice {
		if x.free() {
			n++
		}
	}
	return n
}

// CameFirst reports whether one that is there twice came before ours, since this was
// asked last.
func (a *Arrivals) CameFirst() bool {
	first := a.first
	a.first = false
	return first
}

// Look reads the keys of the arrivals. A folder that contradicts itself is refused:
// what it hides would be appended again.
func (a *Arrivals) Look(s *Session) error {
	f := a.folder
	if err := s.Open(f); err != nil {
		return err
	}
	from := a.uidNext
	if err := a.read(s); err != nil || !a.hidden(s, from) {
		return err
	}
	if told, err := s.Box.StatusNow(s.Ctx); err == nil && told.Messages <= s.Box.Messages {
		return nil // they were expunged
	}
	box, told, err := s.Box.Reopen(s.Ctx)
	if err != nil {
		return f.Refuse(err)
	}
	switch validity := s.Box.UIDValidity; {
	case box.UIDValidity != validity:
		f.Refused = fmt.Errorf("its UIDVALIDITY was %d a moment ago and is %d now: make a new plan", validity,
			box.UIDValidity)
		return nil
	case box.Messages < told.Messages:
		f.Refused = fmt.Errorf("the server says that it holds %s, and shows %d",
			text.Count(told.Messages, "message"), box.Messages)
		return nil
	}
	s.use(f, box)
	return a.read(s)
}

// hidden reports whether the open folder shows nothing where there was something,
// or where something has come.
func (a *Arrivals) hidden(s *Session, from uint64) bool {
	if s.Box.Messages == 0 {
		return max(s.Box.UIDNext, a.folder.Next, from) > 1
	}
	return s.Box.UIDNext > from && a.uidNext == from
}

// read takes what there is at and above uidNext, and in the gap below it.
func (a *Arrivals) read(s *Session) error {
	a.newsAt, a.expected = time.Now(), s.Box.Messages
	if err := a.readGap(s); err != nil || s.Box.Messages == 0 {
		return err
	}
	if s.Box.UIDNext != 0 && s.Box.UIDNext <= a.uidNext { // so it says
		if last, err := s.Box.LargestUID(s.Ctx); err != nil || last < a.uidNext {
			return err
		}
	}
	return a.readRange(s, a.uidNext, 0)
}

func (a *Arrivals) readGap(s *Session) error {
	if a.gapFrom != 0 {
		if err := a.readRange(s, a.gapFrom, a.gapTo); err != nil {
			return err
		}
	}
	a.gapFrom, a.gapTo, a.blind = 0, 0, false
	return nil
}

// readRange takes the messages with UIDs from from to to, 0 being the last, that
// are not of this run.
func (a *Arrivals) readRange(s *Session, from, to uint64) error {
	next := a.uidNext
	err := keys.Each(s.Ctx, s.Box, from, to, s.Recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case m.UID < from: // UID n:* gives the last message also when it is below n
			return nil
		case a.recent.uids[m.UID]:
			return nil
		case id == nil:
			a.unreadable(m.UID, m.State, m.Text)
			return nil
		}
		next = max(next, m.UID+1)
		if a.unnamed[id.Key] > 0 {
			a.unnamed[id.Key]--
			return nil
		}
		x := &Arrival{UID: m.UID, Date: batch.Seconds(m.InternalDate), size: m.Size}
		if appended, first := a.recent.earlier(id.Key, m.UID); appended {
			a.twice = append(a.twice, x)
			a.first = a.first || first
		}
		a.newer[id.Key] = append(a.newer[id.Key], x)
		return nil
	})
	a.uidNext = next
	return err
}

// unreadable refuses the folder for a message that came to it and could not be read.
// It may be one of the plan, which would be appended again.
func (a *Arrivals) unreadable(uid uint64, state imapconn.State, why string) {
	if state == imapconn.Expunged || a.folder.Refused != nil {
		return
	}
	a.folder.Refused = fmt.Errorf("message %d came to it since the plan was made, or is one of the plan, "+
		"and cannot be read: %s", uid, cmp.Or(why, "the server gives no reason"))
}

// News reads what others have put into the folder since the last look. If ask is
// set, the server is asked even if all is as this run expects.
func (a *Arrivals) News(s *Session, ask bool) error {
	a.newsAt = time.Now()
	quiet, err := a.quiet(s, ask)
	if err != nil || quiet {
		return err
	}
	a.expected, s.expunged, _ = s.Box.Count()
	if err := a.readGap(s); err != nil {
		return err
	}
	return a.readRange(s, a.uidNext, 0)
}

// quiet reports whether the folder holds just what this run knows of: the server
// is asked if it has not said so by itself.
func (a *Arrivals) quiet(s *Session, ask bool) (bool, error) {
	if s.open != a.folder {
		return false, s.Reopen(a.folder)
	}
	same := func() bool {
		messages, expunged, ok := s.Box.Count()
		return ok && messages == a.expected && expunged == s.expunged && a.gapFrom == 0
	}
	if same() && !a.blind && !ask {
		return true, nil
	}
	if err := s.Box.Poll(s.Ctx); err != nil {
		return false, err
	}
	return same(), nil
}

// Short reports whether the folder shows fewer messages than it should after what
// this run has appended.
func (a *Arrivals) Short(s *Session) (bool, error) {
	if err := s.Open(a.folder); err != nil {
		return false, err
	}
	fewer := func() bool {
		messages, expunged, ok := s.Box.Count()
		return !ok || int64(messages)+int64(expunged-s.expunged) < int64(a.expected)
	}
	if !fewer() {
		return false, nil
	}
	err := s.Box.Poll(s.Ctx)
	return err == nil && fewer(), err
}
