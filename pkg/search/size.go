package search

import "math"

// size is LARGER or SMALLER, which leave out the size that they name.
type size struct {
	larger bool
	octets int64
}

func (s size) print(p *printer) {
	if s.larger {
		p.text("LARGER ")
	} else {
		p.text("SMALLER ")
	}
	p.number(s.octets)
}

func (s size) needs(n *Needs) { n.Size = true }

func (s size) match(f *facts) verdict {
	octets, ok := f.size()
	switch {
	case !ok:
		return unknown
	case s.larger:
		return known(octets > s.octets)
	}
	return known(octets < s.octets)
}

// maxAsked is the largest number that a server is asked with. RFC 3501 9 allows
// twice that, but Cyrus 3.6 ends the connection at 4294967295.
const maxAsked = math.MaxInt32

// bounds: to a server that says 0 of a message, it is small.
func (s size) bounds(server) bounds {
	asked := size{s.larger, min(s.octets, maxAsked)}
	if s.larger {
		return atMost(or(asked, size{octets: 1}))
	}
	if s.octets > maxAsked {
		return atMost(all{})
	}
	return atMost(asked)
}

// MinSize selects messages of at least so many octets, MaxSize those of at most
// so many: both take the size that they name, other than LARGER and SMALLER.
func MinSize(octets int64) Criteria {
	if octets <= 0 {
		return Criteria{}
	}
	return criteria(size{larger: true, octets: octets - 1})
}

// MaxSize is described at MinSize. No message has less than 0 octets.
func MaxSize(octets int64) Criteria {
	if octets == math.MaxInt64 {
		return Criteria{}
	}
	return criteria(size{octets: max(octets, -1) + 1})
}
