package imapconn

import "maps"

// quirks are what was learned of a server, apart from any connection to it: each
// connection of an account would learn the same, and begins with what others have
// learned. They are not safe for concurrent use.
type quirks struct {
	warn          func(text string)
	spaces        namespaces
	limits        map[string]int64 // APPENDLIMIT by mailbox, see AppendLimit
	accepted      *acceptedWords
	sets          setLength
	sizeTolerance sizeTolerance
	fatalStates   bool            // the connection was lost when LIST asked for states
	warned        map[string]bool // what was said by warnOnce
}

// warnOnce warns of something that each listing or connection would find again.
func (q *quirks) warnOnce(text string) {
	if q.warned[text] {
		return
	}
	if q.warned == nil {
		q.warned = map[string]bool{}
	}
	q.warned[text] = true
	q.warn(text)
}

// clone returns what another connection begins with.
func (q *quirks) clone(warn func(string)) quirks {
	c := *q
	c.warn = warn
	c.limits, c.warned = maps.Clone(q.limits), maps.Clone(q.warned)
	return c
}
