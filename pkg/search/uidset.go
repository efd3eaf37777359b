package search

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// UIDSet is a set of UIDs (sequence-set, RFC 9051 9). "*" is the largest UID of
// the folder, and a range that ends there holds at least that one.
type UIDSet struct {
	ranges []uidRange // sorted, apart
	from   uint64     // from:* ; 0 if there is none, math.MaxUint64 for * alone
}

type uidRange struct{ first, last uint64 }

const uidForms = "1:10,20,30:*"

// ParseUIDSet reads a set such as "1:10,20,30:*".
func ParseUIDSet(text string) (UIDSet, error) {
	s, bad := parseUIDSet(text)
	if bad != "" {
		return UIDSet{}, exit.Errorf(exit.Usage, "UID set %s: %s", shown(text), bad).
			WithHint("a UID set looks like %s", uidForms)
	}
	return s, nil
}

// parseUIDSet says what is bad in a set, or returns it.
func parseUIDSet(text string) (s UIDSet, bad string) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		if first == "*" {
			first, last = last, first
		}
		a, b := parseUID(first), parseUID(last)
		switch {
		case first == "*":
			s.addFrom(math.MaxUint64)
		case a > 0 && last == "*":
			s.addFrom(a)
		case a > 0 && b > 0:
			s.ranges = append(s.ranges, uidRange{min(a, b), max(a, b)})
		default:
			return UIDSet{}, shown(part) + " is no UID and no range of them"
		}
	}
	s.normalise()
	return s, ""
}

// parseUID returns 0 for what is no UID.
func parseUID(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == math.MaxUint64 { // which stands for *
		return 0
	}
	return n
}

func (s *UIDSet) addFrom(first uint64) {
	if s.from == 0 || first < s.from {
		s.from = first
	}
}

// normalise sorts the ranges and joins those that touch.
func (s *UIDSet) normalise() {
	slices.SortFunc(s.ranges, func(a, b uidRange) int { return cmp.Compare(a.first, b.first) })
	joined := s.ranges[:0]
	for _, r := range s.ranges {
		if n := len(joined); n > 0 && r.first-1 <= joined[n-1].last {
			joined[n-1].last = max(joined[n-1].last, r.last)
		} else {
			joined = append(joined, r)
		}
	}
	for n := len(joined); n > 0 && s.from > 0 && joined[n-1].last >= s.from-1; n = len(joined) {
		s.from = min(s.from, joined[n-1].first)
		joined = joined[:n-1]
	}
	s.ranges = joined
}

// Contains reports whether the set has a UID of a folder whose largest is largest
// (0 if that is not known: then * alone is none).
func (s UIDSet) Contains(uid, largest uint64) bool {
	if s.from > 0 && (uid >= s.from || uid == largest) {
		return true
	}
	i, found := slices.BinarySearchFunc(s.ranges, uid,
		func(r uidRange, uid uint64) int { return cmp.Compare(r.first, uid) })
	return found || i > 0 && uid <= s.ranges[i-1].last
}

// String writes the set sorted, in ranges.
func (s UIDSet) String() string {
	var b []byte
	for _, r := range s.ranges {
		b = append(b, ',')
		b = strconv.AppendUint(b, r.first, 10)
		if r.last > r.first {
			b = append(b, ':')
			b = strconv.AppendUint(b, r.last, 10)
		}
	}
	switch s.from {
	case 0:
	case math.MaxUint64:
		b = append(b, ",*"...)
	default:
		b = append(b, ',')
		b = strconv.AppendUint(b, s.from, 10)
		b = append(b, ":*"...)
	}
	if len(b) == 0 {
		return ""
	}
	return string(b[1:])
}

// hull is one range around the set.
func (s UIDSet) hull() UIDSet {
	if len(s.ranges) == 0 {
		return s
	}
	first, last := s.ranges[0].first, s.ranges[len(s.ranges)-1].last
	if s.from > 0 {
		return UIDSet{from: first}
	}
	return UIDSet{ranges: []uidRange{{first, last}}}
}

// maxSet is the longest set that a server is sent, in octets.
const maxSet = 4000

// uids is UID.
type uids struct{ set UIDSet }

func (u uids) print(p *printer)       { p.text("UID " + u.set.String()) }
func (u uids) needs(n *Needs)         { n.LargestUID = n.LargestUID || u.set.from > 0 }
func (u uids) match(f *facts) verdict { return known(u.set.Contains(f.m.UID, f.m.LargestUID)) }

func (u uids) bounds(server) bounds {
	if len(u.set.String()) > maxSet {
		return atMost(uids{u.set.hull()})
	}
	return exactly(u)
}
