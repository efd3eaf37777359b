package cleanup

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
)

// What the source lacks is found when all of it has been compared: it is what
// nobody has claimed.

// Find finds what is to be deleted, when all of the source has been compared.
func (d *ExtraFinder) Find(c *diff.Comparison) error {
	if d == nil || c.Aborted != nil {
		return nil
	}
	done := map[*diff.Target]bool{}
	for _, s := range c.Folders {
		t := s.Target
		if t == nil || done[t] || !t.Exists() || t.Unreadable != "" {
			continue
		}
		done[t] = true
		if why := notWhole(c.Folders, t); why != "" {
			d.Opt.Warn("nothing of %q is deleted: %s", t.Name, why)
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
func notWhole(toc []*diff.Source, t *diff.Target) string {
	for _, s := range toc {
		switch {
		case s.Target != t:
		case s.Failed != "":
			return s.Failed
		case s.Shown < int64(s.Messages):
			return "the source says that " + folder.Quote(s.Name) + " holds more messages than it shows"
		}
	}
	return ""
}

// folder looks through one folder of the destination.
func (d *ExtraFinder) folder(c *diff.Comparison, t *diff.Target) error {
	if err := t.Load(c.Dest); err != nil {
		return err
	}
	if t.Matcher == nil {
		d.Opt.Warn("nothing of %q is deleted: %s", t.Name, t.Unreadable)
		return nil
	}
	proven := d.provenOf(c, t)
	before := len(d.Found)
	seen := map[*match.Entry]bool{}
	var failed error
	t.Matcher.Index.Each(func(e *match.Entry) {
		if failed != nil || e.Claimed != match.Unclaimed || seen[e] {
			return
		}
		group := t.Matcher.Index.Group(nil, &e.Evidence, math.MaxInt)
		for _, o := range group {
			seen[o] = o.Claimed == match.Unclaimed
		}
		failed = d.key(t, group, proven)
	})
	slices.SortFunc(d.Found[before:], func(a, b deletion) int { return cmp.Compare(a.uid, b.uid) })
	return failed
}

// provenOf returns which messages of a folder the receipts prove to be of
// messages that the source has no longer, by UID there.
func (d *ExtraFinder) provenOf(c *diff.Comparison, t *diff.Target) map[uint64]*appended {
	if d.appended == nil {
		return nil
	}
	proven := map[uint64]*appended{}
	still := map[uint64]bool{}
	for _, i := range d.into(t) {
		x := &d.appended.all[i]
		s := c.ByName[d.appended.names[x.source.box]]
		switch {
		case d.still[i]:
			still[x.target.uid] = true // and it stays, whatever else is said of it
		case x.target.validity != t.UIDValidity || x.target.uid == 0:
		case s == nil, s.Target != t, s.UIDValidity != x.source.validity:
		default:
			proven[x.target.uid] = x
		}
	}
	maps.DeleteFunc(proven, func(uid uint64, _ *appended) bool { return still[uid] })
	return proven
}

// into returns those that went to a folder.
func (d *ExtraFinder) into(t *diff.Target) []int {
	if d.byBox == nil {
		d.byBox = map[uint32][]int{}
		for i := range d.appended.all {
			box := d.appended.all[i].target.box
			d.byBox[box] = append(d.byBox[box], i)
		}
	}
	box, known := d.appended.numbers[t.Name]
	if !known {
		return nil
	}
	return d.byBox[box]
}

// key decides on the messages of one key that nobody has claimed.
func (d *ExtraFinder) key(t *diff.Target, group []*match.Entry, proven map[uint64]*appended) error {
	var claimed, extra []*match.Entry
	for _, e := range group {
		switch x := proven[e.UID()]; {
		case e.Claimed != match.Unclaimed:
			claimed = append(claimed, e)
		case d.wasMoved(t, e):
			d.Counts.Moved++
		case e.KeyText() == "":
			d.Counts.Unproven++
		case x != nil && x.sent == e.Key && x.sentRung == e.Rung:
			d.delete(t, e, 0)
		default:
			extra = append(extra, e)
		}
	}
	if !d.How.All {
		var err error
		if extra, err = d.earlierThan(t, claimed, extra); err != nil {
			return err
		}
	}
	for _, e := range extra {
		twin, sure, err := t.Matcher.Apart(e, claimed)
		switch {
		case err != nil:
			return err
		case !sure, slices.ContainsFunc(claimed, func(c *match.Entry) bool {
			return c.UID() == twin && mayBeExpunged(t.Matcher, c)
		}):
			d.Counts.Ambiguous++
		default:
			d.delete(t, e, twin)
		}
	}
	return nil
}

// wasMoved reports whether the source may lack a message because it was moved here.
func (d *ExtraFinder) wasMoved(t *diff.Target, e *match.Entry) bool {
	if len(d.moved) == 0 {
		return false
	}
	box, known := d.appended.numbers[t.Name]
	return known && d.moved[position{t.UIDValidity, e.UID(), box}]
}

func (d *ExtraFinder) delete(t *diff.Target, e *match.Entry, copyOf uint64) {
	d.Counts.Deleted++
	d.Found = append(d.Found, deletion{t, e.UID(), copyOf, e.Key, e.Rung})
}

// earlierThan returns those that an earlier stream proves to have come from
// the source: of each date as many as it had more than there are now.
func (d *ExtraFinder) earlierThan(t *diff.Target, claimed, extra []*match.Entry) (proven []*match.Entry, err error) {
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
		alike, err := t.Matcher.Identical(same)
		switch {
		case err != nil:
			return nil, err
		case had <= 0:
			d.Counts.Unproven += len(same)
		case had < len(same) && !alike:
			d.Counts.Ambiguous += len(same)
		default:
			had = min(had, len(same))
			d.Counts.Unproven += len(same) - had
			proven = append(proven, same[:had]...)
		}
	}
	return proven, nil
}
