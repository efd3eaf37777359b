package diff

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// verdict is what becomes of a source message.
type verdict uint8

const (
	missing verdict = iota // the destination lacks it
	present                // it is there
	waits                  // known once the folder has ended
	barred                 // its target cannot be compared
)

// crowd is how many messages of one key are looked through at once. In a
// larger group all wait and are paired together, so that the cost stays linear.
const crowd = 64

// waiter is a source message whose fate is not known yet.
type waiter struct {
	evidence
	ordinal uint32 // among the messages of the stream
	entry   *entry // what it was paired with, or nil
	by      trait  // what they have in common
	proven  bool   // entry was handed over and stays
}

// strength says how good a claim is that was made by resolve: a further stream
// may bring a message that has a better one.
func (w *waiter) strength() claim {
	switch {
	case w.by&sameOctets != 0:
		return certain
	case w.looksLike(&w.entry.evidence):
		return likely
	case w.by == 0:
		return keyAlone
	}
	return loose
}

// pair is a source message and the destination message that it was found to be.
type pair struct {
	source   *evidence
	ordinal  uint32
	entry    *entry
	keyAlone bool // nothing but the key speaks for it: no flags, receipts or deletions depend on it
}

// prover gets evidence that the index was made without, because few messages
// need it: Received lines, and the sha256 of bodies.
type prover interface {
	received([]*entry) error
	digest([]*entry) error
	// loose returns what the octets of a message are known by, nil if they cannot be
	// read.
	loose(*entry) (*headerkey.Loose, error)
}

// matcher pairs the messages of one destination folder.
type matcher struct {
	index   index
	prover  prover // nil where nothing more can be had
	waiters []waiter
	strict  bool     // nobody is paired by the key alone
	group   []*entry // reused
	flags   flagSets
	ousted  []claimant // those who have lost their place and were not told
	alone   []claimant // of them, those who had it by the key alone
	roams   bool       // what is missing may be in another folder
	piped   bool       // a mistaken claimant is known by its UID, its record being gone
	wide    []uint64   // UIDs of claimants, see number
}

// take adds a message of the destination.
func (m *matcher) take(e Entry) *entry {
	list := uint16(unknownFlags)
	if !e.FlagsUnknown {
		list = m.flags.number(e.Flags)
	}
	return m.index.add(entry{evidence: e.Evidence, flags: list})
}

// decide says what becomes of a message, as far as it can be told now; one
// that waits is remembered. With hasty false only its sha256 decides at once.
func (m *matcher) decide(e evidence, ordinal uint32, hasty bool) (verdict, *entry) {
	m.group = m.index.group(m.group[:0], &e, crowd)
	var free, look, tied, held, kept *entry
	for _, d := range m.group {
		switch {
		case d.claimed == certain:
		case d.claimed == reserved:
			kept = d
		case d.claimed == likely:
			if d.looksLike(&e) {
				tied = d
			}
		case d.claimed == loose, d.claimed == keyAlone:
			if d.looksLike(&e) {
				held = d
			}
		case e.bothSHA(&d.evidence) && e.sha == d.sha:
			m.claim(d, certain, &e, ordinal)
			return present, d
		default:
			free = d
			if !e.bothSHA(&d.evidence) && d.looksLike(&e) && look == nil {
				look = d
			}
		}
	}
	if held != nil && look == nil && hasty {
		m.ousted = append(m.ousted, m.claimant(held))
		if held.claimed == keyAlone {
			m.alone = append(m.alone, m.claimant(held))
		}
		m.claim(held, likely, &e, ordinal)
		return present, held
	}
	if free == nil && tied == nil && held == nil && kept == nil && len(m.group) < crowd {
		return missing, nil
	}
	if look != nil && hasty && !e.has(knownTwin) && len(m.group) < crowd {
		m.claim(look, likely, &e, ordinal)
		return present, look
	}
	m.waiters = append(m.waiters, waiter{evidence: e, ordinal: ordinal})
	return waits, nil
}

func (m *matcher) claim(d *entry, by claim, e *evidence, ordinal uint32) {
	d.claimed, d.claimant = by, ordinal
	if m.piped {
		d.claimant = m.number(e.uid())
	}
	if !d.has(knownSHA) && e.has(knownSHA) {
		d.sha = e.sha
	}
}

// claimant is the source message that an entry was taken for: its ordinal, or
// on a pipe its UID.
type claimant uint64

// isWide marks a number that stands for a UID that has too many bits.
const isWide = 1 << 31

