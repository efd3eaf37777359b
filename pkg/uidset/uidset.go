// Package uidset holds sets of UIDs, and reads and writes them as a sequence-set
// (RFC 9051 section 9).
//
// UIDs have 64 bits here, so go-imap's UIDSet does not fit: RFC 9051 gives them 32,
// and servers were seen to go beyond.
package uidset

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Last stands for the last UID of a mailbox, whatever that is. No message has it:
// a UIDNEXT above it would need more than 64 bits.
const Last = 1<<64 - 1

// Range is an inclusive range.
type Range struct{ First, Last uint64 }

// Set is a set of UIDs, which mostly come in ascending order. The zero Set is
// empty.
type Set struct {
	ranges []Range // sorted, apart
	count  int
}

// Of returns the set of some ranges in any order. No range begins with 0.
func Of(ranges []Range) (s Set) {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	for _, r := range ranges {
		if n := len(s.ranges); n > 0 && r.First-1 <= s.ranges[n-1].Last {
			s.ranges[n-1].Last = max(s.ranges[n-1].Last, r.Last)
		} else {
			s.ranges = append(s.ranges, r)
		}
	}
	for _, r := range s.ranges {
		s.count += int(r.Last - r.First + 1)
	}
	return s
}

// Add adds a UID and reports whether it is new.
func (s *Set) Add(uid uint64) bool {
	i := s.find(uid)
	if i < len(s.ranges) && s.ranges[i].First <= uid {
		return false
	}
	s.count++
	touchesLeft := i > 0 && s.ranges[i-1].Last+1 == uid
	touchesRight := i < len(s.ranges) && s.ranges[i].First == uid+1
	switch {
	case touchesLeft && touchesRight:
		s.ranges[i-1].Last = s.ranges[i].Last
		s.ranges = append(s.ranges[:i], s.ranges[i+1:]...)
	case touchesLeft:
		s.ranges[i-1].Last = uid
	case touchesRight:
		s.ranges[i].First = uid
	default:
		s.ranges = slices.Insert(s.ranges, i, Range{uid, uid})
	}
	return true
}

// Has reports whether a UID is in the set.
func (s *Set) Has(uid uint64) bool {
	i := s.find(uid)
	return i < len(s.ranges) && s.ranges[i].First <= uid
}

// find returns the first range that does not end before uid.
func (s *Set) find(uid uint64) int {
	if n := len(s.ranges); n > 0 && s.ranges[n-1].Last < uid { // the common case
		return n
	}
	i, _ := slices.BinarySearchFunc(s.ranges, uid, func(r Range, uid uint64) int { return cmp.Compare(r.Last, uid) })
	return i
}

// Len returns how many UIDs are in the set.
func (s *Set) Len() int { return s.count }

// Ranges returns the ranges of the set, sorted and apart. They are the set's own.
func (s *Set) Ranges() []Range { return s.ranges }

// Max returns the largest UID of the set, 0 if it is empty.
func (s *Set) Max() uint64 {
	if len(s.ranges) == 0 {
		return 0
	}
	return s.ranges[len(s.ranges)-1].Last
}

// Append writes a range.
func (r Range) Append(b []byte) []byte {
	b = strconv.AppendUint(b, r.First, 10)
	if r.Last > r.First {
		b = append(b, ':')
		b = strconv.AppendUint(b, r.Last, 10)
	}
	return b
}

// Append writes as many of some sorted UIDs as fit so many bytes and ranges, and
// returns how many those are. The first range is written however long b is.
func Append(b []byte, uids []uint64, bytes, ranges int) (_ []byte, n int) {
	const longest = len(",18446744073709551615:18446744073709551615")
	for written := 0; n < len(uids) && written < ranges && (written == 0 || len(b)+longest <= bytes); written++ {
		first := n
		for n++; n < len(uids) && uids[n] == uids[n-1]+1; n++ {
		}
		if written > 0 {
			b = append(b, ',')
		}
		b = Range{uids[first], uids[n-1]}.Append(b)
	}
	return b, n
}

// Expand returns the UIDs of a set in its order, ranges from the lower to the
// higher; nil if it is no set, holds *, or has more UIDs than most.
func Expand(set string, most int) (uids []uint64) {
	for part := range strings.SplitSeq(set, ",") {
		a, b, isRange := strings.Cut(part, ":")
		first, last := number(a), number(a)
		if isRange {
			last = number(b)
		}
		if last < first {
			first, last = last, first
		}
		if first == 0 || last == Last || last-first >= uint64(most-len(uids)) {
			return nil
		}
		for u := first; ; u++ {
			uids = append(uids, u)
			if u == last {
				break
			}
		}
	}
	return uids
}

// number returns a UID, 0 for what is none.
func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
