package match

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"iter"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/runs"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Pending is a source message whose fate is not known yet.
type Pending struct {
	Evidence
	Ordinal uint32 // among the messages of the stream
	Entry   *Entry // what it was paired with, or nil
	By      Trait  // what they have in common
	proven  bool   // entry was handed over and stays
	guess   bool   // another entry could be it as well
}

// strength says how good a claim is that was made by resolve: a further stream
// may bring a message that has a better one.
func (w *Pending) strength() Claim {
	switch {
	case w.By&sameOctets != 0:
		return Certain
	case w.looksLike(&w.Entry.Evidence):
		return Likely
	case w.By == 0:
		return KeyOnly
	}
	return Loose
}

// Pair is a source message and the destination message that it was found to be.
type Pair struct {
	Source  *Evidence
	Ordinal uint32
	Entry   *Entry
	KeyOnly bool // nothing but the key speaks for it: no flags, receipts or deletions depend on it
	Guess   bool // another message that looks alike could be it as well, and has other flags: none are to be changed
}

// Resolution is the fate of those who waited, and of messages that had been
// taken for present before the last evidence came.
type Resolution struct {
	Missing       []uint32   // ordinals, ascending
	Mistaken      []Claimant // those taken for present whose place another has
	MistakenByKey []Claimant // of the mistaken, those who were present by the key alone
	Pairs         []Pair     // present after all
	Ties          []Tie      // of messages without bytes

	Relocatable []Pending // the missing, where they may be in another folder
	Ambiguous   []uint32  // ordinals of the missing that could as well be another of the same key
}

// Tie is a choice that nothing but bytes can make, and here they are not known, or
// are those of none: of the messages with these ordinals, some are there already.
type Tie struct {
	Ordinals []uint32 // all of them, ascending
	Spare    []uint32 // as many of them as are there
	There    []stream.Tied
}

// Resolve decides all that waits, once no further message of the folder can
// come.
func (m *Matcher) Resolve() (*Resolution, error) {
	r := &Resolution{}
	sortByKey(m.Pending)
	if err := m.readReceived(); err != nil {
		return nil, err
	}
	if err := m.readForChoices(); err != nil {
		return nil, err
	}
	for ws := range byKey(m.Pending) {
		if err := m.resolveKey(ws, r); err != nil {
			return nil, err
		}
	}
	m.Pending = nil
	slices.Sort(r.Missing)
	return r, nil
}

// sortByKey sorts messages by key, those of one key as they came.
func sortByKey(all []Pending) {
	slices.SortFunc(all, func(a, b Pending) int {
		return cmp.Or(cmp.Compare(a.Rung, b.Rung), bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Ordinal, b.Ordinal))
	})
}

// byKey yields the messages of each key. They are sorted by key.
func byKey(all []Pending) iter.Seq[[]Pending] {
	return runs.Of(all, func(a, b Pending) bool { return a.Key == b.Key && a.Rung == b.Rung })
}

// readReceived reads the Received lines of entries that a pending message has nothing but
// the key in common with so far: of all keys together, because a server may have
// changed the size and the date of every message.
func (m *Matcher) readReceived() error {
	if m.Reader == nil {
		return nil
	}
	var need []*Entry
	for ws := range byKey(m.Pending) {
		m.group = m.Index.Group(m.group[:0], &ws[0].Evidence, MaxPairwise)
		need = appendUndecided(need, ws, m.group)
	}
	return readReceived(m.Reader, need)
}

// appendUndecided appends the entries whose Received lines are wanted by a pending message
// that agrees with none of those that are free. A large group is looked at when
// its turn comes.
func appendUndecided(need []*Entry, ws []Pending, group []*Entry) []*Entry {
	if len(ws)*len(group) > MaxPairwise*MaxPairwise {
		return need
	}
	for i := range ws {
		w := &ws[i]
		if w.Received == 0 || slices.ContainsFunc(group,
			func(d *Entry) bool { return d.IsFree() && w.agrees(&d.Evidence) }) {
			continue
		}
		for _, d := range group {
			if d.IsFree() && !d.Has(ReceivedRead) {
				need = append(need, d)
			}
		}
		return need
	}
	return need
}

// readReceived reads Received lines, of so many messages at a time that memory is
// bounded.
func readReceived(p EvidenceReader, entries []*Entry) error {
	for chunk := range slices.Chunk(entries, ChunkSize) {
		if err := p.ReadReceived(chunk); err != nil {
			return err
		}
	}
	return nil
}