// number returns what stands for a UID in an entry.
func (m *matcher) number(uid uint64) uint32 {
	if uid < isWide {
		return uint32(uid)
	}
	m.wide = append(m.wide, uid)
	return isWide | uint32(len(m.wide)-1)
}

// claimant returns who has an entry.
func (m *matcher) claimant(d *entry) claimant {
	if m.piped && d.claimant&isWide != 0 {
		return claimant(m.wide[d.claimant&^isWide])
	}
	return claimant(d.claimant)
}

// resolution is the fate of those who waited, and of messages that had been
// taken for present before the last evidence came.
type resolution struct {
	missing  []uint32   // ordinals, ascending
	mistaken []claimant // those taken for present whose place another has
	alone    []claimant // of the mistaken, those who were present by the key alone
	pairs    []pair     // present after all
	ties     []tie      // of messages without octets

	left      []waiter // the missing, where they may be in another folder
	ambiguous []uint32 // ordinals of the missing that could as well be another of the same key
}

// tie is a choice that nothing but octets can make, and here they are not known, or
// are those of none: of the messages with these ordinals, some are there already.
type tie struct {
	ordinals []uint32 // all of them, ascending
	spare    []uint32 // as many of them as are there
	there    []stream.Tied
}

// resolve decides all that waits, once no further message of the folder can
// come.
func (m *matcher) resolve() (*resolution, error) {
	r := &resolution{}
	slices.SortFunc(m.waiters, func(a, b waiter) int {
		return cmp.Or(cmp.Compare(a.rung, b.rung), bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.ordinal, b.ordinal))
	})
	if err := m.readReceived(); err != nil {
		return nil, err
	}
	for rest := m.waiters; len(rest) > 0; {
		n := sameKey(rest)
		if err := m.resolveKey(rest[:n], r); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	m.waiters = nil
	slices.Sort(r.missing)
	return r, nil
}

// sameKey counts the waiters at the start of ws that have the key of the first.
func sameKey(ws []waiter) int {
	n := 1
	for n < len(ws) && ws[n].key == ws[0].key && ws[n].rung == ws[0].rung {
		n++
	}
	return n
}

// readReceived reads the Received lines of entries that a waiter has nothing but
// the key in common with so far: of all keys together, because a server may have
// changed the size and the date of every message.
func (m *matcher) readReceived() error {
	if m.prover == nil {
		return nil
	}
	var need []*entry
	for rest := m.waiters; len(rest) > 0; {
		n := sameKey(rest)
		m.group = m.index.group(m.group[:0], &rest[0].evidence, crowd)
		need = appendUndecided(need, rest[:n], m.group)
		rest = rest[n:]
	}
	return receivedOf(m.prover, need)
}

// appendUndecided appends the entries whose Received lines are wanted by a waiter
// that agrees with none of those that are free. A large group is looked at when
// its turn comes.
func appendUndecided(need []*entry, ws []waiter, group []*entry) []*entry {
	if len(ws)*len(group) > crowd*crowd {
		return need
	}
	for i := range ws {
		w := &ws[i]
		if w.received == 0 || slices.ContainsFunc(group, func(d *entry) bool { return d.isFree() && w.agrees(&d.evidence) }) {
			continue
		}
		for _, d := range group {
			if d.isFree() && !d.has(askedReceived) {
				need = append(need, d)
			}
		}
		return need
	}
	return need
}

// receivedOf reads Received lines, of so many messages at a time that memory is
// bounded.
func receivedOf(p prover, entries []*entry) error {
	for chunk := range slices.Chunk(entries, chunkSize) {
		if err := p.received(chunk); err != nil {
			return err
		}
	}
	return nil
}

