// Package tie decides which messages of a plan are at the destination already
// where only their content tells. See FORMAT.md, section 7. Pure.
package tie

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Tie is a choice among messages of the plan of which some are at the
// destination already.
type Tie struct {
	of    int
	there []existing
	taken []bool // of them, those that are paired with a message of the plan

	seen     int              // messages of the plan
	contents map[sum]bool     // theirs, of those that are there
	classes  map[int64]*class // by date; nil until the first message of the plan
}

// existing is a message at the destination.
type existing struct {
	uid, date    int64 // date: 0 where a message of any date can be it
	size         int64
	digest, body sum
	read         bool // digest is known
	hasBody      bool // body is known
}

type sum = [sha256.Size]byte

// class holds the free messages at the destination that messages of one date can
// be, or with the date 0 of any.
type class struct {
	open, unread int
	sizes        map[int64]int
	bodies       map[sum]map[int64]int // by size
	exact        map[sum][]int         // indexes in there
}

// Form is a message of the plan in one of the forms that it may have at the
// destination: as it is at the source, or as it is sent.
type Form struct {
	*headerkey.Loose
	Date int64 // INTERNALDATE in seconds
}

// Answer says what a tie knows of a message of the plan.
type Answer int

const (
	Missing Answer = iota // it is not at the destination
	Present               // it is
	Unclear               // nobody can tell
	Later                 // the other messages of the tie are needed to tell
)

// See takes the next message of the plan.
func (x *Tie) See(forms []Form) Answer {
	x.classify()
	x.seen++
	for _, f := range forms {
		for _, c := range x.classes {
			if _, read := c.exact[f.Whole]; read {
				x.contents[f.Whole] = true
			}
		}
	}
	switch {
	case x.takeExact(forms):
		return Present
	case x.mayBe(forms):
		return Later
	}
	return Missing
}

// Complete reports whether all messages of the tie have been seen.
func (x *Tie) Complete() bool { return x.seen >= x.of }

// classify makes classes of what is there.
func (x *Tie) classify() {
	if x.classes != nil {
		return
	}
	x.classes, x.taken, x.contents = map[int64]*class{}, make([]bool, len(x.there)), map[sum]bool{}
	for i := range x.there {
		e := &x.there[i]
		c := x.classes[e.date]
		if c == nil {
			c = &class{sizes: map[int64]int{}, bodies: map[sum]map[int64]int{}, exact: map[sum][]int{}}
			x.classes[e.date] = c
		}
		if c.count(e, 1); e.read {
			c.exact[e.digest] = append(c.exact[e.digest], i)
		}
	}
}

// count adds n to the number of messages like e.
func (c *class) count(e *existing, n int) {
	c.open += n
	if !e.read {
		c.unread += n
		return
	}
	c.sizes[e.size] += n
	if !e.hasBody {
		return
	}
	if c.bodies[e.body] == nil {
		c.bodies[e.body] = map[int64]int{}
	}
	c.bodies[e.body][e.size] += n
}

func (x *Tie) take(i int) {
	x.taken[i] = true
	x.classes[x.there[i].date].count(&x.there[i], -1)
}

// classesOf returns the classes that a message of that form can be in, that of its
// own date first.
func (x *Tie) classesOf(f Form) (some []*class) {
	for _, date := range []int64{f.Date, 0} {
		if c := x.classes[date]; c != nil {
			some = append(some, c)
		}
	}
	return some
}

// takeCopies takes what is there once more with the content of a message of the
// plan: it is no other of them.
func (x *Tie) takeCopies() {
	for _, c := range x.classes {
		for content, places := range c.exact {
			if x.contents[content] {
				for _, i := range places {
					x.take(i)
				}
				delete(c.exact, content)
			}
		}
	}
}

