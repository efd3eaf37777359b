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
	DateOfSource DateSource = "source"   // that of the source's INTERNALDATE
	DateHeader   DateSource = "header"   // its Date field
	DateReceived DateSource = "received" // the newest Received field: when it was delivered
	DateNow      DateSource = "now"      // the destination's clock
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

// unusable is what is noted where the date that was asked for cannot be had.
const unusable = "unusable"

// date chooses the date of a message, and says in a word what it did: "" where
// the date stays, the source of the new one, or unusable. The latter is a date
// that is missing, cannot be read, or is none that servers keep: of one before
// 1970 or after 2037 Dovecot makes another.
func (r *Rules) date(h *block, internal string) (date, did string) {
	var value []byte
	switch r.dateSource {
	case "", DateOfSource:
		return internal, ""
	case DateNow:
		return "", string(DateNow)
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
	if !ok || t.Unix() < 0 || t.UTC().Year() > 2037 {
		return internal, unusable
	}
	if date = t.Format(time.RFC3339); sameInstant(date, internal) {
		return internal, ""
	}
	return date, string(r.dateSource)
}

// sameInstant compares dates with their offsets.
func sameInstant(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	_, offsetX := x.Zone()
	_, offsetY := y.Zone()
	return errX == nil && errY == nil && x.Equal(y) && offsetX == offsetY
}
