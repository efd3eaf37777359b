package push

import (
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
)

// newcomer is a message that came to the folder after the plan was made.
type newcomer struct {
	uid   uint64
	date  int64 // INTERNALDATE in seconds
	size  int64 // octets, as the server says
	taken bool

	*loose // once it is needed
}

// claims finds which of the messages have come to the folder since the plan was
// made: for each the newcomer that it is, or nil. A message that is altered on
// its way may have come as it is sent, or, before that was asked for, as it was.
func (d *desk) claims(t *target, ms []*batch.Message) ([]*newcomer, error) {
	out, err := d.pair(t, ms)
	if err != nil || t.refused != nil {
		return out, err
	}
	var places []int
	var plain []*batch.Message
	for i, m := range ms {
		if out[i] == nil && m.Source() != m {
			places, plain = append(places, i), append(plain, m.Source())
		}
	}
	found, err := d.pair(t, plain)
	for k, n := range found {
		out[places[k]] = n
	}
	return out, err
}

// pair finds a newcomer for each message, or nil. Messages of one key are told
// apart by their octets, as far as servers leave those alone; a newcomer whose
// octets cannot be read makes t refused.
func (d *desk) pair(t *target, ms []*batch.Message) ([]*newcomer, error) {
	out := make([]*newcomer, len(ms))
	t.claimCopies(ms, out)
	byKey := map[string][]int{}
	for i, m := range ms {
		if out[i] == nil && slices.ContainsFunc(t.newer[m.Key], (*newcomer).free) {
			byKey[m.Key] = append(byKey[m.Key], i)
		}
	}
	if len(byKey) == 0 {
		return out, nil
	}
	if err := d.digests(t, byKey); err != nil || t.refused != nil {
		return out, err
	}
	if err := d.digestsAtSource(ms, byKey); err != nil {
		return out, err
	}
	for key, places := range byKey {
		if err := t.claimKey(key, ms, places, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// claimKey pairs the messages of one key with newcomers of the same octets,
// those of the same date first.
func (t *target) claimKey(key string, ms []*batch.Message, places []int, out []*newcomer) error {
	wanted := make([]*loose, len(places))
	for k, i := range places {
		var err error
		if wanted[k], err = ms[i].Hash(); err != nil {
			return err
		}
	}
	for _, anyDate := range []bool{false, true} {
		free := map[looks][]*newcomer{}
		for _, n := range t.newer[key] {
			if n.known() {
				free[n.looks(anyDate)] = append(free[n.looks(anyDate)], n)
			}
		}
		for k, i := range places {
			l := looks{wanted[k].Whole, batch.Seconds(ms[i].InternalDate)}
			if anyDate {
				l.date = 0
			}
			if same := free[l]; out[i] == nil && len(same) > 0 {
				out[i], same[0].taken, free[l] = same[0], true, same[1:]
			}
		}
	}
	t.claimRewritten(key, ms, places, wanted, out)
	return nil
}

// claimRewritten is for a server that adds to the header of what it stores: the
// key, the date and all that follows the header must agree.
func (t *target) claimRewritten(key string, ms []*batch.Message, places []int, wanted []*loose, out []*newcomer) {
	for k, i := range places {
		m := ms[i]
		if out[i] != nil || m.Copied {
			continue
		}
		date := m.Date()
		for _, n := range t.newer[key] {
			if n.known() && n.Body == wanted[k].Body && n.date == date {
				out[i], n.taken = n, true
				break
			}
		}
	}
}

// looks is what a newcomer is known by.
type looks struct {
	sum  [sha256.Size]byte
	date int64
}

func (n *newcomer) looks(anyDate bool) looks {
	if anyDate {
		return looks{n.Whole, 0}
	}
	return looks{n.Whole, n.date}
}

func (n *newcomer) free() bool { return !n.taken }

// known tells whether it is free and its octets were read.
func (n *newcomer) known() bool { return n.free() && n.loose != nil }

// digests reads the newcomers of some keys for their loose hashes.
func (d *desk) digests(t *target, keys map[string][]int) error {
	byUID := map[uint64]*newcomer{}
	for key := range keys {
		for _, n := range t.newer[key] {
			if n.free() && n.loose == nil {
				byUID[n.uid] = n
			}
		}
	}
	if len(byUID) == 0 {
		return nil
	}
	if d.open != t {
		if err := d.selectBox(t); err != nil {
			return err
		}
	}
	return looseOf(d.ctx, d.box, slices.Sorted(maps.Keys(byUID)), func(uid uint64) int64 { return byUID[uid].size }, func(uid uint64, l *loose, state imapconn.State, text string) {
		n := byUID[uid]
		switch {
		case n == nil:
		case l == nil:
			n.taken = true
			t.unknown(n.uid, state, text)
		default:
			n.loose = l
		}
	})
}