// takeExact takes a message that is there and has the content of one of the plan.
func (x *Tie) takeExact(forms []Form) bool {
	for _, f := range forms {
		for _, c := range x.classesOf(f) {
			if same := c.exact[f.Whole]; len(same) > 0 {
				i := same[0]
				c.exact[f.Whole] = same[1:]
				x.take(i)
				return true
			}
		}
	}
	return false
}

// mayBe reports whether a message that is there may be one of the plan, though
// its content differs or is unknown. A server that changes content changes its
// size.
func (x *Tie) mayBe(forms []Form) bool {
	for _, f := range forms {
		for _, c := range x.classesOf(f) {
			if c.unread > 0 || c.open-c.unread > c.sizes[f.Size] {
				return true
			}
		}
	}
	return false
}

// group is what is there of one body.
type group struct {
	class *class
	body  sum
}

// members are the messages of the plan that have the body of a group.
type members struct {
	waiting []int
	sizes   []int64
}

// divisible reports whether each of the messages of the plan, of which these are the
// sizes, can be each that is there of the group: none has the same size.
func (g group) divisible(sizes []int64) bool {
	return !slices.ContainsFunc(sizes, func(size int64) bool { return g.class.bodies[g.body][size] > 0 })
}

// Decide returns an answer for each of the messages of which See said Later, once
// all of the tie have been seen.
func (x *Tie) Decide(waiting [][]Form) []Answer {
	if len(waiting) == 0 {
		return nil // a message that comes beyond the plan's count may be a copy
	}
	x.takeCopies()
	answers := make([]Answer, len(waiting))
	groups := map[group]*members{}
	var order []group
	var rest []int
	for i, forms := range waiting {
		g, size, found := x.groupOf(forms)
		if !found {
			rest = append(rest, i)
			continue
		}
		if groups[g] == nil {
			groups[g] = &members{}
			order = append(order, g)
		}
		m := groups[g]
		m.waiting, m.sizes = append(m.waiting, i), append(m.sizes, size)
	}
	open := map[group][]int{}
	for i := range x.there {
		if e := &x.there[i]; !x.taken[i] && e.hasBody {
			g := group{x.classes[e.date], e.body}
			open[g] = append(open[g], i)
		}
	}
	for _, g := range order {
		m := groups[g]
		answer := Unclear
		if len(m.waiting) <= len(open[g]) && g.divisible(m.sizes) {
			answer = Present
		}
		for _, i := range m.waiting {
			answers[i] = answer
		}
		for _, i := range open[g][:min(len(m.waiting), len(open[g]))] {
			x.take(i)
		}
	}
	for _, i := range rest {
		answers[i] = x.abandon(waiting[i])
	}
	return answers
}

// groupOf returns what is there that has the body of a message of the plan, and
// another size, and the size of the message.
func (x *Tie) groupOf(forms []Form) (g group, size int64, found bool) {
	for _, f := range forms {
		for _, c := range x.classesOf(f) {
			for size, n := range c.bodies[f.Body] {
				if n > 0 && size != f.Size {
					return group{c, f.Body}, f.Size, true
				}
			}
		}
	}
	return group{}, 0, false
}

// Abandon is Decide where not all messages of the tie came.
func (x *Tie) Abandon(waiting [][]Form) []Answer {
	answers := make([]Answer, len(waiting))
	for i, forms := range waiting {
		answers[i] = x.abandon(forms)
	}
	return answers
}

func (x *Tie) abandon(forms []Form) Answer {
	if x.mayBe(forms) {
		return Unclear
	}
	return Missing
}

// Record returns the tie as a record of a plan.
func (x *Tie) Record(id uint64) *stream.Tie {
	r := &stream.Tie{ID: id, Of: x.of}
	for i := range x.there {
		e := &x.there[i]
		y := stream.Tied{UID: uint64(e.uid), Date: e.date, Size: e.size}
		if e.read {
			y.Digest = hex.EncodeToString(e.digest[:])
		}
		if e.hasBody {
			y.Body = hex.EncodeToString(e.body[:])
		}
		r.There = append(r.There, y)
	}
	return r
}
