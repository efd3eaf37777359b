package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// matchFates are what becomes of source messages: for each the UID at the destination
// of the message that it was found to be, or 0.
type matchFates struct {
	uids []uint64
	ties []string // "drop/of: ordinals"
}

// way is how a matcher is used.
type way struct {
	server    bool // Received lines and bytes of the destination are told when asked for
	piped     bool
	immediate bool
	strict    bool
}

var ways = func() (all []way) {
	for i := range 16 {
		all = append(all, way{i&1 > 0, i&2 > 0, i&4 > 0, i&8 > 0})
	}
	return all
}()

// fatesOf matches source messages with those of a destination folder.
func fatesOf(t *testing.T, source, dest []Evidence, w way) matchFates {
	t.Helper()
	h := &hidden{all: map[uint64]Evidence{}}
	m := &Matcher{Strict: w.strict, Piped: w.piped}
	if w.server {
		m.Reader = h
	}
	for i, e := range dest {
		e.PackedUID = PackUID(uint64(i + 1))
		h.all[e.UID()] = e
		if w.server {
			e.Received, e.SHA, e.Known = 0, [16]byte{}, 0
		}
		m.Add(Message{Evidence: e})
	}
	f := matchFates{uids: make([]uint64, len(source))}
	alike := func(e Evidence) func(Evidence) bool {
		return func(o Evidence) bool { return o.Key == e.Key && o.Size == e.Size && o.Date == e.Date }
	}
	for i, e := range source {
		if others := slices.DeleteFunc(slices.Clone(source), alike(e)); len(others) < len(source)-1 {
			e.Known |= KnownTwin // as imap-fetch says it
		}
		e.PackedUID = PackUID(uint64(i)) // its ordinal
		if v, d := m.Decide(e, uint32(i), w.immediate); v == Present {
			f.uids[i] = d.UID()
		}
	}
	f.take(t, m)
	return f
}

// take adds what is known once all have come.
func (f *matchFates) take(t *testing.T, m *Matcher) {
	t.Helper()
	r, err := m.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(r.Mistaken, m.Displaced) {
		f.uids[c] = 0
	}
	for _, p := range r.Pairs {
		f.uids[p.Ordinal] = p.Entry.UID()
	}
	for _, tie := range r.Ties {
		f.ties = append(f.ties, fmt.Sprintf("%d/%d: %v", len(tie.There), len(tie.Ordinals), tie.Ordinals))
	}
}

// A message of bytes o is "o", one that came another way "o'", one of another
// arrival "o+", one of another size "o#"; a key other than "k" stands before a
// slash.
func message(text string) Evidence {
	key, octets, other := strings.Cut(text, "/")
	if !other {
		key, octets = "k", text
	}
	e := looks(10, 1, 5, octets[:1])
	copy(e.Key[:], key)
	for _, mark := range octets[1:] {
		switch mark {
		case '\'':
			e.Received++
		case '+':
			e.Date++
		case '#':
			e.Size++
		case '?': // its bytes are not known
			e.SHA, e.Known = [16]byte{}, 0
		}
	}
	return e
}

func messages(text string) (all []Evidence) {
	for _, word := range strings.Fields(text) {
		all = append(all, message(word))
	}
	return all
}

// TestMatch: who is present as which message, and who is missing; in every way
// of use unless one is named.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		source, dest, want string
		only               func(way) bool
	}{
		{"", "a", "[]", nil},
		{"a", "", "[0]", nil},
		{"a", "a", "[1]", nil},
		{"a", "l/a", "[0]", nil},
		{"a l/a", "l/a", "[0 1]", nil},
		{"a a a", "a", "[1 0 0]", nil},
		{"a a", "a a a", "[1 2]", func(w way) bool { return !w.server }},
		// Octets say which of two that look alike is there.
		{"a b", "a", "[1 0]", nil},
		{"b a", "a", "[0 1]", nil},
		{"a b", "b a", "[2 1]", func(w way) bool { return !w.server }},
		{"a b c", "c b", "[0 2 1]", nil},
		// So do other ways, arrivals and sizes, where the bytes are not known.
		{"a? b'?", "b'?", "[0 1]", nil},
		{"a? b+?", "b+?", "[0 1]", nil},
		{"a#? b?", "a#?", "[1 0]", nil},
		{"b+'? a?", "a'? b+'?", "[2 1]", nil},
		// More in common goes first.
		{"a'+? a+?", "a'+?", "[1 0]", nil},
		{"a+? a'+?", "a'+?", "[0 1]", func(w way) bool { return !w.immediate }},
		// Without bytes somebody else has to choose.
		{"a? b?", "a", "[1 0] 1/2: [0 1]", func(w way) bool { return w.server && !w.immediate }},
		{"a? b? c?", "b c", "[1 2 0] 2/3: [0 1 2]", func(w way) bool { return w.server && !w.immediate }},
		// Who has a place for want of a better one may be the message of the better one.
		{"a c# b' b", "b+ b", "[0 0 1 2]", func(w way) bool { return w.server }},
		{"a? c#? b'? b?", "b+ b", "[2 0 0 1] 2/4: [0 1 2 3]", func(w way) bool { return w.server }},
		// The key alone is enough, unless it must not be.
		{"a", "b'+#", "[1]", func(w way) bool { return !w.strict }},
		{"a", "b'+#", "[0]", func(w way) bool { return w.strict }},
		{"a b'+#", "b'+#", "[0 1]", nil},
	} {
		for _, w := range ways {
			if c.only != nil && !c.only(w) {
				continue
			}
			f := fatesOf(t, messages(c.source), messages(c.dest), w)
			got := strings.TrimSpace(fmt.Sprint(f.uids, " ", strings.Join(f.ties, " ")))
			if got != c.want {
				t.Errorf("%q at %q, %+v: %s, want %s", c.source, c.dest, w, got, c.want)
			}
		}
	}
}

