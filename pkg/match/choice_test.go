package match

import (
	"fmt"
	"strings"
	"testing"
)

// TestChoices: look-alikes of which any could be any are told apart where their flags
// differ, and a choice that remains is a guess. A word is a message as in TestMatch, and
// its flag after a colon.
func TestChoices(t *testing.T) {
	for _, c := range []struct{ source, dest, want string }{
		{"a:x b:y", "b: a:", "[2 1] received"},
		{"a:x b'+:y", "b'+: a:", "[2 1]"},
		{"a:x b':y", "b': a:", "[2 1] received"},
		{"a:x b:y", "b:x a:y", "[2 1] received"},     // crossed before
		{"a:x", "b: a:", "[2] received"},             // the source lacks one
		{"a:x b:x", "b: a:", "[1 2]"},                // all become alike
		{"a:x b:x", "b:x a:x", "[1 2]"},              // nothing to change
		{"a?:x b?':y", "b?': a?:", "[2 1] received"}, // without bytes
		{"a?:x b?:y", "b: a:", "[1? 2?] received"},
		{"a?:x b?:y", "a:y a:x", "[2 1] received"}, // those that have the flags already
		{"a?:x b?:y", "a: a:", "[1 2] received"},   // byte for byte the same
		{"a?:x", "b: a:", "[1?] received"},
	} {
		for _, depends := range []Dependents{FlagsDepend, 0} {
			h := &hidden{all: map[uint64]Evidence{}}
			m := &Matcher{Reader: h, Depends: depends}
			for i, word := range strings.Fields(c.dest) {
				text, flag, _ := strings.Cut(word, ":")
				e := message(text)
				e.PackedUID = PackUID(uint64(i + 1))
				h.all[e.UID()] = e
				e.Received, e.SHA, e.Known = 0, [16]byte{}, 0
				m.Add(Message{Evidence: e, Flags: strings.Fields(flag)})
			}
			words := strings.Fields(c.source)
			fates := make([]string, len(words))
			for i, word := range words {
				text, flag, _ := strings.Cut(word, ":")
				e := message(text)
				if len(words) > 1 {
					e.Known |= KnownTwin
				}
				m.SetFlags(&e, strings.Fields(flag), false)
				if v, d := m.Decide(e, uint32(i), true); v == Present {
					fates[i] = fmt.Sprint(d.UID())
				}
			}
			r, err := m.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Pairs {
				fates[p.Ordinal] = fmt.Sprint(p.Entry.UID())
				if p.Guess {
					fates[p.Ordinal] += "?"
				}
			}
			got := fmt.Sprint(fates)
			if h.asked > 0 {
				got += " received"
			}
			if depends == 0 && h.asked > 0 {
				t.Errorf("%q at %q: evidence was read on which nothing depends", c.source, c.dest)
			}
			if depends != 0 && got != c.want {
				t.Errorf("%q at %q: %s, want %s", c.source, c.dest, got, c.want)
			}
		}
	}
}
