package diff

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// With Options.Account a message that its own folder lacks is present when
// another folder of the destination has it, and no message of the source has a
// better claim to it there: its owner has moved it.

// relocate keeps a message that its own folder lacks until all has been read.
func (c *Comparison) relocate(m match.Pending, t *Target) {
	if c.belongs == nil {
		c.belongs = map[uint32]*Target{}
	}
	c.relocated, c.belongs[m.Ordinal] = append(c.relocated, m), t
}

// loadAll reads all folders of the destination: a message may have gone to any.
func (c *Comparison) loadAll() error {
	for _, t := range c.Dest.Folders() {
		if err := c.loadTarget(t); err != nil {
			return err
		}
		if t.Unreadable != "" {
			c.opt.Warn("%q cannot be compared, so that what was moved there counts as missing: %s", t.Name,
				t.Unreadable)
		}
	}
	return nil
}

// UnseenFolders is the error, fault.Partial, where messages of the source may have been
// moved to folders that cannot be compared.
func (o *Options) UnseenFolders(dest Destination) error {
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
	return fault.Errorf(fault.Partial,
		"%s of the destination cannot be compared: messages that were moved there count as missing",
		text.Count(n, "folder"))
}

// elsewhere reports whether a folder other than t has a message of the key of e.
func (c *Comparison) elsewhere(e *match.Evidence, t *Target) bool {
	for _, o := range c.Dest.Folders() {
		if o != t && o.Matcher != nil && len(o.Matcher.Index.Group(nil, e, 1)) > 0 {
			return true
		}
	}
	return false
}

// setRelocated takes those that a folder lacks out of the resolution, as far as they
// may be in another.
func (c *Comparison) setRelocated(t *Target, r *match.Resolution) {
	tied := map[uint32]bool{}
	for _, tie := range r.Ties {
		for _, ordinal := range tie.Ordinals {
			tied[ordinal] = true
		}
	}
	gone := map[uint32]bool{}
	for i := range r.Relocatable {
		if w := &r.Relocatable[i]; !tied[w.Ordinal] && c.elsewhere(&w.Evidence, t) {
			gone[w.Ordinal] = true
			c.relocate(*w, t)
		}
	}
	if len(gone) > 0 {
		r.Missing = slices.DeleteFunc(r.Missing, func(ordinal uint32) bool { return gone[ordinal] })
	}
}

// settleRelocated decides on what may have been moved, once every folder has taken
// what is its own.
func (c *Comparison) settleRelocated() error {
	if len(c.relocated) == 0 {
		return nil
	}
	var folders []*match.Matcher
	targetOf := map[*match.Matcher]*Target{}
	for _, t := range c.Dest.Folders() {
		if t.Matcher != nil {
			folders, targetOf[t.Matcher] = append(folders, t.Matcher), t
		}
	}
	where, err := match.Relocate(c.relocated, folders, c.opt.Strict)
	if err != nil {
		return err
	}
	results := map[*Target]*Resolved{}
	var order []*Target
	for i := range c.relocated {
		m := &c.relocated[i]
		own := c.belongs[m.Ordinal]
		r := results[own]
		if r == nil {
			r = &Resolved{own, &match.Resolution{}, map[*match.Entry]*Target{}}
			results[own] = r
			order = append(order, own)
		}
		if m.Entry == nil {
			r.Missing = append(r.Missing, m.Ordinal)
			continue
		}
		p := m.Pair()
		r.Pairs = append(r.Pairs, p)
		r.Elsewhere[m.Entry] = targetOf[where[m.Entry]]
		c.present(p)
	}
	for _, t := range order {
		slices.Sort(results[t].Missing)
		if err := c.emit(results[t]); err != nil {
			return err
		}
	}
	return nil
}
