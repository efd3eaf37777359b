package match

import "slices"

// assign pairs pending messages with free entries, those first that have most in
// common. It returns those whose place somebody else has as good a claim to, who
// is left over or has a worse place, and these others, unless the two are known to
// be equal. Where nobody is left over there are none. With strict true, those that
// have nothing but the key in common are not paired.
func assign(ws []Pending, free []*Entry, strict bool) (tied []*Pending) {
	taken := make(map[*Entry]*Pending, len(free))
	for i := range ws {
		if !ws[i].proven {
			ws[i].Entry = nil
		}
	}
	least := 0
	if strict {
		least = 1
	}
	for t := int(allTraits); t >= least; t-- {
		assignBy(Trait(t), ws, free, taken)
	}
	if !slices.ContainsFunc(ws, func(w Pending) bool { return w.Entry == nil }) {
		return nil
	}
	return contestants(ws)
}

// commonTraits is what a pending message has in common with an entry: some traits, and their values.
type commonTraits struct {
	by Trait
	signature
}

// contestants returns the pending messages that are paired and whose place is in question,
// or who have a claim to such a place, in order.
func contestants(ws []Pending) (tied []*Pending) {
	claimants := map[commonTraits]*Pending{} // who could have a place and has a worse one, or none
	for _, by := range traitsOf(ws) {
		for i := range ws {
			w := &ws[i]
			s, ok := w.signature(by)
			if !ok || w.Entry != nil && (w.proven || w.By >= by) {
				continue
			}
			if first := claimants[commonTraits{by, s}]; first == nil ||
				first.BothHashed(&w.Evidence) && first.SHA == w.SHA {
				claimants[commonTraits{by, s}] = w
			} else {
				claimants[commonTraits{by, s}] = &Pending{} // of several kinds: equal to nobody
			}
		}
	}
	disputed := map[commonTraits]bool{}
	for i := range ws {
		w := &ws[i]
		if w.Entry == nil || w.proven {
			continue
		}
		s, _ := w.signature(w.By)
		if o := claimants[commonTraits{w.By, s}]; o != nil && !(o.BothHashed(&w.Evidence) && o.SHA == w.SHA) {
			disputed[commonTraits{w.By, s}] = true
		}
	}
	for i := range ws {
		if w := &ws[i]; w.Entry != nil && !w.proven && w.competes(disputed) {
			tied = append(tied, w)
		}
	}
	return tied
}

// competes reports whether a pending message has one of the places, or could have it and has a
// worse one.
func (w *Pending) competes(bonds map[commonTraits]bool) bool {
	for by := w.By; by <= allTraits; by++ {
		if s, ok := w.signature(by); ok && bonds[commonTraits{by, s}] {
			return true
		}
	}
	return false
}

// traitsOf returns by what pending messages were paired.
func traitsOf(ws []Pending) (all []Trait) {
	for i := range ws {
		if w := &ws[i]; w.Entry != nil && !slices.Contains(all, w.By) {
			all = append(all, w.By)
		}
	}
	return all
}

// wantsReceived reports whether a pending message with Received lines was paired by the
// key alone, or with nothing, while those of a free entry are not read yet.
func wantsReceived(ws []Pending, free []*Entry) bool {
	return slices.ContainsFunc(ws, func(w Pending) bool { return w.Received != 0 && (w.Entry == nil || w.By == 0) }) &&
		slices.ContainsFunc(free, func(d *Entry) bool { return !d.Has(ReceivedRead) })
}

// IsFree reports whether nobody has the entry yet.
func (e *Entry) IsFree() bool { return e.Claimed == Unclaimed || e.Claimed == Reserved }

// assignBy pairs those who have all of some traits in common, those with equal flags
// first: where any could be any, nothing is to be changed then.
func assignBy(by Trait, ws []Pending, free []*Entry, taken map[*Entry]*Pending) {
	assignEqual(by, ws, free, taken, func(e *Evidence) (signature, bool) {
		s, ok := e.signature(by)
		s.flags = e.Flags
		return s, ok
	})
	assignEqual(by, ws, free, taken, func(e *Evidence) (signature, bool) { return e.signature(by) })
}

// assignEqual pairs those whose signatures are equal.
func assignEqual(by Trait, ws []Pending, free []*Entry, taken map[*Entry]*Pending,
	of func(*Evidence) (signature, bool)) {
	offers := map[signature][]*Entry{}
	for _, d := range free {
		if s, ok := of(&d.Evidence); ok && taken[d] == nil {
			offers[s] = append(offers[s], d)
		}
	}
	if len(offers) == 0 {
		return
	}
	for i := range ws {
		w := &ws[i]
		s, ok := of(&w.Evidence)
		if offer := offers[s]; ok && w.Entry == nil && len(offer) > 0 {
			w.Entry, w.By = offer[0], by
			taken[offer[0]] = w
			offers[s] = offer[1:]
		}
	}
}
