package search

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Date is a day of the calendar, in no zone.
type Date struct {
	days int // since 1 January 1970
}

// lastDate is the last day that can be written (RFC 3501 9).
var lastDate = dateOf(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))

const dateForms = "2026-01-31 or 31-Jan-2026"

// ParseDate reads "2026-01-31" or "31-Jan-2026", from the year 1 to 9999.
func ParseDate(text string) (Date, error) {
	d, ok := parseDate(text)
	if !ok {
		return Date{}, fault.Errorf(fault.Usage, "%s is no date", shown(text)).WithHint("dates look like %s", dateForms)
	}
	return d, nil
}

const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

func parseDate(text string) (Date, bool) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return Date{}, false
	}
	if len(parts[0]) == 4 {
		return calendarDate(parts[0], digits(parts[1], 2, 2), parts[2])
	}
	at := strings.Index(monthNames, strings.ToLower(parts[1]))
	if len(parts[1]) != 3 || at < 0 || at%3 != 0 {
		return Date{}, false
	}
	return calendarDate(parts[2], at/3+1, parts[0])
}

func calendarDate(year string, month int, day string) (Date, bool) {
	y, d := digits(year, 4, 4), digits(day, 1, 2)
	if y < 1 || month < 1 || month > 12 || d < 1 {
		return Date{}, false
	}
	t := time.Date(y, time.Month(month), d, 0, 0, 0, 0, time.UTC)
	return dateOf(t), t.Day() == d
}

// digits reads a number of some digits, -1 if it is none.
func digits(s string, low, high int) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) < low || len(s) > high {
		return -1
	}
	return int(n)
}

// dateOf returns the day that t names in its own zone.
func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	const day = 24 * 60 * 60
	return Date{int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / day)} // midnights divide without a rest
}

// Before reports whether d comes before o.
func (d Date) Before(o Date) bool { return d.days < o.days }

func (d Date) add(days int) Date { return Date{d.days + days} }

// String writes the day as RFC 3501 does: "31-Jan-2026".
func (d Date) String() string {
	t := time.Unix(0, 0).UTC().AddDate(0, 0, d.days)
	return fmt.Sprintf("%d-%s-%04d", t.Day(), t.Month().String()[:3], t.Year())
}

// comparison of a day with the key's.
type comparison int8

const (
	before comparison = iota
	on
	since
)

var comparisonNames = [...]string{"BEFORE", "ON", "SINCE"}

func (c comparison) holds(day, of Date) bool {
	switch c {
	case before:
		return day.days < of.days
	case on:
		return day == of
	}
	return day.days >= of.days
}

// arrival is BEFORE, ON or SINCE.
type arrival struct {
	is  comparison
	day Date
}

func (a arrival) print(p *printer) { p.text(comparisonNames[a.is] + " " + a.day.String()) }
func (a arrival) needs(n *Needs)   { n.InternalDate = true }

func (a arrival) match(f *facts) verdict {
	t := f.m.InternalDate
	if f.m.DateUnknown {
		return unknown
	}
	return known(!t.IsZero() && a.is.holds(dateOf(t), a.day))
}

// zoneDays is by how many days two servers may differ in the day that they see
// in an instant.
const zoneDays = 2

func (a arrival) bounds(server) bounds {
	switch a.is {
	case before:
		return atMost(arrivedBefore(a.day.add(zoneDays)))
	case since:
		return atMost(arrivedSince(a.day.add(-zoneDays)))
	}
	return atMost(and(arrivedSince(a.day.add(-zoneDays)), arrivedBefore(a.day.add(zoneDays+1))))
}

// The days that every server can compare: some keep seconds since 1970 in 32
// bits. Beyond them a server is asked for more.
var (
	firstAsked = dateOf(time.Date(1970, 1, 3, 0, 0, 0, 0, time.UTC))
	lastAsked  = dateOf(time.Date(2038, 1, 17, 0, 0, 0, 0, time.UTC))
)

func arrivedSince(day Date) key {
	switch {
	case day.days < firstAsked.days:
		return all{}
	case day.days > lastAsked.days:
		day = lastAsked
	}
	return arrival{since, day}
}

func arrivedBefore(day Date) key {
	switch {
	case day.days > lastAsked.days:
		return all{}
	case day.days < firstAsked.days:
		day = firstAsked
	}
	return arrival{before, day}
}

// sent is SENTBEFORE, SENTON or SENTSINCE. It is a pointer so that what a scan
// found can be noted for it.
type sent struct {
	is  comparison
	day Date
}

func (s *sent) print(p *printer)       { p.text("SENT" + comparisonNames[s.is] + " " + s.day.String()) }
func (s *sent) match(f *facts) verdict { return f.found(s) }

func (s *sent) needs(n *Needs) {
	n.Header = true
	n.Fields = append(n.Fields, "date")
}

func (s *sent) bounds(server) bounds {
	if s.is != on {
		return exactly(s)
	}
	if s.day == lastDate {
		return exactly(&sent{since, s.day})
	}
	return exactly(and(&sent{since, s.day}, &sent{before, s.day.add(1)}))
}
