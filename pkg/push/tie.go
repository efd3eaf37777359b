package push

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// tie is a choice among messages of the plan of which some are there already: what
// they are is told by their octets alone. See FORMAT.md, section 7.
type tie struct {
	of    int
	there []tied
	taken []bool // of them, those that a message of the plan is

	seen    int          // messages of the plan
	octets  map[sum]bool // theirs, of those that are there
	classes map[int64]*tieClass
	waiting []*tiedMessage
	target  *target
}

// tied is a message that is there.
type tied struct {
	uid, date    int64 // date: 0 where a message of any date can be it
	size         int64
	digest, body sum
	read         bool // its octets are known
	hasBody      bool // and what their body is known by
}

type sum = [sha256.Size]byte

// tieClass is what is there and not taken that messages of one date can be, or with
// the date 0 of any.
type tieClass struct {
	open, unread int
	sizes        map[int64]int
	bodies       map[sum]map[int64]int // by size
	exact        map[sum][]int         // places in there
}

// tiedMessage is a message of the plan that is part of a tie.
type tiedMessage struct {
	*message
	forms []form
}

// form is what a message that is there is if it is the one of the plan: as it is at
// the source, or as it is sent.
type form struct {
	*headerkey.Loose
	date int64
}

// formsOf returns how a message may be there.
func formsOf(m *message) (forms []form, err error) {
	for _, one := range []*message{m, m.source()} {
		octets, err := one.looseOctets()
		if err != nil {
			return nil, err
		}
		forms = append(forms, form{octets, unix(one.InternalDate)})
		if m.source() == m {
			break
		}
	}
	return forms, nil
}

func unix(date string) int64 {
	t, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return -1
	}
	return t.Unix()
}

// sort makes classes of what is there.
func (x *tie) sort() {
	if x.classes != nil {
		return
	}
	x.classes, x.taken, x.octets = map[int64]*tieClass{}, make([]bool, len(x.there)), map[sum]bool{}
	for i := range x.there {
		e := &x.there[i]
		c := x.classes[e.date]
		if c == nil {
			c = &tieClass{sizes: map[int64]int{}, bodies: map[sum]map[int64]int{}, exact: map[sum][]int{}}
			x.classes[e.date] = c
		}
		if c.count(e, 1); e.read {
			c.exact[e.digest] = append(c.exact[e.digest], i)
		}
	}
}

