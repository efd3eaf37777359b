package diff

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// With Options.Account a message that its own folder lacks is present when
// another folder of the destination has it, and no message of the source has a
// better claim to it there: its owner has moved it.

// stray is a message that its own folder lacks.
type stray struct {
	waiter
	target *Target // where it belongs
}

// loadAll reads all folders of the destination: a message may have gone to any.
func (c *comparison) loadAll() error {
	for _, t := range c.dest.Folders() {
		if err := c.loadTarget(t); err != nil {
			return err
		}
		if t.Unreadable != "" {
			c.opt.Warn("%q cannot be compared, so that what was moved there counts as missing: %s", t.Name, t.Unreadable)
		}
	}
	return nil
}

// elsewhere tells whether a folder other than t has a message of the key of e.
func (c *comparison) elsewhere(e *evidence, t *Target) bool {
	for _, o := range c.dest.Folders() {
		if o != t && o.match != nil && len(o.match.index.group(nil, e, 1)) > 0 {
			return true
		}
	}
	return false
}

// astray makes those that a folder lacks strays, as far as they may be in
// another, and takes them out of the resolution.
func (c *comparison) astray(t *Target, r *resolution) {
	tied := map[uint32]bool{}
	for _, tie := range r.ties {
		for _, ordinal := range tie.ordinals {
			tied[ordinal] = true
		}
	}
	gone := map[uint32]bool{}
	for i := range r.left {
		if w := &r.left[i]; !tied[w.ordinal] && c.elsewhere(&w.evidence, t) {
			gone[w.ordinal] = true
			c.strays = append(c.strays, stray{*w, t})
		}
	}
	if len(gone) > 0 {
		r.missing = slices.DeleteFunc(r.missing, func(ordinal uint32) bool { return gone[ordinal] })
	}
}

// settleStrays decides on the strays, once every folder has taken what is its
// own.
func (c *comparison) settleStrays() error {
	slices.SortFunc(c.strays, func(a, b stray) int {
		return cmp.Or(cmp.Compare(a.rung, b.rung), bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.ordinal, b.ordinal))
	})
	results := map[*Target]*resolution{}
	var order []*Target
	for rest := c.strays; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].key == rest[0].key && rest[n].rung == rest[0].rung {
			n++
		}
		where, err := c.find(rest[:n])
		if err != nil {
			return err
		}
		for i := range rest[:n] {
			s := &rest[i]
			r := results[s.target]
			if r == nil {
				r = &resolution{}
				results[s.target] = r
				order = append(order, s.target)
			}
			if s.entry == nil {
				r.missing = append(r.missing, s.ordinal)
				continue
			}
			c.countsOf(s.ordinal).Present++
			where[s.entry].match.claim(s.entry, certain, &s.evidence, s.ordinal)
			r.pairs = append(r.pairs, pair{&s.evidence, s.ordinal, s.entry, where[s.entry]})
		}
		rest = rest[n:]
	}
	for _, t := range order {
		slices.Sort(results[t].missing)
		if err := c.out.resolved(t, results[t]); err != nil {
			return err
		}
	}
	return nil
}

// find pairs strays of one key with what all folders have left of it, and
// returns in which folder each of these is. Where it cannot be told which of
// several it is, none of them is.
func (c *comparison) find(strays []stray) (map[*entry]*Target, error) {
	where := map[*entry]*Target{}
	var free []*entry
	for _, t := range c.dest.Folders() {
		if t.match == nil {
			continue
		}
		for _, e := range t.match.index.group(nil, &strays[0].evidence, math.MaxInt) {
			if e.claimed == unclaimed {
				free, where[e] = append(free, e), t
			}
		}
	}
	ws := make([]waiter, len(strays))
	for i := range strays {
		ws[i] = strays[i].waiter
	}
	tied := assign(ws, free)
	if len(tied) > 0 && allSHA(ws) {
		if err := prove(free, where); err != nil {
			return nil, err
		}
		tied = assign(ws, free)
	}
	for _, w := range tied {
		w.entry = nil
	}
	for i := range strays {
		strays[i].waiter = ws[i]
	}
	return where, nil
}

// prove reads the octets of messages in several folders.
func prove(free []*entry, where map[*entry]*Target) error {
	byTarget := map[*Target][]*entry{}
	for _, e := range free {
		byTarget[where[e]] = append(byTarget[where[e]], e)
	}
	for t, es := range byTarget {
		if t.match.prover == nil {
			continue
		}
		if err := t.match.prover.digest(es); err != nil {
			return err
		}
	}
	return nil
}
