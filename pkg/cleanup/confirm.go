package cleanup

import (
	"cmp"
	"math"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/runs"
)

// confirm drops those that the destination does not show any more: with
// the UID that it told, or where it told none, by the bytes that were sent. The
// key alone proves nothing. One message of the destination stands for one of the
// source.
func (d *appendLog) confirm(dest diff.Destination) error {
	byTarget := diff.TargetsByName(dest.Folders(), dest.Namespace().Delimiter)
	slices.SortFunc(d.all, func(a, b appended) int {
		// Of those that a UID is known of first: what is left is for the others.
		return cmp.Or(cmp.Compare(a.target.box, b.target.box), -cmp.Compare(a.target.uid, b.target.uid),
			a.source.compare(b.source))
	})
	var kept []appended
	oneFolder := func(a, b appended) bool { return a.target.box == b.target.box }
	for all := range runs.Of(d.all, oneFolder) {
		there, unsure, err := confirmFolder(dest, byTarget[d.names[all[0].target.box]], all)
		if err != nil {
			return err
		}
		kept, d.unsure = append(kept, there...), append(d.unsure, unsure...)
	}
	d.all = kept
	return nil
}

// confirmFolder returns those that one folder shows, with their UIDs, and those of
// which nobody can tell whether they are there: the folder cannot be read, or the
// server told no UID and they may be a message of other bytes.
func confirmFolder(dest diff.Destination, t *diff.Target, all []appended) (there, unsure []appended, err error) {
	if t == nil {
		return nil, nil, nil
	}
	matcher, err := t.Read(dest)
	if err != nil {
		return nil, nil, err
	}
	if t.Unreadable != "" {
		unsure = slices.Clone(all)
		for i := range unsure {
			unsure[i].unreadable = true
		}
		return nil, unsure, nil
	}
	if err := readWithoutUID(matcher, all); err != nil {
		return nil, nil, err
	}
	c := newConfirmation(t, matcher, all)
	for _, x := range all {
		if x.target.validity != 0 && x.target.validity != t.UIDValidity {
			continue
		}
		told := x.target.uid != 0
		switch found, free := c.find(&x); {
		case found:
			there = append(there, x)
		case !told && free:
			unsure = append(unsure, x)
		}
	}
	return there, unsure, nil
}

// confirmation pairs messages that were appended with the messages that one folder shows.
type confirmation struct {
	target  *diff.Target
	matcher *match.Matcher
	taken   map[uint64]position // by UID there: whose copy it is
	alike   map[appended]int    // untold messages of the same bytes, until one of them was looked for
	from    map[appended]uint64 // the lowest UID that one of them may have
	several map[appended]bool   // more messages have these bytes than were sent
}

func newConfirmation(t *diff.Target, matcher *match.Matcher, all []appended) *confirmation {
	c := &confirmation{t, matcher, map[uint64]position{}, map[appended]int{}, map[appended]uint64{},
		map[appended]bool{}}
	for _, x := range all {
		if x.target.uid == 0 {
			sent := x.sentOctets()
			if from, known := c.from[sent]; !known || x.from < from {
				c.from[sent] = x.from
			}
			c.alike[sent]++
		}
	}
	return c
}

// find takes the message that a message that was appended is, and gives the message its UID. free reports
// whether a message of its key was left for it. What was there before it was sent is
// somebody else's.
func (c *confirmation) find(x *appended) (found, free bool) {
	group := c.matcher.Index.Group(nil, &match.Evidence{Key: x.sent, Rung: x.sentRung}, math.MaxInt)
	left := slices.DeleteFunc(slices.Clone(group), func(e *match.Entry) bool {
		_, taken := c.taken[e.UID()]
		return taken
	})
	for _, e := range group {
		if !c.fits(x, e) {
			continue
		}
		if x.target.uid == 0 {
			x.target.uid, x.target.validity, x.guessed = e.UID(), c.target.UIDValidity, c.guesses(x, left)
		}
		x.marked = mayBeExpunged(c.matcher, e)
		c.taken[e.UID()] = x.source
		return true, true
	}
	return false, slices.ContainsFunc(left, func(e *match.Entry) bool { return e.UID() >= x.from })
}

// fits reports whether a message may be the one of a message that was appended.
func (c *confirmation) fits(x *appended, e *match.Entry) bool {
	whose, taken := c.taken[e.UID()]
	if x.target.uid == 0 {
		return !taken && e.UID() >= x.from && x.sentAs(e)
	}
	return e.UID() == x.target.uid && (!taken || whose == x.source)
}

// guesses reports whether more of the messages that are left have the bytes of a
// message than were sent.
func (c *confirmation) guesses(x *appended, left []*match.Entry) bool {
	sent := x.sentOctets()
	if n, first := c.alike[sent]; first {
		delete(c.alike, sent)
		c.several[sent] = count(left, func(e *match.Entry) bool { return e.UID() >= c.from[sent] && x.sentAs(e) }) > n
	}
	return c.several[sent]
}

// sentOctets has what tells apart messages of which the server told no UID.
func (x *appended) sentOctets() appended {
	return appended{target: position{box: x.target.box}, sent: x.sent, sentRung: x.sentRung, octets: x.octets}
}

func count(entries []*match.Entry, fits func(*match.Entry) bool) (n int) {
	for _, e := range entries {
		if fits(e) {
			n++
		}
	}
	return n
}

// sentAs reports whether the bytes of a message are known to be those that were
// sent.
func (x *appended) sentAs(e *match.Entry) bool {
	return x.octets != [16]byte{} && e.Has(match.KnownSHA) && e.SHA == x.octets
}

// readWithoutUID reads the bytes of those messages that a message that was appended without a UID may be.
func readWithoutUID(matcher *match.Matcher, all []appended) error {
	if matcher.Reader == nil {
		return nil
	}
	var need []*match.Entry
	for i := range all {
		if x := &all[i]; x.target.uid == 0 && x.octets != [16]byte{} {
			need = matcher.Index.Group(need, &match.Evidence{Key: x.sent, Rung: x.sentRung}, math.MaxInt)
		}
	}
	for chunk := range slices.Chunk(need, readBatch) {
		if err := matcher.Reader.ReadDigests(chunk); err != nil {
			return err
		}
	}
	return nil
}
