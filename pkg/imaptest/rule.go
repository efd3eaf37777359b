package imaptest

import (
	"fmt"
	"regexp"
	"time"
)

// Direction of octets through a proxy.
type Direction int

const (
	ToServer Direction = iota
	ToClient
)

func (d Direction) String() string { return [...]string{"to server", "to client"}[d] }

type trigger int

const (
	onOctets  trigger = iota // n octets have gone in a direction
	onCommand                // the n-th command of a verb, before its line goes on
	onAnswer                 // its tagged answer, before that goes on
	onLine                   // a line of the client that fits a pattern, before it goes on
)

type action int

const (
	cut    action = iota // RST to the client, end of file to the server
	hangUp               // end of file to both
	stall                // nothing goes on any more, in neither direction
)

// Rule is one fault of a FaultProxy. It fires once in the proxy's life, and
// counts over all connections; Each makes it count, and fire, in every
// connection anew.
type Rule struct {
	trigger   trigger
	direction Direction
	n         int64
	verb      string
	pattern   *regexp.Regexp
	action    action
	pause     time.Duration // of a stall; 0: for ever
	each      bool
}

// CutAfter resets the connection when exactly n octets have gone in a
// direction. The server gets all that was sent before, then end of file; a
// client that is slow to read may lose the last octets to the reset, as in
// real life: HangUpAfter is exact to the octet for both.
func CutAfter(direction Direction, n int64) Rule {
	return Rule{trigger: onOctets, direction: direction, n: n, action: cut}
}

// HangUpAfter is CutAfter with an orderly end of file for the client.
func HangUpAfter(direction Direction, n int64) Rule {
	return Rule{trigger: onOctets, direction: direction, n: n, action: hangUp}
}

// StallAfter stops all traffic of the connection when exactly n octets have
// gone in a direction, for a while or (0) for ever. The connection stays open.
func StallAfter(direction Direction, n int64, pause time.Duration) Rule {
	return Rule{trigger: onOctets, direction: direction, n: n, action: stall, pause: pause}
}

// DropAnswer lets the n-th command of a verb (from 1; "APPEND", "UID FETCH")
// take its effect, keeps the tagged answer from the client and resets the
// connection.
func DropAnswer(verb string, n int) Rule {
	return Rule{trigger: onAnswer, verb: verb, n: int64(n), action: cut}
}

// StallAnswer is DropAnswer with a connection that stays open and silent.
func StallAnswer(verb string, n int, pause time.Duration) Rule {
	return Rule{trigger: onAnswer, verb: verb, n: int64(n), action: stall, pause: pause}
}

// CutCommand resets the connection as the n-th command of a verb arrives;
// nothing of it reaches the server.
func CutCommand(verb string, n int) Rule {
	return Rule{trigger: onCommand, verb: verb, n: int64(n), action: cut}
}

// CutLine resets the connection as a line of the client arrives that fits a
// pattern, without its end; nothing of it reaches the server. Lines inside
// literals are no lines, those that announce one are.
func CutLine(pattern string) Rule {
	return Rule{trigger: onLine, pattern: regexp.MustCompile(pattern), action: cut}
}

// Each makes the rule fire in every connection.
func (r Rule) Each() Rule {
	r.each = true
	return r
}

func (r Rule) String() string {
	what := [...]string{"cut", "hang up", "stall"}[r.action]
	when := fmt.Sprintf("after %d octets %v", r.n, r.direction)
	switch r.trigger {
	case onCommand:
		when = fmt.Sprintf("before %s %d", r.verb, r.n)
	case onAnswer:
		when = fmt.Sprintf("instead of the answer to %s %d", r.verb, r.n)
	case onLine:
		when = fmt.Sprintf("before a line like %v", r.pattern)
	}
	if r.each {
		when += ", in each connection"
	}
	return what + " " + when
}

// Replace makes a function for FaultProxy.Rewrite: what fits the pattern is
// replaced, as by regexp.ReplaceAllString, in the first n lines that it fits,
// or with -1 in all of them.
func Replace(pattern, with string, n int) func(line string) string {
	fits := regexp.MustCompile(pattern)
	return func(line string) string {
		if n == 0 || !fits.MatchString(line) {
			return line
		}
		n--
		return fits.ReplaceAllString(line, with)
	}
}
