package destination

import (
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
)

// Arrival is a message that came to the folder after the plan was made.
type Arrival struct {
	UID   uint64
	Date  int64 // INTERNALDATE in seconds
	size  int64 // bytes, as the server says
	taken bool

	*headerkey.Loose // once it is needed
}

func (x *Arrival) free() bool { return !x.taken }

// known reports whether it is free and its content was read.
func (x *Arrival) known() bool { return x.free() && x.Loose != nil }

// copyOf reports whether it is free and looks like a server's copy of a message: a
// copy has the key, the size and the date of its message.
func (x *Arrival) copyOf(m *batch.Message) bool {
	return x.free() && x.size == m.Size && x.Date == m.Date()
}

// claims pairs messages of the plan with arrivals.
type claims struct {
	*Arrivals
	session  *Session
	messages []*batch.Message
	out      []*Arrival // of each message, or nil
}

// Claims finds which of the messages have come to the folder since the plan was
// made: for each the arrival that it is, or nil. A message that is changed on its
// way may have come as it is sent, or, before that was asked for, as it was.
func (a *Arrivals) Claims(s *Session, ms []*batch.Message) ([]*Arrival, error) {
	out, err := a.pair(s, ms)
	if err != nil || a.folder.Refused != nil {
		return out, err
	}
	var places []int
	var plain []*batch.Message
	for i, m := range ms {
		if out[i] == nil && m.Source() != m {
			places, plain = append(places, i), append(plain, m.Source())
		}
	}
	found, err := a.pair(s, plain)
	for k, x := range found {
		out[places[k]] = x
	}
	return out, err
}

// pair finds an arrival for each message, or nil. Messages of one key are told
// apart by their content, as far as servers leave that alone. An arrival whose
// content cannot be read makes the folder refused.
func (a *Arrivals) pair(s *Session, ms []*batch.Message) ([]*Arrival, error) {
	c := &claims{a, s, ms, make([]*Arrival, len(ms))}
	c.copies()
	byKey := map[string][]int{}
	for i, m := range ms {
		if c.out[i] == nil && slices.ContainsFunc(a.newer[m.Key], (*Arrival).free) {
			byKey[m.Key] = append(byKey[m.Key], i)
		}
	}
	if len(byKey) == 0 {
		return c.out, nil
	}
	if err := c.hash(byKey); err != nil || a.folder.Refused != nil {
		return c.out, err
	}
	if err := c.hashAtSource(byKey); err != nil {
		return c.out, err
	}
	for key, places := range byKey {
		if err := c.key(key, places); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

func (c *claims) take(i int, x *Arrival) { c.out[i], x.taken = x, true }

// copies finds arrivals that are copies of messages. Where another may have them
// too, content has to tell.
func (c *claims) copies() {
	if c.folder.Sources != 1 {
		return
	}
	for i, m := range c.messages {
		if !m.Copied || m.Twin {
			continue
		}
		if k := slices.IndexFunc(c.newer[m.Key], func(x *Arrival) bool { return x.copyOf(m) }); k >= 0 {
			c.take(i, c.newer[m.Key][k])
		}
	}
}

// looks is what an arrival is known by.
type looks struct {
	sum  [sha256.Size]byte
	date int64
}

// key pairs the messages of one key with arrivals of the same content, those of the
// same date first.
func (c *claims) key(key string, places []int) error {
	wanted := make([]*headerkey.Loose, len(places))
	for k, i := range places {
		var err error
		if wanted[k], err = c.messages[i].Hash(); err != nil {
			return err
		}
	}
	for _, anyDate := range []bool{false, true} {
		looksOf := func(l *headerkey.Loose, date int64) looks {
			if anyDate {
				date = 0
			}
			return looks{l.Whole, date}
		}
		free := map[looks][]*Arrival{}
		for _, x := range c.newer[key] {
			if x.known() {
				l := looksOf(x.Loose, x.Date)
				free[l] = append(free[l], x)
			}
		}
		for k, i := range places {
			l := looksOf(wanted[k], c.messages[i].Date())
			if same := free[l]; c.out[i] == nil && len(same) > 0 {
				c.take(i, same[0])
				free[l] = same[1:]
			}
		}
	}
	c.rewritten(key, places, wanted)
	return nil
}

// rewritten is for a server that adds to the header of what it stores: the key, the
// date and all that follows the header must agree.
func (c *claims) rewritten(key string, places []int, wanted []*headerkey.Loose) {
	for k, i := range places {
		m := c.messages[i]
		if c.out[i] != nil || m.Copied {
			continue
		}
		same := func(x *Arrival) bool { return x.known() && x.Body == wanted[k].Body && x.Date == m.Date() }
		if n := slices.IndexFunc(c.newer[key], same); n >= 0 {
			c.take(i, c.newer[key][n])
		}
	}
}

// hash reads the arrivals of some keys.
func (c *claims) hash(keys map[string][]int) error {
	byUID := map[uint64]*Arrival{}
	for key := range keys {
		for _, x := range c.newer[key] {
			if x.free() && x.Loose == nil {
				byUID[x.UID] = x
			}
		}
	}
	if len(byUID) == 0 {
		return nil
	}
	s := c.session
	if err := s.Open(c.folder); err != nil {
		return err
	}
	size := func(uid uint64) int64 { return byUID[uid].size }
	take := func(uid uint64, l *headerkey.Loose, state imapconn.State, why string) {
		x := byUID[uid]
		switch {
		case x == nil:
		case l == nil:
			x.taken = true
			c.unreadable(x.UID, state, why)
		default:
			x.Loose = l
		}
	}
	return hashMessages(s, s.Box, slices.Sorted(maps.Keys(byUID)), size, take)
}

// hashAtSource reads those of the messages that the server copies. One that cannot
// be read is taken out of places: it is no arrival, and whoever copies it finds out.
func (c *claims) hashAtSource(places map[string][]int) error {
	unread := func(i int) bool { return c.messages[i].Copied && c.messages[i].Loose == nil }
	var want []*batch.Message
	for _, list := range places {
		for _, i := range list {
			if unread(i) {
				want = append(want, c.messages[i])
			}
		}
	}
	if err := c.session.HashAtSource(want); err != nil {
		return err
	}
	for key, list := range places {
		places[key] = slices.DeleteFunc(list, unread)
	}
	return nil
}

// Spare notes arrivals that are copies of messages which have been claimed already.
func (a *Arrivals) Spare(ms []*batch.Message) {
	for _, m := range ms {
		for _, x := range a.newer[m.Key] {
			if x.copyOf(m) {
				a.twice = append(a.twice, x)
			}
		}
	}
}
