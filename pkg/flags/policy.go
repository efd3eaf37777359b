// Package flags is about the flags of messages (RFC 9051 section 2.3.2): which
// ones are carried over, under which name, and in what two messages differ.
// Flags are compared without regard to case, as servers do.
package flags

import (
	"fmt"
	"slices"
	"strings"
)

// Policy says what becomes of a message's flags on the way. The zero value
// keeps all but \Recent, which a server gives by itself.
type Policy struct {
	rename map[string]string // by the flag in lower case
	keep   []string          // nil: all
	drop   []string
}

// NewPolicy makes a policy of OLD=NEW pairs, of the only flags to keep (none
// given: all) and of those to drop. Keep and drop name flags as they are after
// the renaming.
func NewPolicy(rename, keep, drop []string) (*Policy, error) {
	p := &Policy{keep: keep, drop: drop}
	for _, pair := range rename {
		from, to, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not OLD=NEW", pair)
		}
		if err := check(from); err != nil {
			return nil, err
		}
		if err := check(to); err != nil {
			return nil, err
		}
		old := strings.ToLower(from)
		if _, twice := p.rename[old]; twice {
			return nil, fmt.Errorf("%s is renamed twice", from)
		}
		if p.rename == nil {
			p.rename = map[string]string{}
		}
		p.rename[old] = to
	}
	for _, f := range slices.Concat(keep, drop) {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// system are the flags that RFC 9051 knows and a client may set.
var system = []string{`\Answered`, `\Deleted`, `\Draft`, `\Flagged`, `\Seen`}

// check says what is wrong with a flag that somebody typed.
func check(f string) error {
	switch {
	case strings.HasPrefix(f, `\`):
		if !Has(system, f) {
			return fmt.Errorf("%q is no flag that can be set: with a backslash there are %s", f,
				strings.Join(system, " "))
		}
	case f == "":
		return fmt.Errorf("a flag without a name")
	case strings.ContainsFunc(f, func(c rune) bool {
		return c <= ' ' || c >= 0x7F ||
			strings.ContainsRune(`(){%*"\]`, c)
	}):
		return fmt.Errorf("%q is no flag: a keyword is of ASCII, without blanks and ( ) { %% * \" \\ ]", f)
	}
	return nil
}

// Apply returns the flags to set, each once, and those that the policy leaves
// out. The order is that of the flags given.
func (p *Policy) Apply(flags []string) (set, left []string) {
	for _, f := range flags {
		if to, ok := p.rename[strings.ToLower(f)]; ok {
			f = to
		}
		switch {
		case Has(set, f), strings.EqualFold(f, `\Recent`):
		case !p.Governs(f):
			left = append(left, f)
		default:
			set = append(set, f)
		}
	}
	return set, left
}

// Governs reports whether the policy carries a flag of that name over: only then
// its absence at the source means anything.
func (p *Policy) Governs(f string) bool {
	return (p.keep == nil || Has(p.keep, f)) && !Has(p.drop, f) && !strings.EqualFold(f, `\Recent`)
}

// KeepsAll reports whether every flag is carried over as it is.
func (p *Policy) KeepsAll() bool { return len(p.rename) == 0 && p.keep == nil && len(p.drop) == 0 }

// Has reports whether a flag is among others.
func Has(flags []string, f string) bool {
	return slices.ContainsFunc(flags, func(other string) bool { return strings.EqualFold(other, f) })
}

// Without returns the flags of a that are not in b.
func Without(a, b []string) (rest []string) {
	for _, f := range a {
		if !Has(b, f) {
			rest = append(rest, f)
		}
	}
	return rest
}
