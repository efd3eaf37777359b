package imapconn

import "strings"

// notices passes on what a server wants its user to know.
type notices struct {
	from   string // the server, for people
	warn   func(string)
	alerts int  // that came
	slowed bool // the server said that it throttles us
}

// maxAlerts bounds how often a user is told what a server wants him told.
const maxAlerts = 20

func (n *notices) alert(text string) {
	if n.alerts++; n.alerts <= maxAlerts {
		n.warn(printable(n.from) + ": " + text)
	}
}

// throttleMark is how Gmail ends an OK that it has delayed on purpose.
const throttleMark = "[THROTTLED]"

// noteThrottling warns, once, that a server slows us down by itself.
func (n *notices) noteThrottling(text string) {
	if !n.slowed && strings.HasSuffix(text, throttleMark) {
		n.slowed = true
		n.warn(printable(n.from) + " slows us down: it says " + throttleMark)
	}
}