// TestMatchNeverLosesNorDoubles: in every order of some messages of one key, at
// every destination, as many are missing as the destination has too few; none is
// present as a message that another is present as; and none is missing whose
// bytes are there, in a place that was given to another although as much spoke
// for one that has them. With strict true, none is present as one with which it
// has nothing in common.
func TestMatchNeverLosesNorDoubles(t *testing.T) {
	universe := strings.Fields("a a b b' b+ c# c#+'")
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		source, dest := someOf(rnd, universe), someOf(rnd, universe)
		w := ways[rnd.IntN(len(ways))]
		ss, ds := messages(strings.Join(source, " ")), messages(strings.Join(dest, " "))
		f := fatesOf(t, ss, ds, w)
		what := fmt.Sprintf("%q at %q, %+v: %v", source, dest, w, f)
		taken, gone := map[uint64]bool{}, 0
		for i, uid := range f.uids {
			switch {
			case uid == 0:
				gone++
			case taken[uid]:
				t.Fatalf("two are present as one: %s", what)
			case w.strict && !ss[i].agrees(&ds[uid-1]):
				t.Fatalf("strict, and nothing but the key: %s", what)
			}
			taken[uid] = true
		}
		if want := max(0, len(ss)-len(ds)); !w.strict && gone != want {
			t.Fatalf("%d missing, want %d: %s", gone, want, what)
		}
		if i := f.wronglyMissing(ss, ds); i >= 0 {
			t.Fatalf("message %d is missing, and its octets are there: %s", i, what)
		}
	}
}

// wronglyMissing returns a message that is missing although its bytes are there
// and nobody has a better claim to their place, or -1.
func (f *matchFates) wronglyMissing(source, dest []Evidence) int {
	f.uncross(source, dest)
	places, wrong := map[[16]byte]int{}, map[[16]byte]bool{}
	for _, d := range dest {
		places[d.SHA]++
	}
	for i, uid := range f.uids {
		if uid == 0 {
			continue
		}
		places[source[i].SHA]--
		d := &dest[uid-1]
		for o := range source {
			better := f.uids[o] == 0 || common(&source[o], d) > common(&source[o], &dest[f.uids[o]-1]) // than where it is
			if better && source[i].SHA != d.SHA && source[o].SHA == d.SHA && common(&source[o], d) >= common(&source[i], d) {
				wrong[d.SHA] = true
			}
		}
	}
	for i, uid := range f.uids {
		if sum := source[i].SHA; uid == 0 && places[sum] > 0 && wrong[sum] {
			return i
		}
	}
	return -1
}

// uncross exchanges the places of messages for which as much speaks the other way
// round, where one then has its own bytes: that changes nothing for a plan.
func (f *matchFates) uncross(source, dest []Evidence) {
	for again := true; again; {
		again = false
		for i, e := range f.uids {
			for j, d := range f.uids {
				if e == 0 || d == 0 {
					continue
				}
				at, to := &dest[e-1], &dest[d-1]
				if source[i].SHA == to.SHA && source[i].SHA != at.SHA && source[j].SHA != to.SHA &&
					common(&source[i], to) >= common(&source[j], to) && common(&source[j], at) >= common(&source[i], at) {
					f.uids[i], f.uids[j] = f.uids[j], f.uids[i]
					e, again = f.uids[i], true
				}
			}
		}
	}
}

// common is what a server tells without its bytes that two have in common.
func common(e, d *Evidence) (both Trait) {
	for _, t := range []Trait{SameSize, SameDate, sameReceived} {
		if one, ok := e.signature(t); ok {
			if other, _ := d.signature(t); one == other {
				both |= t
			}
		}
	}
	return both
}

// someOf are some of the words, in random order.
func someOf(rnd *rand.Rand, words []string) []string {
	words = slices.Clone(words)
	rnd.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words[:rnd.IntN(len(words)+1)]
}
