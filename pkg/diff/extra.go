package diff

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// What the source lacks is found when all of it has been compared: it is what
// nobody has claimed.

// survey finds what is to be deleted, when all of the source has been compared.
func (d *deleter) survey(c *comparison) error {
	if d == nil || c.aborted != nil {
		return nil
	}
	done := map[*Target]bool{}
	for _, s := range c.toc {
		t := s.target
		if t == nil || done[t] || !t.exists() || t.Unreadable != "" {
			continue
		}
		done[t] = true
		if why := notWhole(c.toc, t); why != "" {
			d.opt.Warn("nothing of %q is deleted: %s", t.Name, why)
			continue
		}
		if err := d.folder(c, t); err != nil {
			return err
		}
	}
	return nil
}

// notWhole says why the source does not hold all that belongs to a folder of
// the destination.
func notWhole(toc []*source, t *Target) string {
	for _, s := range toc {
		switch {
		case s.target != t:
		case s.failed != "":
			return s.failed
		case s.came < int64(s.Messages):
			return "the source says that " + folder.Quote(s.Name) + " holds more messages than it shows"
		}
	}
	return ""
}

// folder looks through one folder of the destination.
func (d *deleter) folder(c *comparison, t *Target) error {
	if t.match == nil {
		t.match = &matcher{}
		var err error
		t.match.prover, err = c.dest.Load(t, func(e Entry) { t.match.take(e) })
		var no *Unreadable
		if errors.As(err, &no) {
			d.opt.Warn("nothing of %q is deleted: %s", t.Name, no.Text)
			return nil
		}
		if err != nil {
			return err
		}
	}
	proven := d.provenOf(c, t)
	before := len(d.plan)
	seen := map[*entry]bool{}
	var failed error
	t.match.index.each(func(e *entry) {
		if failed != nil || e.claimed != unclaimed || seen[e] {
			return
		}
		group := t.match.index.group(nil, &e.evidence, math.MaxInt)
		for _, o := range group {
			seen[o] = o.claimed == unclaimed
		}
		failed = d.key(t, group, proven)
	})
	slices.SortFunc(d.plan[before:], func(a, b doomed) int { return cmp.Compare(a.uid, b.uid) })
	return failed
}

// provenOf returns which messages of a folder the receipts prove to be of
// messages that the source has no longer, by UID there.
func (d *deleter) provenOf(c *comparison, t *Target) map[uint64]*deed {
	if d.deeds == nil {
		return nil
	}
	proven := map[uint64]*deed{}
	still := map[uint64]bool{}
	for _, i := range d.into(t) {
		x := &d.deeds.all[i]
		s := c.byName[d.deeds.names[x.source.box]]
		switch {
		case d.still[i]:
			still[x.target.uid] = true // and it stays, whatever else is said of it
		case x.target.validity != t.UIDValidity || x.target.uid == 0:
		case s == nil, s.target != t, s.UIDValidity != x.source.validity:
		default:
			proven[x.target.uid] = x
		}
	}
	maps.DeleteFunc(proven, func(uid uint64, _ *deed) bool { return still[uid] })
	return proven
}

// into returns the deeds that went to a folder.
func (d *deleter) into(t *Target) []int {
	if d.byBox == nil {
		d.byBox = map[uint32][]int{}
		for i := range d.deeds.all {
			box := d.deeds.all[i].target.box
			d.byBox[box] = append(d.byBox[box], i)
		}
	}
	box, known := d.deeds.numbers[t.Name]
	if !known {
		return nil
	}
	return d.byBox[box]
}

// key decides on the messages of one key that nobody has claimed.
func (d *deleter) key(t *Target, group []*entry, proven map[uint64]*deed) error {
	var claimed, extra []*entry
	for _, e := range group {
		switch x := proven[e.uid()]; {
		case e.claimed != unclaimed:
			claimed = append(claimed, e)
		case d.wasMoved(t, e):
			d.sum.Moved++
		case e.keyText() == "":
			d.sum.Unproven++
		case x != nil && x.sent == e.key && x.sentRung == e.rung:
			d.delete(t, e, 0)
		default:
			extra = append(extra, e)
		}
	}
	if !d.how.All {
		var err error
		if extra, err = d.earlierThan(t, claimed, extra); err != nil {
			return err
		}
	}
	for _, e := range extra {
		twin, sure, err := t.match.apart(e, claimed)
		switch {
		case err != nil:
			return err
		case !sure:
			d.sum.Ambiguous++
		default:
			d.delete(t, e, twin)
		}
	}
	return nil
}

// wasMoved tells whether the source lacks a message because it was moved here.
func (d *deleter) wasMoved(t *Target, e *entry) bool {
	if len(d.moved) == 0 {
		return false
	}
	box, known := d.deeds.numbers[t.Name]
	return known && d.moved[position{t.UIDValidity, e.uid(), box}]
}

func (d *deleter) delete(t *Target, e *entry, copyOf uint64) {
	d.sum.Deleted++
	d.plan = append(d.plan, doomed{t, e.uid(), copyOf, e.key, e.rung})
}

// earlierThan returns those that an earlier stream proves to have come from
// the source: of each date as many as it had more than there are now.
func (d *deleter) earlierThan(t *Target, claimed, extra []*entry) (proven []*entry, err error) {
	for len(extra) > 0 {
		date := extra[0].date
		var same []*entry
		extra = slices.DeleteFunc(extra, func(e *entry) bool {
			if e.date == date {
				same = append(same, e)
			}
			return e.date == date
		})
		had := d.earlier.count(t, &same[0].evidence)
		for _, e := range claimed {
			if e.date == date {
				had--
			}
		}
		alike, err := t.match.alike(same)
		switch {
		case err != nil:
			return nil, err
		case had <= 0:
			d.sum.Unproven += len(same)
		case had < len(same) && !alike:
			d.sum.Ambiguous += len(same)
		default:
			had = min(had, len(same))
			d.sum.Unproven += len(same) - had
			proven = append(proven, same[:had]...)
		}
	}
	return proven, nil
}

// apart tells whether a message is certainly none of those that were claimed
// with the same key: it looks otherwise than all of them, or is octet for octet
// the copy of one, whose UID is returned.
func (m *matcher) apart(e *entry, claimed []*entry) (twin uint64, sure bool, err error) {
	var suspects []*entry
	for _, c := range claimed {
		if c.claimed == loose || c.claimed == keyAlone || c.date == e.date && c.size == e.size {
			suspects = append(suspects, c)
		}
	}
	if len(suspects) == 0 {
		return 0, true, nil
	}
	if m.prover == nil {
		return 0, false, nil
	}
	if err := m.prover.digest(append(slices.Clone(suspects), e)); err != nil {
		return 0, false, err
	}
	for _, c := range suspects {
		if c.bothSHA(&e.evidence) && c.sha == e.sha {
			return c.uid(), true, nil
		}
	}
	return 0, false, nil
}

// alike tells whether messages are the same, octet for octet.
func (m *matcher) alike(all []*entry) (bool, error) {
	if len(all) < 2 {
		return true, nil
	}
	if m.prover == nil {
		return false, nil
	}
	if err := m.prover.digest(all); err != nil {
		return false, err
	}
	return !slices.ContainsFunc(all, func(e *entry) bool { return !e.bothSHA(&all[0].evidence) || e.sha != all[0].sha }), nil
}
