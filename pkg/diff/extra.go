package diff

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
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
	if t.matcher == nil {
		t.matcher = &match.Matcher{}
		var err error
		t.matcher.Reader, err = c.dest.Load(t, func(e match.Message) { t.matcher.Add(e) })
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
	seen := map[*match.Entry]bool{}
	var failed error
	t.matcher.Index.Each(func(e *match.Entry) {
		if failed != nil || e.Claimed != match.Unclaimed || seen[e] {
			return
		}
		group := t.matcher.Index.Group(nil, &e.Evidence, math.MaxInt)
		for _, o := range group {
			seen[o] = o.Claimed == match.Unclaimed
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
func (d *deleter) key(t *Target, group []*match.Entry, proven map[uint64]*deed) error {
	var claimed, extra []*match.Entry
	for _, e := range group {
		switch x := proven[e.UID()]; {
		case e.Claimed != match.Unclaimed:
			claimed = append(claimed, e)
		case d.wasMoved(t, e):
			d.sum.Moved++
		case e.KeyText() == "":
			d.sum.Unproven++
		case x != nil && x.sent == e.Key && x.sentRung == e.Rung:
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
		twin, sure, err := t.matcher.Apart(e, claimed)
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
func (d *deleter) wasMoved(t *Target, e *match.Entry) bool {
	if len(d.moved) == 0 {
		return false
	}
	box, known := d.deeds.numbers[t.Name]
	return known && d.moved[position{t.UIDValidity, e.UID(), box}]
}

func (d *deleter) delete(t *Target, e *match.Entry, copyOf uint64) {
	d.sum.Deleted++
	d.plan = append(d.plan, doomed{t, e.UID(), copyOf, e.Key, e.Rung})
}

// earlierThan returns those that an earlier stream proves to have come from
// the source: of each date as many as it had more than there are now.
func (d *deleter) earlierThan(t *Target, claimed, extra []*match.Entry) (proven []*match.Entry, err error) {
	for len(extra) > 0 {
		date := extra[0].Date
		var same []*match.Entry
		extra = slices.DeleteFunc(extra, func(e *match.Entry) bool {
			if e.Date == date {
				same = append(same, e)
			}
			return e.Date == date
		})
		had := d.earlier.count(t, &same[0].Evidence)
		for _, e := range claimed {
			if e.Date == date {
				had--
			}
		}
		alike, err := t.matcher.Identical(same)
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
