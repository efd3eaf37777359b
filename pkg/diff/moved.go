package diff

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
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

// unseen is the error, exit.Partial, where messages of the source may have been
// moved to folders that cannot be compared.
func (o *Options) unseen(dest Destination) error {
	if !o.Account || o.FoldersOnly {
		return nil
	}
	n := 0
	for _, t := range dest.Folders() {
		if t.Unreadable != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return exit.Errorf(exit.Partial, "%s of the destination cannot be compared: messages that were moved there count as missing", text.Count(n, "folder"))
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
	if err := c.readReceived(); err != nil {
		return err
	}
	results := map[*Target]*resolved{}
	var order []*Target
	for rest := c.strays; len(rest) > 0; {
		n := strays(rest).sameKey()
		where, err := c.find(rest[:n])
		if err != nil {
			return err
		}
		for i := range rest[:n] {
			s := &rest[i]
			r := results[s.target]
			if r == nil {
				r = &resolved{s.target, &resolution{}, map[*entry]*Target{}}
				results[s.target] = r
				order = append(order, s.target)
			}
			if s.entry == nil {
				r.missing = append(r.missing, s.ordinal)
				continue
			}
			by := certain
			if s.by == 0 {
				by = keyAlone
			}
			where[s.entry].match.claim(s.entry, by, &s.evidence, s.ordinal)
			r.pairs = append(r.pairs, pair{&s.evidence, s.ordinal, s.entry, by == keyAlone})
			r.elsewhere[s.entry] = where[s.entry]
			c.present(r.pairs[len(r.pairs)-1])
		}
		rest = rest[n:]
	}
	for _, t := range order {
		slices.Sort(results[t].missing)
		if err := c.emit(results[t]); err != nil {
			return err
		}
	}
	return nil
}

// find pairs strays of one key with what all folders have left of it, and
// returns in which folder each of these is. Where it cannot be told which of
// several it is, none of them is.
func (c *comparison) find(all strays) (map[*entry]*Target, error) {
	free, where := c.free(&all[0].evidence, math.MaxInt)
	ws := all.waiters()
	tied := assign(ws, free, c.opt.Strict)
	if wantsReceived(ws, free) {
		if err := ask(free, where, prover.received); err != nil {
			return nil, err
		}
		tied = assign(ws, free, c.opt.Strict)
	}
	if len(tied) > 0 && allSHA(ws) {
		if err := ask(free, where, prover.digest); err != nil {
			return nil, err
		}
		tied = assign(ws, free, c.opt.Strict)
	}
	for _, w := range tied {
		w.entry = nil
	}
	for i := range all {
		all[i].waiter = ws[i]
	}
	return where, nil
}

// free returns what all folders have left of a key, of each folder limit entries
// at most, and in which folder each of them is.
func (c *comparison) free(e *evidence, limit int) (free []*entry, where map[*entry]*Target) {
	where = map[*entry]*Target{}
	for _, t := range c.dest.Folders() {
		if t.match == nil {
			continue
		}
		for _, e := range t.match.index.group(nil, e, limit) {
			if e.claimed == unclaimed {
				free, where[e] = append(free, e), t
			}
		}
	}
	return free, where
}

// readReceived reads the Received lines that strays want, of all keys together.
func (c *comparison) readReceived() error {
	var need []*entry
	in := map[*entry]*Target{}
	for rest := c.strays; len(rest) > 0; {
		n := strays(rest).sameKey()
		free, where := c.free(&rest[0].evidence, crowd)
		first := len(need)
		need = appendUndecided(need, strays(rest[:n]).waiters(), free)
		for _, e := range need[first:] {
			in[e] = where[e]
		}
		rest = rest[n:]
	}
	return ask(need, in, receivedOf)
}

// strays are some of them, sorted by key.
type strays []stray

// sameKey counts those at the start that have the key of the first.
func (all strays) sameKey() int {
	n := 1
	for n < len(all) && all[n].key == all[0].key && all[n].rung == all[0].rung {
		n++
	}
	return n
}

func (all strays) waiters() []waiter {
	ws := make([]waiter, len(all))
	for i := range all {
		ws[i] = all[i].waiter
	}
	return ws
}

// ask has more evidence read of messages in several folders.
func ask(free []*entry, where map[*entry]*Target, read func(prover, []*entry) error) error {
	byTarget := map[*Target][]*entry{}
	for _, e := range free {
		byTarget[where[e]] = append(byTarget[where[e]], e)
	}
	for t, es := range byTarget {
		if t.match.prover == nil {
			continue
		}
		if err := read(t.match.prover, es); err != nil {
			return err
		}
	}
	return nil
}
