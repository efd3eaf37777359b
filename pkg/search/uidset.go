package search

import (
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// UIDSet is a set of UIDs (sequence-set, RFC 9051 9). "*" is the largest UID of
// the folder, and a range that ends there holds at least that one.
type UIDSet struct {
	set  uidset.Set
	from uint64 // from:* ; 0 if there is none, uidset.Last for * alone
}

const uidForms = "1:10,20,30:*"

// ParseUIDSet reads a set such as "1:10,20,30:*".
func ParseUIDSet(text string) (UIDSet, error) {
	s, bad := parseUIDSet(text)
	if bad != "" {
		return UIDSet{}, fault.Errorf(fault.Usage, "UID set %s: %s", shown(text), bad).
			WithHint("a UID set looks like %s", uidForms)
	}
	return s, nil
}

// parseUIDSet says what is bad in a set, or returns it.
func parseUIDSet(text string) (s UIDSet, bad string) {
	var ranges []uidset.Range
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
			s.addFrom(uidset.Last)
		case a > 0 && last == "*":
			s.addFrom(a)
		case a > 0 && b > 0:
			ranges = append(ranges, uidset.Range{First: min(a, b), Last: max(a, b)})
		default:
			return UIDSet{}, shown(part) + " is no UID and no range of them"
		}
	}
	s.join(uidset.Of(ranges))
	return s, ""
}

// parseUID returns 0 for what is no UID.
func parseUID(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == uidset.Last { // which stands for *
		return 0
	}
	return n
}

func (s *UIDSet) addFrom(first uint64) {
	if s.from == 0 || first < s.from {
		s.from = first
	}
}

// join takes what does not touch from:*, which takes the rest.
func (s *UIDSet) join(set uidset.Set) {
	ranges := set.Ranges()
	for n := len(ranges); n > 0 && s.from > 0 && ranges[n-1].Last >= s.from-1; n = len(ranges) {
		s.from = min(s.from, ranges[n-1].First)
		ranges = ranges[:n-1]
	}
	s.set = uidset.Of(ranges)
}

// Contains reports whether the set has a UID of a folder whose largest is largest
// (0 if that is not known: then * alone is none).
func (s UIDSet) Contains(uid, largest uint64) bool {
	if s.from > 0 && (uid >= s.from || uid == largest) {
		return true
	}
	return s.set.Has(uid)
}

// String writes the set sorted, in ranges.
func (s UIDSet) String() string {
	var b []byte
	for _, r := range s.set.Ranges() {
		b = r.Append(append(b, ','))
	}
	switch s.from {
	case 0:
	case uidset.Last:
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
	ranges := s.set.Ranges()
	if len(ranges) == 0 {
		return s
	}
	first := ranges[0].First
	if s.from > 0 {
		return UIDSet{from: first}
	}
	return UIDSet{set: uidset.Of([]uidset.Range{{First: first, Last: s.set.Max()}})}
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
