package header

import (
	"strconv"
	"strings"
	"time"
)

// maxDate is how much of a Date field is looked at, in octets.
const maxDate = 1 << 10

// ParseDate reads the date of a message's header: that of RFC 5322 3.3 and the
// older one of RFC 822, with or without a weekday, and what else is met: that
// of ctime(3), two and three digits for a year (RFC 5322 4.3), months written
// out, hyphens between day, month and year, ISO 8601, comments anywhere, words
// of any kind behind. A zone that is missing or not known is UTC, a clock that
// is missing or wrong midnight. ok is false where day, month and year are not
// all there, or are none of the calendar.
func ParseDate(value string) (t time.Time, ok bool) {
	var d dateReader
	words := strings.FieldsFunc(withoutComments(value[:min(len(value), maxDate)]), func(c rune) bool {
		return c <= ' ' || c == ',' || c == ';' || c == '"'
	})
	for _, word := range words {
		d.word(word)
	}
	return d.time()
}

// withoutComments makes each comment (RFC 5322 3.2.2) a blank.
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for _, c := range []byte(s) {
		switch {
		case c == '(':
			depth++
			b.WriteByte(' ')
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// dateReader puts a date together of its words, in whatever order.
type dateReader struct {
	day, month, year int // 0 until met; the year is -1 where it is none
	clock            time.Duration
	hasClock         bool
	zone             int // seconds east
	hasZone          bool
}

func (d *dateReader) word(w string) {
	switch {
	case w[0] == '+' || w[0] == '-':
		d.offset(w)
	case isISO(w):
		d.iso(w)
	case strings.Contains(w, ":"):
		d.time24(w)
	case strings.ContainsAny(w, "-/") && strings.ContainsAny(w, letters):
		for _, part := range strings.FieldsFunc(w, func(c rune) bool { return c == '-' || c == '/' }) {
			d.word(part)
		}
	case isDigit(w[0]):
		d.number(w)
	default:
		d.name(strings.ToLower(w))
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number is a day if it can be one and none came yet, otherwise a year.
func (d *dateReader) number(w string) {
	n, err := strconv.Atoi(w)
	switch {
	case err != nil:
	case d.day == 0 && len(w) <= 2 && n > 0:
		d.day = n
	case d.year == 0:
		d.year = fullYear(n, len(w))
	}
}

// fullYear follows RFC 5322 4.3.
func fullYear(n, digits int) int {
	switch {
	case digits == 2 && n < 50:
		return 2000 + n
	case digits == 2 || digits == 3:
		return 1900 + n
	case digits == 4 && n > 0:
		return n
	}
	return -1
}

var months = []string{"january", "february", "march", "april", "may", "june",
	"july", "august", "september", "october", "november", "december"}

// zones are the names that RFC 5322 4.3 gives a meaning, and a few that have
// only one in mail. In hours east.
var zones = map[string]int{"ut": 0, "utc": 0, "gmt": 0, "z": 0,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
	"cet": 1, "cest": 2, "met": 1, "mest": 2, "eet": 2, "eest": 3, "jst": 9}

// name is a month, a zone, AM or PM, or nothing.
func (d *dateReader) name(w string) {
	const half = 12 * time.Hour
	w = strings.TrimSuffix(w, ".")
	for i, month := range months {
		if d.month == 0 && len(w) >= 3 && strings.HasPrefix(month, w) {
			d.month = i + 1
			return
		}
	}
	switch hours, known := zones[w]; {
	case known && !d.hasZone:
		d.zone, d.hasZone = hours*3600, true
	case w == "pm" && d.hasClock && d.clock < half:
		d.clock += half
	case w == "am" && d.hasClock && d.clock >= half:
		d.clock -= half
	}
}

// offset is "+hhmm" or "+hh:mm".
func (d *dateReader) offset(w string) {
	digits := strings.Replace(w[1:], ":", "", 1)
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 4 || n/100 > 23 || n%100 > 59 || d.hasZone {
		return
	}
	d.hasZone = true
	if d.zone = int(n/100*3600 + n%100*60); w[0] == '-' {
		d.zone = -d.zone
	}
}

// time24 is "hh:mm" or "hh:mm:ss", with a fraction, an offset or a zone behind
// it if need be.
func (d *dateReader) time24(w string) {
	end := strings.IndexFunc(w, func(c rune) bool { return c != ':' && c != '.' && (c < '0' || c > '9') })
	if end > 0 {
		d.word(w[end:])
		w = w[:end]
	}
	w, _, _ = strings.Cut(w, ".")
	parts := strings.Split(w, ":")
	if d.hasClock || len(parts) > 3 || len(parts) < 2 {
		return
	}
	d.hasClock = true
	var clock time.Duration
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second}[:len(parts)] {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil || i == 0 && n > 23 || i == 1 && n > 59 || n > 60 {
			return
		}
		clock += time.Duration(min(n, 59)) * unit // a leap second counts for the one before it
	}
	d.clock = clock
}

// isISO tells "2006-01-02" and "2006/01/02", with or without a clock.
func isISO(w string) bool {
	return len(w) >= 10 && (w[4] == '-' && w[7] == '-' || w[4] == '/' && w[7] == '/') && isNumber(w[:4]) &&
		isNumber(w[5:7]) && isNumber(w[8:10]) &&
		(len(w) == 10 || !isDigit(w[10]))
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func (d *dateReader) iso(w string) {
	if d.day+d.month+d.year != 0 {
		return
	}
	d.year, _ = strconv.Atoi(w[:4])
	d.month, _ = strconv.Atoi(w[5:7])
	d.day, _ = strconv.Atoi(w[8:10])
	if rest := strings.TrimLeft(w[10:], "Tt"); rest != "" {
		d.word(rest)
	}
}

func (d *dateReader) time() (time.Time, bool) {
	if d.day < 1 || d.month < 1 || d.month > 12 || d.year < 1 {
		return time.Time{}, false
	}
	zone := time.UTC
	if d.zone != 0 {
		zone = time.FixedZone("", d.zone)
	}
	t := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, zone)
	if t.Day() != d.day { // 31 February
		return time.Time{}, false
	}
	return t.Add(d.clock), true
}