// resolveKey pairs the waiters of one key with what the destination has left
// of it. More evidence is asked for only when it matters who is left over.
func (m *matcher) resolveKey(ws []waiter, r *resolution) error {
	var free, likelies []*entry
	for _, d := range m.index.group(nil, &ws[0].evidence, math.MaxInt) {
		switch d.claimed {
		case unclaimed, reserved:
			free = append(free, d)
		case likely, loose, keyAlone:
			likelies = append(likelies, d)
		}
	}
	if m.prover != nil && len(ws) > len(free) {
		if err := m.prover.received(free); err != nil {
			return err
		}
	}
	tied := assign(ws, free, m.strict)
	if m.prover != nil && wantsReceived(ws, free) {
		if err := receivedOf(m.prover, free); err != nil {
			return err
		}
		tied = assign(ws, free, m.strict)
	}
	contested := contest(ws, likelies)
	switch proof := m.prover != nil && (len(tied) > 0 || len(contested) > 0); {
	case proof && allSHA(ws):
		claimants := make([][16]byte, len(contested))
		for i, d := range contested {
			claimants[i] = d.sha
		}
		if err := m.prover.digest(slices.Concat(free, contested)); err != nil {
			return err
		}
		assign(ws, free, m.strict) // who is left over is another now
		losers, alone := m.handOver(ws, contested, claimants)
		r.mistaken, r.alone = append(r.mistaken, losers...), append(r.alone, alone...)
		tied, contested = assign(ws, free, m.strict), m.undecided(ws, contested, claimants)
		if len(tied)+len(contested) > 0 {
			if err := m.putOff(ws, tied, contested, r); err != nil {
				return err
			}
		}
	case proof && m.piped && len(tied) == 0: // those who claimed what is contested are gone
	case proof && m.piped:
		if err := m.putOff(ws, tied, nil, r); err != nil {
			return err
		}
	case proof:
		if err := m.putOff(ws, tied, contested, r); err != nil {
			return err
		}
	}
	for i := range ws {
		w := &ws[i]
		if w.entry != nil {
			m.claim(w.entry, w.strength(), &w.evidence, w.ordinal)
			r.pairs = append(r.pairs, pair{source: &w.evidence, ordinal: w.ordinal, entry: w.entry, keyAlone: w.by == 0})
			continue
		}
		r.missing = append(r.missing, w.ordinal)
		if m.roams {
			r.left = append(r.left, *w)
		}
		if len(tied) > 0 || len(contested) > 0 {
			r.ambiguous = append(r.ambiguous, w.ordinal)
		}
	}
	return nil
}

// undecided returns those of the contested whose octets could not be read, or are
// not those of the claimant: who is left over may be the message there.
func (m *matcher) undecided(ws []waiter, contested []*entry, claimants [][16]byte) (rest []*entry) {
	if m.piped { // those who claimed what is contested are gone
		return nil
	}
	handedOver := map[*entry]bool{}
	for i := range ws {
		if ws[i].proven {
			handedOver[ws[i].entry] = true
		}
	}
	for i, d := range contested {
		if !handedOver[d] && !(d.has(knownSHA) && d.sha == claimants[i]) {
			rest = append(rest, d)
		}
	}
	return contest(ws, rest)
}

// putOff leaves the choice between those who are tied, or have claimed what is
// contested, and those who are left over to whoever has their octets.
func (m *matcher) putOff(ws []waiter, tied []*waiter, contested []*entry, r *resolution) error {
	t := tie{}
	there := func(ordinal uint32, d *entry, dated bool) error {
		t.ordinals, t.spare = append(t.ordinals, ordinal), append(t.spare, ordinal)
		x := stream.Tied{UID: d.uid()}
		if dated { // the same octets may be there with another date
			x.Date = int64(d.date)
		}
		octets, err := m.prover.loose(d)
		if octets != nil {
			x.Size, x.Digest, x.Body = octets.Size, hex.EncodeToString(octets.Whole[:]), hex.EncodeToString(octets.Body[:])
		}
		t.there = append(t.there, x)
		return err
	}
	for _, w := range tied {
		if err := there(w.ordinal, w.entry, w.by&sameDate != 0); err != nil {
			return err
		}
	}
	for _, d := range contested {
		if err := there(d.claimant, d, true); err != nil {
			return err
		}
	}
	for i := range ws {
		if ws[i].entry == nil {
			t.ordinals = append(t.ordinals, ws[i].ordinal)
		}
	}
	slices.Sort(t.ordinals)
	r.ties = append(r.ties, t)
	return nil
}

func allSHA(ws []waiter) bool {
	return !slices.ContainsFunc(ws, func(w waiter) bool { return !w.has(knownSHA) })
}

// contest returns the entries that were given to a message of the same look as
// one that is left over.
func contest(ws []waiter, likelies []*entry) []*entry {
	left := map[signature]bool{}
	for i := range ws {
		if s, _ := ws[i].signature(sameDate | sameSize); ws[i].entry == nil {
			left[s] = true
		}
	}
	return slices.DeleteFunc(likelies, func(d *entry) bool {
		s, _ := d.signature(sameDate | sameSize)
		return !left[s]
	})
}

