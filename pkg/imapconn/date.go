package imapconn

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// monthNames are those of a date-time (RFC 3501 9).
const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

// rfc3339 makes of a server's INTERNALDATE an RFC 3339 date with the same
// offset, "" if it is no date, or one that can be read in two ways. Most are
// "17-Jul-1996 02:44:25 -0700".
//
// Seen: one digit or a blank for the day's first, months in lower case, GMT for
// the zone or none, a colon in it, years of two digits, dates in the style of
// RFC 5322 and of ISO 8601, 00-Jan-0000, day 32, second 60.
func rfc3339(b []byte) string {
	if date := strictDate(b); date != "" {
		return date
	}
	return laxDate(string(b))
}

// strictDate reads dd-Mon-yyyy hh:mm:ss +zzzz, digit by digit: this is the path
// that every message takes.
func strictDate(b []byte) string {
	if len(b) == 25 && b[1] == '-' {
		b = append([]byte{' '}, b...)
	}
	if len(b) != 26 || b[2] != '-' || b[6] != '-' || b[11] != ' ' || b[14] != ':' || b[17] != ':' || b[20] != ' ' {
		return ""
	}
	day0 := b[0]
	if day0 == ' ' {
		day0 = '0'
	}
	month := monthNumber(b[3:6])
	n := [6]int{digits(day0, b[1]), month, digits(b[7], b[8])*100 + digits(b[9], b[10]), digits(b[12], b[13]),
		digits(b[15], b[16]), digits(b[18], b[19])}
	zh, zm := digits(b[22], b[23]), digits(b[24], b[25])
	if digits(b[7], b[8]) < 0 || digits(b[9], b[10]) < 0 || b[21] != '+' && b[21] != '-' ||
		!valid(n[0], 1, daysIn(month, n[2])) || !valid(n[2], 1, 9999) || !valid(n[3], 0, 23) || !valid(n[4], 0, 59) ||
		!valid(n[5], 0, 59) ||
		!valid(zh, 0, 23) || !valid(zm, 0, 59) {
		return ""
	}
	sign := b[21]
	if zh == 0 && zm == 0 {
		sign = '+'
	}
	out := [25]byte{b[7], b[8], b[9], b[10], '-', byte('0' + month/10), byte('0' + month%10), '-', day0, b[1], 'T',
		b[12], b[13], ':', b[15], b[16], ':', b[18], b[19], sign, b[22], b[23], ':', b[24], b[25]}
	return string(out[:])
}

func valid(n, low, high int) bool { return n >= low && n <= high }

// digits returns the number of two digits, or a negative one.
func digits(a, b byte) int {
	if a < '0' || a > '9' || b < '0' || b > '9' {
		return -1 << 20
	}
	return int(a-'0')*10 + int(b-'0')
}

func monthNumber(b []byte) int {
	var low [3]byte
	for i := range low {
		low[i] = b[i] | 0x20
	}
	for m := range 12 {
		if monthNames[3*m:3*m+3] == string(low[:]) {
			return m + 1
		}
	}
	return 0
}

func daysIn(month, year int) int {
	if month == 0 {
		return 0
	}
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

const monthWords = `(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|` +
	`sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`

// Forms of a date and of a time of day that servers send in place of a
// date-time. A date whose month is a number is one of ISO 8601: 01/02/2023 can be
// read in two ways.
var (
	laxDay = lazyregexp.New(`^(?i)(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?(\d{1,2})[- ]` + monthWords +
		`[- ](\d{4}|\d\d),?\s+`)
	isoDay  = lazyregexp.New(`^(?i)(\d{4})[-/](\d\d)[-/](\d\d)(?:t|\s+)`)
	laxTime = lazyregexp.New(`^(?i)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(.*)$`)
	laxZone = lazyregexp.New(`^([+-])(\d\d):?(\d\d)(?:\s*\([^)]*\))?$`)
	hourly  = lazyregexp.New(`^([+-])(\d\d)$`)
)

// laxDate reads what servers send in place of a date-time.
func laxDate(s string) string {
	s = strings.Trim(s, " \t\r\n\"")
	var year, month, day int
	var rest string
	if m := isoDay.FindStringSubmatch(s); m != nil {
		year, month, day, rest = atoi(m[1]), atoi(m[2]), atoi(m[3]), s[len(m[0]):]
	} else if m := laxDay.FindStringSubmatch(s); m != nil {
		year, month, day, rest = fullYear(m[3]), monthNumber([]byte(m[2][:3])), atoi(m[1]), s[len(m[0]):]
	} else {
		return ""
	}
	t := laxTime.FindStringSubmatch(rest)
	if t == nil {
		return ""
	}
	zone, ok := offset(t[4])
	hour, minute, second := atoi(t[1]), atoi(t[2]), atoi(t[3])
	if !ok || !valid(month, 1, 12) || !valid(day, 1, daysIn(month, year)) || !valid(year, 1, 9999) ||
		!valid(hour, 0, 23) || !valid(minute, 0, 59) || !valid(second, 0, 59) {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d%s", year, month, day, hour, minute, second, zone)
}

// offset reads a zone: a number with or without a colon, or a name for UTC, which
// is also meant where there is none. ok is false for other names, of which
// several zones have the same.
func offset(s string) (zone string, ok bool) {
	switch strings.ToUpper(s) {
	case "", "Z", "UT", "UTC", "GMT":
		return "+00:00", true
	}
	m := laxZone.FindStringSubmatch(s)
	if m == nil {
		if m = hourly.FindStringSubmatch(s); m != nil {
			m = append(m, "00")
		}
	}
	if m == nil || atoi(m[2]) > 23 || atoi(m[3]) > 59 {
		return "", false
	}
	if m[2] == "00" && m[3] == "00" {
		m[1] = "+"
	}
	return m[1] + m[2] + ":" + m[3], true
}

// fullYear returns the year that four digits, or two of 1970 to 2069, mean.
func fullYear(digits string) int {
	year := atoi(digits)
	switch {
	case len(digits) > 2:
	case year >= 70:
		year += 1900
	default:
		year += 2000
	}
	return year
}

// atoi reads digits, of which there are few; none are 0.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// dateTime makes a date-time for APPEND (RFC 3501 9) of an RFC 3339 date; ok
// is false if s is none. safe reports whether every server knows such years.
func dateTime(s string) (date string, safe, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return "", false, false
	}
	return t.Format("02-Jan-2006 15:04:05 -0700"), t.Year() >= 1970 && t.Year() <= 2037, true
}
