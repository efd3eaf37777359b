package imapconn

import (
	"strconv"
	"strings"
)

// Bounds of a sequence set in a command: servers refuse longer lines (8 KiB is
// what RFC 7162 recommends, Courier gives up at 16 KiB).
const (
	maxSetOctets = 6500
	maxSetRanges = 500
)

// lastUID stands for the last UID of a mailbox, whatever that is. No message has
// it: a UIDNEXT above it would need more than 64 bits. RFC 3501 has UIDs and
// UIDVALIDITY of 32 bits; servers that go beyond are taken at their word.
const lastUID = 1<<64 - 1

// appendSet writes as many of the sorted uids as fit so many octets, as ranges,
// and returns how many those are.
func appendSet(set []byte, uids []uint64, most int) (_ []byte, n int) {
	const longest = len(",18446744073709551615:18446744073709551615")
	ranges := 0
	for n < len(uids) && ranges < maxSetRanges && (ranges == 0 || len(set)+longest <= most) {
		first := n
		for n++; n < len(uids) && uids[n] == uids[n-1]+1; n++ {
		}
		if ranges > 0 {
			set = append(set, ',')
		}
		set = strconv.AppendUint(set, uids[first], 10)
		if n-1 > first {
			set = append(set, ':')
			set = strconv.AppendUint(set, uids[n-1], 10)
		}
		ranges++
	}
	return set, n
}

// expandSet reads a set of UIDs that a server gives, in its order, ranges from
// the lower to the higher; nil if it is none, or has more than most.
func expandSet(set string, most int) (uids []uint64) {
	for part := range strings.SplitSeq(set, ",") {
		a, b, isRange := strings.Cut(part, ":")
		first, last := number64(a), number64(a)
		if isRange {
			last = number64(b)
		}
		if last < first {
			first, last = last, first
		}
		if first == 0 || last == lastUID || last-first >= uint64(most-len(uids)) {
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

// uidRange is an inclusive range.
type uidRange struct{ first, last uint64 }

// uidMarks is a set of UIDs that mostly come in ascending order.
type uidMarks struct {
	ranges []uidRange // sorted, apart
	count  int
}

// add marks a UID; it returns false if it was marked before.
func (s *uidMarks) add(uid uint64) bool {
	i := s.find(uid)
	if i < len(s.ranges) && s.ranges[i].first <= uid {
		return false
	}
	s.count++
	touchesLeft := i > 0 && s.ranges[i-1].last+1 == uid
	touchesRight := i < len(s.ranges) && s.ranges[i].first == uid+1
	switch {
	case touchesLeft && touchesRight:
		s.ranges[i-1].last = s.ranges[i].last
		s.ranges = append(s.ranges[:i], s.ranges[i+1:]...)
	case touchesLeft:
		s.ranges[i-1].last = uid
	case touchesRight:
		s.ranges[i].first = uid
	default:
		s.ranges = append(s.ranges, uidRange{})
		copy(s.ranges[i+1:], s.ranges[i:])
		s.ranges[i] = uidRange{uid, uid}
	}
	return true
}

func (s *uidMarks) has(uid uint64) bool {
	i := s.find(uid)
	return i < len(s.ranges) && s.ranges[i].first <= uid
}

// find returns the first range that does not end before uid.
func (s *uidMarks) find(uid uint64) int {
	low, high := 0, len(s.ranges)
	if high > 0 && s.ranges[high-1].last < uid { // the common case
		return high
	}
	for low < high {
		mid := (low + high) / 2
		if s.ranges[mid].last < uid {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
