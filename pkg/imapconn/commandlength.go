package imapconn

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// setLength is how long a sequence set may be. Servers refuse long lines with
// BAD, and so they do much else: sets are made shorter until it is clear
// whether that was the reason.
type setLength struct {
	octets int  // 0: maxSetOctets
	known  bool // octets holds, or it is known that length is not the reason
}

// Bounds of a sequence set in a command: servers refuse longer lines (8 KiB is
// what RFC 7162 recommends, Courier gives up at 16 KiB).
const (
	maxSetOctets = 6500
	maxSetRanges = 500
)

// shortSet is a length that no server refuses, in octets.
const shortSet = 200

func (l *setLength) most() int {
	if l.octets == 0 {
		return maxSetOctets
	}
	return l.octets
}

// append writes as many of the sorted uids as fit a command to its text, and
// returns how many those are.
func (l *setLength) append(text string, uids []uint64) (_ []byte, n int) {
	return uidset.Append([]byte(text), uids, l.most(), maxSetRanges)
}

// isTooLong reports whether a refusal may be about the length of the line.
func isTooLong(err error) bool {
	var no *imap.Error
	return isBad(err) || errors.As(err, &no) && tooLong.MatchString(no.Text)
}

var tooLong = text(`too long|line length`)

// shorten is told of such a refusal to a command with so many octets, and reports whether
// to try a shorter one.
func (l *setLength) shorten(octets int) bool {
	switch {
	case l.known && l.octets == 0:
		return false
	case octets > shortSet:
		l.octets = max(octets/2, shortSet)
		return true
	case !l.known: // no set was short enough: that is not it
		l.octets, l.known = 0, true
	}
	return false
}

// fits is told of a command that was taken.
func (l *setLength) fits() { l.known = l.known || l.octets > 0 }
