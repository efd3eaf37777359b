package stream

import (
	"strings"
	"time"
)

const filterAt = " at "

// FilterAt is what an entry of begin's filters ends in if it depends on the
// clock: the instant that it counts from, to the second.
func FilterAt(t time.Time) string { return filterAt + t.UTC().Format(time.RFC3339) }

// CutFilterAt takes it off again; ok tells that it was there.
func CutFilterAt(filter string) (text string, at time.Time, ok bool) {
	i := strings.LastIndex(filter, filterAt)
	if i < 0 || !strings.HasPrefix(filter, "search=") {
		return filter, at, false
	}
	at, err := time.Parse(time.RFC3339, filter[i+len(filterAt):])
	if err != nil {
		return filter, at, false
	}
	return filter[:i], at, true
}
