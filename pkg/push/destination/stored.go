package destination

import (
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
)

// Stored is a message that the server says it has stored.
type Stored struct {
	*batch.Message
	UID  uint64 // 0: the server does not tell
	From uint64 // the folder's UIDNEXT before the message was appended, where it is looked for
}

// UIDsOf returns the UIDs that the server has told of messages, in order and each
// once, and whether it has told those of all.
func UIDsOf(sent []Stored) (uids []uint64, all bool) {
	for _, m := range sent {
		if m.UID != 0 {
			uids = append(uids, m.UID)
		}
	}
	all = len(uids) == len(sent)
	slices.Sort(uids)
	return slices.Compact(uids), all
}

// Absent opens the folder anew and returns those messages that it does not hold:
// none has the UID that the server has told, and none that came has the key. moved
// are those that have another UID than the server has told. What is below from was
// there before the messages were sent.
func (a *Arrivals) Absent(s *Session, sent []Stored, from uint64) (missing, moved []Stored, err error) {
	there, err := a.keysOf(s, sent, from)
	if err != nil {
		return nil, nil, err
	}
	var rest []Stored
	for _, m := range sent {
		if _, found := there[m.UID]; !found {
			rest = append(rest, m)
		}
		delete(there, m.UID)
	}
	byKey := map[string][]uint64{}
	for _, uid := range slices.Sorted(maps.Keys(there)) {
		if key := there[uid]; uid >= from {
			byKey[key] = append(byKey[key], uid)
		}
	}
	for _, m := range rest {
		same := byKey[m.Key]
		if len(same) == 0 {
			missing = append(missing, m)
			continue
		}
		if byKey[m.Key] = same[1:]; m.UID != 0 {
			m.UID = same[0]
			a.recent.add(m.Key, m.UID)
			moved = append(moved, m)
		}
	}
	if len(moved) == 0 {
		return missing, nil, nil
	}
	// What the server has told of UIDs says nothing of what has come.
	a.uidNext, a.gapFrom, a.gapTo = from, 0, 0
	return missing, moved, a.readRange(s, from, 0)
}

// keysOf opens the folder anew and returns the keys of what is at or above from, and
// of what the server has told the UIDs of: "" where a message cannot be read.
func (a *Arrivals) keysOf(s *Session, sent []Stored, from uint64) (there map[uint64]string, err error) {
	if err := s.Reopen(a.folder); err != nil {
		return nil, err
	}
	there = map[uint64]string{}
	take := func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case id != nil:
			there[m.UID] = id.Key
		case m.State != imapconn.Expunged:
			there[m.UID] = ""
		}
		return nil
	}
	uids, _ := UIDsOf(sent)
	if err = keys.Of(s.Ctx, s.Box, uids, s.Recipe, take); err == nil {
		err = keys.Each(s.Ctx, s.Box, from, 0, s.Recipe, take)
	}
	return there, err
}
