package fetch

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
)

// alike adds to the new messages those of the base that have the key of one of
// them, octets and all: whoever counts equal messages has to know of all of
// them, and to tell them apart. A base that is a delta alone does not tell the
// keys of what it does not mention; these are read.
func (s *source) alike(base *baseFolder, fresh []want, gone map[uint64]bool) ([]want, error) {
	byKey := map[uint32][]uint64{}
	var untold []uint64
	if len(fresh) > 0 {
		for _, h := range base.held {
			switch {
			case gone[h.uid]:
			case h.key == 0:
				untold = append(untold, h.uid)
			default:
				byKey[h.key] = append(byKey[h.key], h.uid)
			}
		}
	}
	if len(byKey)+len(untold) == 0 {
		return fresh, nil
	}
	ofNew := map[uint32][]uint64{}
	if err := s.keysOf(uids(fresh), func(uid uint64, key uint32) { ofNew[key] = append(ofNew[key], uid) }); err != nil {
		return nil, err
	}
	if err := s.keysOf(untold, func(uid uint64, key uint32) {
		if ofNew[key] != nil {
			byKey[key] = append(byKey[key], uid)
		}
	}); err != nil {
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

// keysOf calls fn with the hashes of the keys of messages, in no order.
func (s *source) keysOf(uids []uint64, fn func(uid uint64, key uint32)) error {
	return keys.Of(s.ctx, s.box, uids, s.recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		if id != nil {
			fn(m.UID, keyHash(id.Key))
		}
		return nil
	})
}
