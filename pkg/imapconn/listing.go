package imapconn

import (
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Bounds of a listing. An account of 100,000 folders is within them.
var (
	maxMailboxes  = 1 << 17
	maxNameOctets = 12 << 20 // of names and attributes
)

const (
	maxUnread = 1000 // entries that cannot be read
	// maxLevels bounds the levels of a name. Exchange, which has most, allows 300.
	// Work that is done for all names above a name grows with their square.
	maxLevels = 500
)

// ask is what LIST and LSUB said, in as many commands as were needed.
type listing struct {
	entries    []listEntry
	subscribed []listEntry
	unread     []malformedEntry // of LIST
	states     map[string]Status

	unreadSubscribed []malformedEntry // of LSUB

	octets     int                 // of names and attributes
	attributes map[string][]string // lists of them: few are different
	delimiter  string              // of the last entry
}

func newListing() *listing {
	return &listing{states: map[string]Status{}, attributes: map[string][]string{}}
}

// room reports whether l may grow by so many octets.
func (l *listing) room(octets int) error {
	l.octets += octets
	switch {
	case len(l.entries)+len(l.subscribed) > 2*maxMailboxes, len(l.entries) > maxMailboxes,
		len(l.subscribed) > maxMailboxes:
		return tooMuch("a listing of more than %d folders", maxMailboxes)
	case len(l.states) > maxMailboxes:
		return tooMuch("the STATUS of more than %d folders", maxMailboxes)
	case l.octets > maxNameOctets:
		return tooMuch("a listing with more than %d octets of names", maxNameOctets)
	case len(l.unread)+len(l.unreadSubscribed) > maxUnread:
		return &limitError{fmt.Sprintf("a listing of which more than %d entries cannot be read", maxUnread)}
	}
	return nil
}

// tooMuch is the error of a listing that would be as long on another connection.
func tooMuch(format string, most int) error {
	return fault.Wrap(fault.Protocol, &limitError{fmt.Sprintf(format, most)})
}

// promised is how many folders l speaks of, those that cannot be read too. Two
// entries without a name are two folders.
func (l *listing) promised() int {
	names, nameless := l.names(), 0
	for _, bad := range l.unread {
		if bad.wire == "" {
			nameless++
		} else {
			names[inboxFold(bad.wire)] = true
		}
	}
	return len(names) + nameless
}

// settles reports whether l can be read as a whole, and shows all that any way
// showed: every name, the subscribed ones too, and as many folders as promised.
// A way that merely leaves out an entry does not settle it.
func (l *listing) settles(all *listing, promised int) bool {
	known := l.names()
	if len(l.unread) > 0 || len(known) < promised {
		return false
	}
	hidden := func(e listEntry) bool { return !known[inboxFold(e.wire)] }
	return !slices.ContainsFunc(all.entries, hidden) && !slices.ContainsFunc(all.subscribed, hidden) &&
		!slices.ContainsFunc(all.unread, func(bad malformedEntry) bool {
			return bad.wire != "" &&
				!known[inboxFold(bad.wire)]
		})
}

func (l *listing) names() map[string]bool { return namesIn(l.entries) }

func namesIn(entries []listEntry) map[string]bool {
	known := make(map[string]bool, len(entries))
	for i := range entries {
		known[inboxFold(entries[i].wire)] = true
	}
	return known
}

// join takes over what another listing says, and counts only what is new.
func (l *listing) join(o *listing) error {
	if len(l.entries)+len(l.unread) == 0 {
		*l = *o
		return nil
	}
	octets := 0
	add := func(to *[]listEntry, from []listEntry) {
		known := namesIn(*to)
		for _, e := range from {
			if !known[inboxFold(e.wire)] {
				*to = append(*to, e)
				octets += e.octets()
			}
		}
	}
	add(&l.entries, o.entries)
	add(&l.subscribed, o.subscribed)
	miss := func(to *[]malformedEntry, from []malformedEntry) {
		known := map[string]bool{}
		for _, bad := range *to {
			known[bad.line] = true
		}
		for _, bad := range from {
			if !known[bad.line] {
				*to = append(*to, bad)
				octets += len(bad.line) + len(bad.wire)
			}
		}
	}
	miss(&l.unread, o.unread)
	miss(&l.unreadSubscribed, o.unreadSubscribed)
	if len(l.states) == 0 {
		l.states = o.states
		for name := range o.states {
			octets += len(name)
		}
	}
	return l.room(octets)
}
