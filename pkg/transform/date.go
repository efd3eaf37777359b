package transform

import (
	"bytes"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// DateSource says which date a message arrives with.
type DateSource string

// The sources of a date.
const (
	DateInternal DateSource = "internal" // that of the source's INTERNALDATE
	DateHeader   DateSource = "header"   // its Date field
	DateReceived DateSource = "received" // the newest Received field: when it was delivered
	DateNone     DateSource = "none"     // the destination's clock
)

// dateLayout is a date-time of RFC 5322 3.3.
const dateLayout = "Mon, 02 Jan 2006 15:04:05 -0700"

// mailDate writes an RFC 3339 date as RFC 5322 does, or "".
func mailDate(date string) string {
	t, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return ""
	}
	return t.Format(dateLayout)
}

// date chooses the date of a message; changed is false where it stays, which is
// also where its header has none that can be read.
func (r *Rules) date(h *block, internal string) (date string, changed bool) {
	var value []byte
	switch r.dateSource {
	case DateNone:
		return "", internal != ""
	case DateHeader:
		if f := h.first("Date"); f != nil {
			value = f.value()
		}
	case DateReceived:
		if f := h.first("Received"); f != nil {
			value = f.value()
			value = value[bytes.LastIndexByte(value, ';')+1:]
		}
	}
	t, ok := header.ParseDate(string(value))
	if !ok {
		return internal, false
	}
	date = t.Format(time.RFC3339)
	return date, !sameInstant(date, internal)
}

// sameInstant compares dates with their offsets.
func sameInstant(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	_, offsetX := x.Zone()
	_, offsetY := y.Zone()
	return errX == nil && errY == nil && x.Equal(y) && offsetX == offsetY
}
