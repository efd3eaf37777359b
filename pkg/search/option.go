package search

import (
	"regexp"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Since selects what arrived on a day or later.
func Since(day Date) Criteria { return criteria(arrival{since, day}) }

// Before selects what arrived before a day: that day is left out.
func Before(day Date) Criteria { return criteria(arrival{before, day}) }

// SentSince selects what was sent on a day or later.
func SentSince(day Date) Criteria { return criteria(&sent{since, day}) }

// SentBefore selects what was sent before a day: that day is left out.
func SentBefore(day Date) Criteria { return criteria(&sent{before, day}) }

// UID selects by UID. The empty set selects nothing.
func UID(set UIDSet) Criteria {
	if set.String() == "" {
		return criteria(nothing)
	}
	return criteria(uids{set})
}

// Skip leaves out the messages whose octets a regular expression (RE2) matches
// somewhere. Header and body are one text to it, in which octets that are no
// UTF-8 are U+FFFD. Who wants to tell what was left out keeps these criteria apart.
func Skip(expression string) (Criteria, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return Criteria{}, fault.Errorf(fault.Usage, "regular expression %s: %v", shown(expression), err)
	}
	return criteria(negation{&raw{re}}), nil
}

// raw is a regular expression on the octets of a message.
type raw struct{ re *regexp.Regexp }

func (r *raw) print(p *printer)       { p.argument("RAW", r.re.String()) }
func (r *raw) needs(n *Needs)         { n.Body = true }
func (r *raw) bounds(server) bounds   { return atMost(all{}) }
func (r *raw) match(f *facts) verdict { return f.found(r) }

const maxShown = 60

// shown quotes what the user gave, for a message: no control character, and not
// too much.
func shown(s string) string {
	if head := text.Head(s, maxShown); head != s {
		return strconv.Quote(head) + "…"
	}
	return strconv.Quote(s)
}
