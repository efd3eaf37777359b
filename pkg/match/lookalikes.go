package match

import (
	"math"
	"slices"
)

// Apart reports whether a message is certainly none of those that were claimed
// with the same key: it looks otherwise than all of them, or is byte for byte
// the copy of one, whose UID is returned.
func (m *Matcher) Apart(e *Entry, claimed []*Entry) (twin uint64, sure bool, err error) {
	var suspects []*Entry
	for _, c := range claimed {
		if c.Claimed == Loose || c.Claimed == KeyOnly || c.Date == e.Date && c.Size == e.Size {
			suspects = append(suspects, c)
		}
	}
	if len(suspects) == 0 {
		return 0, true, nil
	}
	if m.Reader == nil {
		return 0, false, nil
	}
	if err := m.Reader.ReadDigests(append(slices.Clone(suspects), e)); err != nil {
		return 0, false, err
	}
	for _, c := range suspects {
		if c.BothHashed(&e.Evidence) && c.SHA == e.SHA {
			return c.UID(), true, nil
		}
	}
	return 0, false, nil
}

// Identical reports whether messages are the same, byte for byte.
func (m *Matcher) Identical(all []*Entry) (bool, error) {
	if len(all) < 2 {
		return true, nil
	}
	if m.Reader == nil {
		return false, nil
	}
	if err := m.Reader.ReadDigests(all); err != nil {
		return false, err
	}
	first := &all[0].Evidence
	return !slices.ContainsFunc(all, func(e *Entry) bool { return !e.BothHashed(first) || e.SHA != first.SHA }), nil
}

// Unambiguous calls fn with those of the entries that no other entry could have been
// taken for: none of the same key that looks the same (where a pairing was loose,
// none of the same key) has other bytes.
func (m *Matcher) Unambiguous(twins []*Entry, fn func(*Entry)) error {
	type rivals struct {
		key  [16]byte
		rung uint8
		look signature
		by   Claim
	}
	alike := map[rivals]bool{}
	for _, e := range twins {
		r := rivals{key: e.Key, rung: e.Rung, by: e.Claimed}
		if e.Claimed == Likely {
			r.look, _ = e.signature(SameDate | SameSize)
		}
		same, known := alike[r]
		if !known {
			group := m.Index.Group(nil, &e.Evidence, math.MaxInt)
			if e.Claimed == Likely {
				group = slices.DeleteFunc(group, func(o *Entry) bool { return o.Date != e.Date || o.Size != e.Size })
			}
			var err error
			if same, err = m.Identical(group); err != nil {
				return err
			}
			alike[r] = same
		}
		if same {
			fn(e)
		}
	}
	return nil
}