// resolveKey pairs the pending messages of one key with what the destination has left
// of it. More evidence is asked for only when it matters who is left over.
func (m *Matcher) resolveKey(ws []Pending, r *Resolution) error {
	var free, likelies []*Entry
	for _, d := range m.Index.Group(nil, &ws[0].Evidence, math.MaxInt) {
		switch d.Claimed {
		case Unclaimed, Reserved:
			free = append(free, d)
		case Likely, Loose, KeyOnly:
			likelies = append(likelies, d)
		}
	}
	if m.Reader != nil && len(ws) > len(free) {
		if err := m.Reader.ReadReceived(free); err != nil {
			return err
		}
	}
	tied := assign(ws, free, m.Strict)
	if m.Reader != nil && wantsReceived(ws, free) {
		if err := readReceived(m.Reader, free); err != nil {
			return err
		}
		tied = assign(ws, free, m.Strict)
	}
	contested := lookAlikes(ws, likelies)
	switch proof := m.Reader != nil && (len(tied) > 0 || len(contested) > 0); {
	case proof && allHashed(ws):
		claimants := make([][16]byte, len(contested))
		for i, d := range contested {
			claimants[i] = d.SHA
		}
		if err := m.Reader.ReadDigests(slices.Concat(free, contested)); err != nil {
			return err
		}
		assign(ws, free, m.Strict) // who is left over is another now
		losers, alone := m.reassign(ws, contested, claimants)
		r.Mistaken, r.MistakenByKey = append(r.Mistaken, losers...), append(r.MistakenByKey, alone...)
		tied, contested = assign(ws, free, m.Strict), m.undecided(ws, contested, claimants)
		if len(tied)+len(contested) > 0 {
			if err := m.addTie(ws, tied, contested, r); err != nil {
				return err
			}
		}
	case proof && m.Piped && len(tied) == 0: // those who claimed what is contested are gone
	case proof && m.Piped:
		if err := m.addTie(ws, tied, nil, r); err != nil {
			return err
		}
	case proof:
		if err := m.addTie(ws, tied, contested, r); err != nil {
			return err
		}
	}
	if err := markGuesses(choicesOf(ws, free, m.Depends), m.Depends, m.Identical); err != nil {
		return err
	}
	for i := range ws {
		w := &ws[i]
		if w.Entry != nil {
			m.Claim(w.Entry, w.strength(), &w.Evidence, w.Ordinal)
			r.Pairs = append(r.Pairs, w.Pair())
			continue
		}
		r.Missing = append(r.Missing, w.Ordinal)
		if m.KeepMissing {
			r.Relocatable = append(r.Relocatable, *w)
		}
		if len(tied) > 0 || len(contested) > 0 {
			r.Ambiguous = append(r.Ambiguous, w.Ordinal)
		}
	}
	return nil
}

// Pair returns a message and its entry.
func (w *Pending) Pair() Pair {
	return Pair{Source: &w.Evidence, Ordinal: w.Ordinal, Entry: w.Entry, KeyOnly: w.By == 0, Guess: w.guess}
}

// undecided returns those of the contested whose bytes could not be read, or are
// not those of the claimant: who is left over may be the message there.
func (m *Matcher) undecided(ws []Pending, contested []*Entry, claimants [][16]byte) (rest []*Entry) {
	if m.Piped { // those who claimed what is contested are gone
		return nil
	}
	handedOver := map[*Entry]bool{}
	for i := range ws {
		if ws[i].proven {
			handedOver[ws[i].Entry] = true
		}
	}
	for i, d := range contested {
		if !handedOver[d] && !(d.Has(KnownSHA) && d.SHA == claimants[i]) {
			rest = append(rest, d)
		}
	}
	return lookAlikes(ws, rest)
}

// addTie leaves the choice between those who are tied, or have claimed what is
// contested, and those who are left over to whoever has their bytes.
func (m *Matcher) addTie(ws []Pending, tied []*Pending, contested []*Entry, r *Resolution) error {
	t := Tie{}
	there := func(ordinal uint32, d *Entry, dated bool) error {
		t.Ordinals, t.Spare = append(t.Ordinals, ordinal), append(t.Spare, ordinal)
		x := stream.Tied{UID: d.UID()}
		if dated { // the same bytes may be there with another date
			x.Date = int64(d.Date)
		}
		octets, err := m.Reader.ReadLoose(d)
		if octets != nil {
			x.Size, x.Digest, x.Body = octets.Size, hex.EncodeToString(octets.Whole[:]),
				hex.EncodeToString(octets.Body[:])
		}
		t.There = append(t.There, x)
		return err
	}
	for _, w := range tied {
		if err := there(w.Ordinal, w.Entry, w.By&SameDate != 0); err != nil {
			return err
		}
	}
	for _, d := range contested {
		if err := there(d.Claimant, d, true); err != nil {
			return err
		}
	}
	for i := range ws {
		if ws[i].Entry == nil {
			t.Ordinals = append(t.Ordinals, ws[i].Ordinal)
		}
	}
	slices.Sort(t.Ordinals)
	r.Ties = append(r.Ties, t)
	return nil
}

func allHashed(ws []Pending) bool {
	return !slices.ContainsFunc(ws, func(w Pending) bool { return !w.Has(KnownSHA) })
}

// lookAlikes returns the entries that were given to a message of the same look as
// one that is left over.
func lookAlikes(ws []Pending, likelies []*Entry) []*Entry {
	left := map[signature]bool{}
	for i := range ws {
		if s, _ := ws[i].signature(SameDate | SameSize); ws[i].Entry == nil {
			left[s] = true
		}
	}
	return slices.DeleteFunc(likelies, func(d *Entry) bool {
		s, _ := d.signature(SameDate | SameSize)
		return !left[s]
	})
}

// reassign gives entries that were claimed by look to the pending messages that they
// are by their bytes. It returns the claimants who lose
// them, and of these those who had them by the key alone.
func (m *Matcher) reassign(ws []Pending, contested []*Entry, claimants [][16]byte) (losers, alone []Claimant) {
	byOctets := map[[16]byte][]*Pending{}
	for i := range ws {
		if w := &ws[i]; w.Entry == nil {
			byOctets[w.SHA] = append(byOctets[w.SHA], w)
		}
	}
	for i, d := range contested {
		if rightful := byOctets[d.SHA]; d.Has(KnownSHA) && d.SHA != claimants[i] && len(rightful) > 0 {
			rightful[0].Entry, rightful[0].By, rightful[0].proven = d, allTraits, true
			byOctets[d.SHA] = rightful[1:]
			losers = append(losers, m.ClaimantOf(d))
			if d.Claimed == KeyOnly {
				alone = append(alone, m.ClaimantOf(d))
			}
		}
	}
	return losers, alone
}

// Candidates returns the ordinals of all that a resolution sends on its way.
func (r *Resolution) Candidates() []uint32 {
	all := slices.Clone(r.Missing)
	for _, t := range r.Ties {
		all = append(all, t.Ordinals...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