// handOver gives entries that were claimed by look to the waiters that they
// are by their octets. It returns the claimants who lose
// them, and of these those who had them by the key alone.
func (m *matcher) handOver(ws []waiter, contested []*entry, claimants [][16]byte) (losers, alone []claimant) {
	byOctets := map[[16]byte][]*waiter{}
	for i := range ws {
		if w := &ws[i]; w.entry == nil {
			byOctets[w.sha] = append(byOctets[w.sha], w)
		}
	}
	for i, d := range contested {
		if rightful := byOctets[d.sha]; d.has(knownSHA) && d.sha != claimants[i] && len(rightful) > 0 {
			rightful[0].entry, rightful[0].by, rightful[0].proven = d, allTraits, true
			byOctets[d.sha] = rightful[1:]
			losers = append(losers, m.claimant(d))
			if d.claimed == keyAlone {
				alone = append(alone, m.claimant(d))
			}
		}
	}
	return losers, alone
}

// assign pairs waiters with free entries, those first that have most in
// common. It returns those whose place somebody else has as good a claim to, who
// is left over or has a worse place, and these others, unless the two are known to
// be equal. Where nobody is left over there are none. With strict true, those that
// have nothing but the key in common are not paired.
func assign(ws []waiter, free []*entry, strict bool) (tied []*waiter) {
	taken := make(map[*entry]*waiter, len(free))
	for i := range ws {
		if !ws[i].proven {
			ws[i].entry = nil
		}
	}
	least := 0
	if strict {
		least = 1
	}
	for t := int(allTraits); t >= least; t-- {
		assignBy(trait(t), ws, free, taken)
	}
	if !slices.ContainsFunc(ws, func(w waiter) bool { return w.entry == nil }) {
		return nil
	}
	return contestants(ws)
}

// bond is what a waiter has in common with an entry: some traits, and their values.
type bond struct {
	by trait
	signature
}

// contestants returns the waiters that are paired and whose place is in question,
// or who have a claim to such a place, in order.
func contestants(ws []waiter) (tied []*waiter) {
	claimants := map[bond]*waiter{} // who could have a place and has a worse one, or none
	for _, by := range traitsOf(ws) {
		for i := range ws {
			w := &ws[i]
			s, ok := w.signature(by)
			if !ok || w.entry != nil && (w.proven || w.by >= by) {
				continue
			}
			if first := claimants[bond{by, s}]; first == nil || first.bothSHA(&w.evidence) && first.sha == w.sha {
				claimants[bond{by, s}] = w
			} else {
				claimants[bond{by, s}] = &waiter{} // of several kinds: equal to nobody
			}
		}
	}
	disputed := map[bond]bool{}
	for i := range ws {
		w := &ws[i]
		if w.entry == nil || w.proven {
			continue
		}
		s, _ := w.signature(w.by)
		if o := claimants[bond{w.by, s}]; o != nil && !(o.bothSHA(&w.evidence) && o.sha == w.sha) {
			disputed[bond{w.by, s}] = true
		}
	}
	for i := range ws {
		if w := &ws[i]; w.entry != nil && !w.proven && w.wants(disputed) {
			tied = append(tied, w)
		}
	}
	return tied
}

// wants reports whether a waiter has one of the places, or could have it and has a
// worse one.
func (w *waiter) wants(bonds map[bond]bool) bool {
	for by := w.by; by <= allTraits; by++ {
		if s, ok := w.signature(by); ok && bonds[bond{by, s}] {
			return true
		}
	}
	return false
}

// traitsOf returns by what waiters were paired.
func traitsOf(ws []waiter) (all []trait) {
	for i := range ws {
		if w := &ws[i]; w.entry != nil && !slices.Contains(all, w.by) {
			all = append(all, w.by)
		}
	}
	return all
}

// wantsReceived reports whether a waiter with Received lines was paired by the
// key alone, or with nothing, while those of a free entry are not read yet.
func wantsReceived(ws []waiter, free []*entry) bool {
	return slices.ContainsFunc(ws, func(w waiter) bool { return w.received != 0 && (w.entry == nil || w.by == 0) }) &&
		slices.ContainsFunc(free, func(d *entry) bool { return !d.has(askedReceived) })
}

// isFree reports whether nobody has the entry yet.
func (e *entry) isFree() bool { return e.claimed == unclaimed || e.claimed == reserved }

// assignBy pairs those who have all of some traits in common.
func assignBy(by trait, ws []waiter, free []*entry, taken map[*entry]*waiter) {
	offers := map[signature][]*entry{}
	for _, d := range free {
		if s, ok := d.signature(by); ok && taken[d] == nil {
			offers[s] = append(offers[s], d)
		}
	}
	if len(offers) == 0 {
		return
	}
	for i := range ws {
		w := &ws[i]
		s, ok := w.signature(by)
		if offer := offers[s]; ok && w.entry == nil && len(offer) > 0 {
			w.entry, w.by = offer[0], by
			taken[offer[0]] = w
			offers[s] = offer[1:]
		}
	}
}