// count adds a message that is there, or takes it away.
func (c *tieClass) count(e *tied, n int) {
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

func (x *tie) take(i int) {
	x.taken[i] = true
	x.classes[x.there[i].date].count(&x.there[i], -1)
}

// classesOf returns what a message of that form can be, of its own date first.
func (x *tie) classesOf(f form) (some []*tieClass) {
	for _, date := range []int64{f.date, 0} {
		if c := x.classes[date]; c != nil {
			some = append(some, c)
		}
	}
	return some
}

// see counts a message of the plan.
func (x *tie) see(forms []form) {
	x.seen++
	for _, f := range forms {
		for _, c := range x.classes {
			if _, read := c.exact[f.Whole]; read {
				x.octets[f.Whole] = true
			}
		}
	}
}

// takeCopies takes what is there once more with the octets of a message of the plan:
// it is no other of them.
func (x *tie) takeCopies() {
	for _, c := range x.classes {
		for octets, places := range c.exact {
			if x.octets[octets] {
				for _, i := range places {
					x.take(i)
				}
				delete(c.exact, octets)
			}
		}
	}
}

// takeExact takes a message that is there and has the octets of one of the plan.
func (x *tie) takeExact(forms []form) bool {
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

// mayBe reports whether something there may be a message, though its octets are
// others or unknown. A server that changes octets changes how many they are.
func (x *tie) mayBe(forms []form) bool {
	for _, f := range forms {
		for _, c := range x.classesOf(f) {
			if c.unread > 0 || c.open-c.unread > c.sizes[f.Size] {
				return true
			}
		}
	}
	return false
}

// bodyGroup is what is there of one body.
type bodyGroup struct {
	class *tieClass
	body  sum
}

// divisible reports whether each of the messages of the plan, of which these are the
// sizes, can be each that is there of the group: none has the same size.
func (g bodyGroup) divisible(sizes []int64) bool {
	return !slices.ContainsFunc(sizes, func(size int64) bool { return g.class.bodies[g.body][size] > 0 })
}

// decide divides the messages that wait, once all of the tie have been seen: those
// that are there by their bodies, those of which nobody can tell, and those that
// are not there.
func (x *tie) decide() (there, unclear, missing []*tiedMessage) {
	x.takeCopies()
	groups, sizes := map[bodyGroup][]*tiedMessage{}, map[bodyGroup][]int64{}
	var order []bodyGroup
	var rest []*tiedMessage
	for _, m := range x.waiting {
		if g, size, found := x.groupOf(m.forms); found {
			if groups[g] == nil {
				order = append(order, g)
			}
			groups[g], sizes[g] = append(groups[g], m), append(sizes[g], size)
		} else {
			rest = append(rest, m)
		}
	}
	x.waiting = rest
	open := map[bodyGroup][]int{}
	for i := range x.there {
		if e := &x.there[i]; !x.taken[i] && e.hasBody {
			g := bodyGroup{x.classes[e.date], e.body}
			open[g] = append(open[g], i)
		}
	}
	for _, g := range order {
		claims := len(groups[g])
		if claims <= len(open[g]) && g.divisible(sizes[g]) {
			there = append(there, groups[g]...)
		} else {
			unclear = append(unclear, groups[g]...)
		}
		for _, i := range open[g][:min(claims, len(open[g]))] {
			x.take(i)
		}
	}
	others, missing := x.abandon()
	return there, append(unclear, others...), missing
}

// groupOf returns what is there that has the body of a message of the plan, and
// another size, and the size of the message.
func (x *tie) groupOf(forms []form) (g bodyGroup, size int64, found bool) {
	for _, f := range forms {
		for _, c := range x.classesOf(f) {
			for size, n := range c.bodies[f.Body] {
				if n > 0 && size != f.Size {
					return bodyGroup{c, f.Body}, f.Size, true
				}
			}
		}
	}
	return bodyGroup{}, 0, false
}

// abandon divides the messages that wait and have no other way to be told: those of
// which nobody can tell whether they are there, and those that are not.
func (x *tie) abandon() (unclear, missing []*tiedMessage) {
	for _, m := range x.waiting {
		if x.mayBe(m.forms) {
			unclear = append(unclear, m)
		} else {
			missing = append(missing, m)
		}
	}
	x.waiting = nil
	return unclear, missing
}

// record is the tie as it stands in a plan.
func (x *tie) record(id uint64) *stream.Tie {
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

// maxTied is how many messages of ties are remembered. What is beyond is in doubt.
const maxTied = 1 << 18

// tieIndex finds the ties of a plan's messages. A tie of several streams has its
// record in each.
type tieIndex struct {
	now, before map[uint64]*tie // of this stream, and of the one in front of it
	joined      map[uint64]bool // it is known whether the one of this stream goes on from there
	old         map[string]*tie // of a plan of an earlier version, by target and key
	size        int             // of this stream
}

// begin begins a stream.
func (s *tieIndex) begin() {
	for id := range s.now {
		s.join(id)
	}
	s.before, s.now, s.joined, s.old, s.size = s.now, map[uint64]*tie{}, map[uint64]bool{}, map[string]*tie{}, 0
}

// add takes a record of a tie.
func (s *tieIndex) add(r *stream.Tie) {
	x, known := s.now[r.ID]
	if s.size += len(r.There); s.size > maxTied || s.joined[r.ID] || known && x == nil {
		s.now[r.ID] = nil // not all of it is known
		return
	}
	if !known {
		x = &tie{of: r.Of}
		s.now[r.ID] = x
	}
	for i := range r.There {
		y := &r.There[i]
		e := tied{uid: int64(y.UID), date: y.Date, size: y.Size, read: y.Digest != "", hasBody: y.Body != ""}
		hex.Decode(e.digest[:], []byte(y.Digest))
		hex.Decode(e.body[:], []byte(y.Body))
		x.there = append(x.there, e)
	}
}

// join lets a tie go on that the stream in front had.
func (s *tieIndex) join(id uint64) {
	if s.joined[id] {
		return
	}
	s.joined[id] = true
	if x, was := s.now[id], s.before[id]; x != nil && was != nil && x.of == was.of && slices.Equal(x.there, was.there) {
		s.now[id] = was
	}
}

// find returns the tie of a message, or nil if the plan does not tell it.
func (s *tieIndex) find(m *stream.Message) *tie {
	switch {
	case m.Tie == nil:
		return nil
	case m.Tie.ID == 0:
		return s.findOld(m)
	}
	s.join(m.Tie.ID)
	return s.now[m.Tie.ID]
}

// findOld is find for a plan in which the first message of a tie says what is there.
func (s *tieIndex) findOld(m *stream.Message) *tie {
	place := m.Target + "\x00" + m.Key
	if m.Tie.Digests == nil {
		return s.old[place]
	}
	x := &tie{of: m.Tie.Of}
	if s.size += m.Tie.Drop; s.size > maxTied {
		x = nil
	}
	for i := 0; x != nil && i < max(m.Tie.Drop, len(m.Tie.Digests)); i++ {
		var e tied
		if i < len(m.Tie.Digests) {
			digest, date, _ := strings.Cut(m.Tie.Digests[i], "@")
			n, err := hex.Decode(e.digest[:], []byte(digest[:min(len(digest), 2*len(e.digest))]))
			e.read = err == nil && n == len(e.digest)
			e.date, _ = strconv.ParseInt(date, 10, 64)
		}
		x.there = append(x.there, e)
	}
	s.old[place] = x
	return x
}
