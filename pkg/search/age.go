package search

import (
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

const (
	day    = 24 * time.Hour
	maxAge = 100_000 * day
)

var ageUnits = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day}

// ParseAge reads a length of time: a number, which may have a fraction, of days
// ("1.5") or of what a letter behind it says: m for minutes, h for hours, d, w
// for weeks ("90m"). It is rounded to the second, and at most 100,000 days.
func ParseAge(text string) (time.Duration, error) {
	number, unit := text, day
	if text != "" {
		if u, ok := ageUnits[text[len(text)-1]|0x20]; ok {
			number, unit = text[:len(text)-1], u
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.Trim(number, "0123456789.") != "" {
		return 0, fault.Errorf(fault.Usage, "%s is no age", shown(text)).
			WithHint("an age is a number of days, such as 1.5, or has a unit: 90m, 12h, 3d, 2w")
	}
	if n *= float64(unit); n > float64(maxAge) {
		return 0, fault.Errorf(fault.Usage, "the age %s is more than 100000 days", shown(text))
	}
	return time.Duration(n).Round(time.Second), nil
}

// CheckAges refuses a window that is empty: no message is at most the one age
// and at least the other where the first is less.
func CheckAges(atMost, atLeast time.Duration) error {
	if atMost >= atLeast {
		return nil
	}
	return fault.Errorf(fault.Usage, "no message is at most %s and at least %s old", showAge(atMost), showAge(atLeast)).
		WithHint("the two ages are a window; for messages on either side of it, run twice, or search by dates: " +
			"'OR SINCE 1-Feb-2026 BEFORE 1-Jan-2026'")
}

// showAge is an age in the largest unit that leaves no fraction.
func showAge(d time.Duration) string {
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"days", day}, {"hours", time.Hour}, {"minutes", time.Minute}} {
		if d%u.d == 0 {
			return strconv.FormatInt(int64(d/u.d), 10) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + " seconds"
}

// MaxAge selects what arrived at most age before now, and what arrived since.
func MaxAge(age time.Duration, now time.Time) Criteria { return criteria(newWithin(false, age, now)) }

// MinAge selects what arrived at least age before now.
func MinAge(age time.Duration, now time.Time) Criteria { return criteria(newWithin(true, age, now)) }

// within is YOUNGER or OLDER (RFC 5032), which take a message that is as old as
// they say, both.
type within struct {
	older   bool
	age     time.Duration
	instant time.Time // the age before now, to the second
}

func newWithin(older bool, age time.Duration, now time.Time) within {
	age = age.Round(time.Second)
	return within{older, age, now.Truncate(time.Second).Add(-age)}
}

func (w within) print(p *printer) {
	if w.older {
		p.text("OLDER ")
	} else {
		p.text("YOUNGER ")
	}
	p.number(int64(w.age / time.Second))
}

func (w within) needs(n *Needs) { n.InternalDate = true }

func (w within) match(f *facts) verdict {
	t := f.m.InternalDate.Truncate(time.Second)
	if f.m.DateUnknown {
		return unknown
	}
	if f.m.InternalDate.IsZero() {
		return no
	}
	if w.older {
		return known(!t.After(w.instant))
	}
	return known(!t.Before(w.instant))
}

func (w within) bounds(server) bounds {
	instant := dateOf(w.instant.UTC())
	if w.older {
		return atMost(arrivedBefore(instant.add(zoneDays)))
	}
	return atMost(arrivedSince(instant.add(-zoneDays)))
}
