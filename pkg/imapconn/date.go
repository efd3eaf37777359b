package imapconn

import (
	"strings"
	"time"
)

// monthNames are those of a date-time (RFC 3501 9).
const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

// rfc3339 makes of a server's INTERNALDATE an RFC 3339 date with the same
// offset, "" if it is no date. Most are "17-Jul-1996 02:44:25 -0700".
//
// Seen: one digit or a blank for the day's first, months in lower case, GMT for
// the zone, dates in the style of RFC 5322, 00-Jan-0000, day 32, second 60.
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
	n := [6]int{digits(day0, b[1]), month, digits(b[7], b[8])*100 + digits(b[9], b[10]), digits(b[12], b[13]), digits(b[15], b[16]), digits(b[18], b[19])}
	zh, zm := digits(b[22], b[23]), digits(b[24], b[25])
	if digits(b[7], b[8]) < 0 || digits(b[9], b[10]) < 0 || b[21] != '+' && b[21] != '-' ||
		!valid(n[0], 1, daysIn(month, n[2])) || !valid(n[2], 1, 9999) || !valid(n[3], 0, 23) || !valid(n[4], 0, 59) || !valid(n[5], 0, 59) ||
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

var laxLayouts = []string{
	"2-Jan-2006 15:04:05 MST", "2-Jan-2006 15:04:05", "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
	"2 Jan 2006 15:04:05 -0700", "2-Jan-2006 15:04:05 -0700",
}

// laxDate reads what servers send in place of a date-time. Of named zones only
// UTC is known.
func laxDate(s string) string {
	s = strings.TrimSpace(s)
	for _, layout := range laxLayouts {
		t, err := time.Parse(layout, s)
		if err != nil || t.Year() < 1 {
			continue
		}
		if name, offset := t.Zone(); offset == 0 && name != "UTC" && name != "GMT" && name != "UT" && name != "Z" && name != "" {
			continue
		}
		if _, offset := t.Zone(); offset <= -24*3600 || offset >= 24*3600 {
			continue
		}
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return ""
}

// dateTime makes a date-time for APPEND (RFC 3501 9) of an RFC 3339 date; ok
// is false if s is none. safe tells that every server knows such years.
func dateTime(s string) (date string, safe, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return "", false, false
	}
	return t.Format("02-Jan-2006 15:04:05 -0700"), t.Year() >= 1970 && t.Year() <= 2037, true
}
