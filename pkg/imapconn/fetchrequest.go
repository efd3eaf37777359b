package imapconn

import (
	"strconv"
	"strings"
)

// wanted is what a FETCH command asked for.
type wanted struct {
	Items
	maxBody int64
	partial bool // of the body the octets from origin on, not all
	origin  int64
	whole   *wholeFile // takes the body, if it is not nil
}

// items returns the items that a message must have to be complete.
func (w *wanted) items() item {
	need := gotUID
	for _, e := range []struct {
		on   bool
		item item
	}{{w.Flags, gotFlags}, {w.InternalDate, gotDate}, {w.Size, gotSize},
		{w.Header || len(w.Fields) > 0, gotHeader}, {w.Body || w.partial, gotBody},
		{w.Gmail, gotLabels}} {
		if e.on {
			need |= e.item
		}
	}
	return need
}

// request is the part of a FETCH command behind the set.
func (w *wanted) request() string {
	items := []string{"UID"}
	if w.Flags {
		items = append(items, "FLAGS")
	}
	if w.InternalDate {
		items = append(items, "INTERNALDATE")
	}
	if w.Size || w.Body { // a body is held against it
		items = append(items, "RFC822.SIZE")
	}
	if w.Gmail {
		items = append(items, gmailItems)
	}
	switch {
	case w.Header:
		items = append(items, "BODY.PEEK[HEADER]")
	case len(w.Fields) > 0:
		items = append(items, "BODY.PEEK[HEADER.FIELDS ("+strings.ToUpper(strings.Join(w.Fields, " "))+")]")
	}
	switch {
	case w.Body:
		items = append(items, "BODY.PEEK[]")
	case w.Start > 0:
		items = append(items, "BODY.PEEK[]<0."+strconv.FormatInt(w.Start, 10)+">")
	}
	return " (" + strings.Join(items, " ") + ")"
}
