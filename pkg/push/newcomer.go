package push

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// newcomer is a message that came to the folder after the plan was made.
type newcomer struct {
	uid   uint32
	date  int64 // INTERNALDATE in seconds
	taken bool

	// Loose digests, once they are needed.
	read, hasBody bool
	sum, body     [sha256.Size]byte // of all, and of what follows the header
}

// claims finds which of the messages have come to the folder since the plan was
// made: for each the newcomer that it is, or nil. A message that is altered on
// its way may have come as it is sent, or, before that was asked for, as it was.
func (d *desk) claims(t *target, ms []*message) ([]*newcomer, error) {
	out, err := d.pair(t, ms)
	if err != nil || t.refused != nil {
		return out, err
	}
	var places []int
	var plain []*message
	for i, m := range ms {
		if out[i] == nil && m.source() != m {
			places, plain = append(places, i), append(plain, m.source())
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
func (d *desk) pair(t *target, ms []*message) ([]*newcomer, error) {
	out := make([]*newcomer, len(ms))
	byKey := map[string][]int{}
	for i, m := range ms {
		if slices.ContainsFunc(t.newer[m.Key], (*newcomer).free) {
			byKey[m.Key] = append(byKey[m.Key], i)
		}
	}
	if len(byKey) == 0 {
		return out, nil
	}
	if err := d.digests(t, byKey); err != nil || t.refused != nil {
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
func (t *target) claimKey(key string, ms []*message, places []int, out []*newcomer) error {
	wanted := make([][sha256.Size]byte, len(places))
	for k, i := range places {
		var err error
		if wanted[k], err = headerkey.Digest(io.NewSectionReader(ms[i], 0, ms[i].Size)); err != nil {
			return err
		}
	}
	for _, anyDate := range []bool{false, true} {
		free := map[looks][]*newcomer{}
		for _, n := range t.newer[key] {
			if n.free() {
				free[n.looks(anyDate)] = append(free[n.looks(anyDate)], n)
			}
		}
		for k, i := range places {
			l := looks{wanted[k], unix(ms[i].InternalDate)}
			if anyDate {
				l.date = 0
			}
			if same := free[l]; out[i] == nil && len(same) > 0 {
				out[i], same[0].taken, free[l] = same[0], true, same[1:]
			}
		}
	}
	t.claimRewritten(key, ms, places, out)
	return nil
}

// claimRewritten is for a server that adds to the header of what it stores: the
// key, the date and all that follows the header must agree. What is larger than
// a piece is not looked at so closely.
func (t *target) claimRewritten(key string, ms []*message, places []int, out []*newcomer) {
	for _, i := range places {
		m := ms[i]
		if out[i] != nil || int64(len(m.octets)) != m.Size {
			continue
		}
		body, date := looseBody(m.octets), unix(m.InternalDate)
		for _, n := range t.newer[key] {
			if n.free() && n.hasBody && n.body == body && n.date == date {
				out[i], n.taken = n, true
				break
			}
		}
	}
}

// looseBody is the loose digest of what follows the header.
func looseBody(octets []byte) [sha256.Size]byte {
	sum := headerkey.NewDigester()
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if _, body, ok := bytes.Cut(octets, []byte(end)); ok {
			sum.Write(body)
			return sum.Sum()
		}
	}
	sum.Write(octets)
	return sum.Sum()
}

// looks is what a newcomer is known by.
type looks struct {
	sum  [sha256.Size]byte
	date int64
}

func (n *newcomer) looks(anyDate bool) looks {
	if anyDate {
		return looks{n.sum, 0}
	}
	return looks{n.sum, n.date}
}

func (n *newcomer) free() bool { return !n.taken }

// pieceSize is how much of a message is read at a time, in octets.
const pieceSize = 1 << 20

// digests reads the newcomers of some keys for their loose hashes.
func (d *desk) digests(t *target, keys map[string][]int) error {
	byUID := map[uint32]*newcomer{}
	for key := range keys {
		for _, n := range t.newer[key] {
			if n.free() && !n.read {
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
	sum := headerkey.NewDigester()
	var large []*newcomer
	err := d.box.Fetch(d.ctx, slices.Sorted(maps.Keys(byUID)), imapconn.Items{Body: true}, pieceSize, func(m *imapconn.Message) error {
		n := byUID[m.UID]
		switch {
		case n == nil:
		case m.State != imapconn.Have:
			n.taken = true
			t.unknown(n.uid, m.State, m.Text)
		case m.Body == nil && m.Literal > 0:
			large = append(large, n)
		default:
			sum.Reset()
			sum.Write(m.Body)
			n.sum, n.read = sum.Sum(), true
			n.body, n.hasBody = looseBody(m.Body), true
		}
		return nil
	})
	for _, n := range large {
		if err == nil {
			err = d.digestLarge(t, n, sum)
		}
	}
	return err
}

func (d *desk) digestLarge(t *target, n *newcomer, sum *headerkey.Digester) error {
	sum.Reset()
	err := d.box.ReadParts(d.ctx, n.uid, pieceSize, func(piece []byte) bool {
		sum.Write(piece)
		return false
	})
	var one *imapconn.PartError
	if errors.As(err, &one) {
		n.taken = true
		t.unknown(n.uid, one.State, one.Text)
		return nil
	}
	if err == nil {
		n.sum, n.read = sum.Sum(), true
	}
	return err
}
