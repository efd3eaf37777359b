package uidset

import (
	"cmp"
	"slices"
)

// List holds ascending UIDs, four octets for each where long runs of them have
// the upper 32 bits in common.
type List struct {
	low  []uint32
	runs []listRun
}

// listRun begins UIDs with the same upper bits.
type listRun struct{ high, at uint32 }

// Len returns how many there are.
func (l *List) Len() int { return len(l.low) }

// Last returns the greatest, 0 if there is none.
func (l *List) Last() uint64 {
	if len(l.low) == 0 {
		return 0
	}
	return uint64(l.runs[len(l.runs)-1].high)<<32 | uint64(l.low[len(l.low)-1])
}

// Append adds a UID, which must be greater than the last.
func (l *List) Append(uid uint64) {
	if high := uint32(uid >> 32); len(l.runs) == 0 || l.runs[len(l.runs)-1].high != high {
		l.runs = append(l.runs, listRun{high, uint32(len(l.low))})
	}
	l.low = append(l.low, uint32(uid))
}

// Find returns the place of a UID, and whether it is there.
func (l *List) Find(uid uint64) (int, bool) {
	k, found := slices.BinarySearchFunc(l.runs, uint32(uid>>32),
		func(r listRun, high uint32) int { return cmp.Compare(r.high, high) })
	if !found {
		return 0, false
	}
	end := len(l.low)
	if k+1 < len(l.runs) {
		end = int(l.runs[k+1].at)
	}
	at := int(l.runs[k].at)
	i, found := slices.BinarySearch(l.low[at:end], uint32(uid))
	return at + i, found
}

// DropLast takes the last UID out.
func (l *List) DropLast() {
	n := len(l.low) - 1
	l.low = l.low[:n]
	if k := len(l.runs) - 1; int(l.runs[k].at) == n {
		l.runs = l.runs[:k]
	}
}
