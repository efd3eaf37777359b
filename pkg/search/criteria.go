package search

import (
	"slices"
)

// Criteria is a conjunction of search keys. The zero value selects everything.
// A value never changes, and may be used by several goroutines.
type Criteria struct {
	keys []key // none of them is a conjunction or ALL
}

// key is one search key.
type key interface {
	// print writes the key as RFC 3501 spells it.
	print(p *printer)
	// needs adds what match wants to know.
	needs(n *Needs)
	// bounds tells what a server can be asked.
	bounds(s server) bounds
	// match judges a message by what is known of it so far.
	match(f *facts) verdict
}

// criteria makes a conjunction of keys.
func criteria(keys ...key) Criteria {
	var c Criteria
	for _, k := range keys {
		switch k := k.(type) {
		case all:
		case conjunction:
			c.keys = append(c.keys, criteria(k...).keys...)
		default:
			c.keys = append(c.keys, k)
		}
	}
	return c
}

// And returns what meets c and all others.
func (c Criteria) And(others ...Criteria) Criteria {
	keys := slices.Clone(c.keys)
	for _, other := range others {
		keys = append(keys, other.keys...)
	}
	return Criteria{keys}
}

// IsZero tells that c selects everything.
func (c Criteria) IsZero() bool { return len(c.keys) == 0 }

// String returns the canonical text, on one line: equal texts select the same
// messages. Parse reads it, but for ages and expressions, which RFC 3501 has no
// key for; these are written as YOUNGER and OLDER (RFC 5032, in seconds, so that
// the same option gives the same text every day) and as RAW.
func (c Criteria) String() string {
	var p printer
	p.conjunction(c.keys)
	return p.String()
}

// Needs is what has to be known of a message to judge it, beside its UID.
type Needs struct {
	LargestUID   bool // for *
	Flags        bool
	InternalDate bool
	Size         bool     // and the octets of a message whose size is not known
	Header       bool     // octets up to the end of the header
	Fields       []string // those of the header that are enough; nil without Header, or if all are wanted
	Body         bool     // all octets
}

// Needs tells what Match may want to know.
func (c Criteria) Needs() Needs {
	var n Needs
	for _, k := range c.keys {
		k.needs(&n)
	}
	if n.Body {
		n.Header, n.Fields = true, nil
	}
	slices.Sort(n.Fields)
	n.Fields = slices.Compact(n.Fields)
	return n
}

// Octets tells that Match may read the message itself.
func (n Needs) Octets() bool { return n.Header || n.Body }
