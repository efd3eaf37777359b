package stream

import (
	"crypto/sha256"
	"errors"
)

// before remembers the streams of a concatenation that have come.
type before struct {
	ends     map[digest]bool // their hashes
	accounts map[digest]bool
}

type digest [16]byte

// maxBefore bounds it: no delta may stand behind more streams.
const maxBefore = 1 << 16

func digestOf(texts ...string) (d digest) {
	h := sha256.New()
	for _, t := range texts {
		h.Write([]byte(t))
		h.Write([]byte{0})
	}
	copy(d[:], h.Sum(nil))
	return d
}

// begun notes a stream, and reports whether one of its account may have come
// before.
func (s *before) begun(b *Begin) bool {
	account := digestOf(b.Account().String())
	if s.accounts[account] || len(s.accounts) == maxBefore {
		return true
	}
	if s.accounts == nil {
		s.accounts = map[digest]bool{}
	}
	s.accounts[account] = true
	return false
}

func (s *before) ended(e *End) {
	if s.ends == nil {
		s.ends = map[digest]bool{}
	}
	if len(s.ends) < maxBefore {
		s.ends[digestOf(e.Hash)] = true
	}
}

// has reports whether a stream with this hash has come.
func (s *before) has(hash string) bool { return s.ends[digestOf(hash)] }

// continues checks that a delta stands behind its base, if others of its account
// are in front of it.
func (s *section) continues(b *Begin) error {
	known := s.before.begun(b)
	if s.late = b.Base != "" && !b.Plan && known; s.late && !s.edited && !s.before.has(b.Base) {
		return s.corrupt(errors.New("a delta whose base is not among the streams before it"))
	}
	return nil
}
