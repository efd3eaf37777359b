package match

import (
	"cmp"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
)

// Verdict is what becomes of a source message.
type Verdict uint8

const (
	Missing      Verdict = iota // the destination lacks it
	Present                     // it is there
	Undecided                   // known once the folder has ended
	Incomparable                // its target cannot be compared
)

// MaxPairwise is how many messages of one key are looked through at once. In a
// larger group all wait and are paired together, so that the cost stays linear.
const MaxPairwise = 64

// EvidenceReader gets evidence that the index was made without, because few messages
// need it: Received lines, and the sha256 of bodies.
type EvidenceReader interface {
	ReadReceived([]*Entry) error
	ReadDigests([]*Entry) error
	// ReadLoose returns what the bytes of a message are known by, nil if they cannot be
	// read.
	ReadLoose(*Entry) (*headerkey.Loose, error)
}

// Matcher pairs the messages of one destination folder.
type Matcher struct {
	Index          index
	Reader         EvidenceReader // nil where nothing more can be had
	Pending        []Pending
	Strict         bool // nobody is paired by the key alone
	Depends        Dependents
	group          []*Entry // reused
	Flags          FlagLists
	Displaced      []Claimant // those who have lost their place and were not told
	DisplacedByKey []Claimant // of them, those who had it by the key alone
	KeepMissing    bool       // what is missing may be in another folder
	Piped          bool       // a mistaken claimant is known by its UID, its record being gone
	wide           []uint64   // UIDs of claimants, see number
}

// NewMatcher makes a matcher whose entries are allocated from store.
func NewMatcher(store *Store) *Matcher { return &Matcher{Index: index{store: store}} }

// Add adds a message of the destination.
func (m *Matcher) Add(e Message) *Entry {
	m.SetFlags(&e.Evidence, e.Flags, e.FlagsUnknown)
	return m.Index.add(Entry{Evidence: e.Evidence})
}

// SetFlags notes the flags of a message of the destination, or those that a message of
// the source is to have there.
func (m *Matcher) SetFlags(e *Evidence, flags []string, unknown bool) {
	if e.Flags = UnknownFlags; !unknown {
		e.Flags = m.Flags.number(flags)
	}
}

// Decide says what becomes of a message, as far as it can be told now; one
// that waits is remembered. With immediate false only its sha256 decides at once.
func (m *Matcher) Decide(e Evidence, ordinal uint32, immediate bool) (Verdict, *Entry) {
	m.group = m.Index.Group(m.group[:0], &e, MaxPairwise)
	var free, look, tied, weak, named *Entry
	alike := 0 // free entries that look like it
	for _, d := range m.group {
		switch {
		case d.Claimed == Certain:
		case d.Claimed == Reserved:
			named = d
		case d.Claimed == Likely:
			if d.looksLike(&e) {
				tied = d
			}
		case d.Claimed == Loose, d.Claimed == KeyOnly:
			if d.looksLike(&e) {
				weak = d
			}
		case e.BothHashed(&d.Evidence) && e.SHA == d.SHA:
			m.Claim(d, Certain, &e, ordinal)
			return Present, d
		default:
			free = d
			if !e.BothHashed(&d.Evidence) && d.looksLike(&e) {
				alike++
				look = cmp.Or(look, d)
			}
		}
	}
	if weak != nil && look == nil && immediate {
		m.Displaced = append(m.Displaced, m.ClaimantOf(weak))
		if weak.Claimed == KeyOnly {
			m.DisplacedByKey = append(m.DisplacedByKey, m.ClaimantOf(weak))
		}
		m.Claim(weak, Likely, &e, ordinal)
		return Present, weak
	}
	if free == nil && tied == nil && weak == nil && named == nil && len(m.group) < MaxPairwise {
		return Missing, nil
	}
	chosen := alike == 1 || m.Depends == 0
	if look != nil && chosen && immediate && !e.Has(KnownTwin) && len(m.group) < MaxPairwise {
		m.Claim(look, Likely, &e, ordinal)
		return Present, look
	}
	m.Pending = append(m.Pending, Pending{Evidence: e, Ordinal: ordinal})
	return Undecided, nil
}

func (m *Matcher) Claim(d *Entry, by Claim, e *Evidence, ordinal uint32) {
	d.Claimed, d.Claimant = by, ordinal
	if m.Piped {
		d.Claimant = m.number(e.UID())
	}
	if !d.Has(KnownSHA) && e.Has(KnownSHA) {
		d.SHA = e.SHA
	}
}

// Claimant is the source message that an entry was taken for: its ordinal, or
// on a pipe its UID.
type Claimant uint64

// isWide marks a number that stands for a UID that has too many bits.
const isWide = 1 << 31

// number returns what stands for a UID in an entry.
func (m *Matcher) number(uid uint64) uint32 {
	if uid < isWide {
		return uint32(uid)
	}
	m.wide = append(m.wide, uid)
	return isWide | uint32(len(m.wide)-1)
}

// ClaimantOf returns who has an entry.
func (m *Matcher) ClaimantOf(d *Entry) Claimant {
	if m.Piped && d.Claimant&isWide != 0 {
		return Claimant(m.wide[d.Claimant&^isWide])
	}
	return Claimant(d.Claimant)
}
