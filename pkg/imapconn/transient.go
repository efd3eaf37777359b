package imapconn

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// transient is a refusal that passes, and what to do about it. The same command
// is given again; what stores messages is looked up before, see LookUp.
type transient struct {
	code  imap.ResponseCode  // response code (RFC 5530); "": any that does not say something else
	text  *lazyregexp.Regexp // that the text holds; nil: any
	kind  kind
	pause int // seconds before the first time again; doubled each time
}

// kind is what a trouble means if it lasts.
type kind int

const (
	// throttled: the server wants less of us. If it lasts, the run ends for now.
	throttled kind = iota
	// busy: something is locked or out of order. If it lasts, an APPEND is given
	// up for now; what cannot be read is a failure of its own, for some servers
	// say so of one broken message, for ever.
	busy
	// faulty: the server has a defect. If it lasts, it is a refusal as any other.
	defective
)

// transients, with who was heard to say so, are tried in order. A [LIMIT] without
// further words is none: RFC 5530 means something too large by it, and so do
// servers.
var transients = []*transient{
	// Gmail: NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)
	{"OVERQUOTA", text("bandwidth"), throttled, 60},
	// Gmail: NO [ALERT] Account exceeded command or bandwidth limits. (Failure)
	{"", text("bandwidth limit"), throttled, 60},
	// Exchange: BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds
	{"", suggestedPause, throttled, 60},
	{"THROTTLED", nil, throttled, 30},            // Gmail: NO [THROTTLED]
	{"", text(`throttl|backoff`), throttled, 30}, // Exchange: NO Request is throttled
	// Exchange: NO Server Unavailable. 15; * BYE Server Unavailable. 15
	{"", text(`server unavailable\. 1[0-9]`), throttled, 30},
	{"", text(`server (is )?(too )?busy`), throttled, 30}, // Exchange: NO Server busy
	{"", text(closedAtOnce), throttled, 1},                // not heard: see there
	// Gmail: NO [ALERT] Too many simultaneous connections. (Failure); Dovecot: NO [UNAVAILABLE] Maximum number of
	// connections from user+IP exceeded
	{"", text(`too many .*(connection|session|request|command|login)|maximum number of connections`), throttled, 10},
	{"", text(`^4[0-9][0-9] `), throttled, 10}, // proxies that greet as SMTP does: 421 Too many connections
	{"", text(`rate limit`), throttled, 10},    // Yahoo: NO [LIMIT] APPEND Rate limit hit.
	{"INUSE", nil, busy, 1},                    // RFC 5530; Yahoo: NO [INUSE] Mailbox in use. Please try again later
	// RFC 5530; Yahoo: NO [UNAVAILABLE] UID FETCH Server error - Please try again later
	{"UNAVAILABLE", nil, busy, 1},
	{"EXPUNGEISSUED", nil, busy, 1}, // RFC 5530
	// Yahoo: NO [TEMPFAIL] UID FETCH Temporary failure on server [CODE: WBL]
	{"TEMPFAIL", nil, busy, 1},
	{"", text(`^system error`), busy, 5}, // Gmail: NO System Error (Failure)
	{"SERVERBUG", nil, defective, 1},     // RFC 5530; Yahoo: NO [SERVERBUG] UID SEARCH Server error
	{"", relogin, busy, 5},               // see there
	{"", text(`try (again )?later|try again|temporar`), busy, 1},
	{"", text(`\bbusy\b|overload`), busy, 5}, // a greeting: 421 busy
}

// relogin is what Exchange says of a session that has lost its mailbox: BAD User is
// authenticated but not connected; NO or BAD with WrongServerException, as a
// mailbox moves to another server; BYE Session invalidated. The same session
// says so for ever, a new login ends it.
var relogin = text(
	`authenticated but not connected|WrongServerException|session invalidated|AuthenticatedButNotConnected`)

func text(pattern string) *lazyregexp.Regexp { return lazyregexp.New(`(?i)` + pattern) }

// vague are codes that say nothing of the reason, so that the text counts.
var vague = map[imap.ResponseCode]bool{"": true, "ALERT": true, "LIMIT": true, "UNAVAILABLE": true, "SERVERBUG": true,
	"CLIENTBUG": true, "CONTACTADMIN": true, "THROTTLED": true}

// transientOf returns what a refusal says that passes, nil if it is one for good.
func transientOf(no *imap.Error) *transient {
	code := imap.ResponseCode(strings.ToUpper(string(no.Code)))
	for _, t := range transients {
		if (t.code == code || t.code == "" && vague[code]) && (t.text == nil || t.text.MatchString(no.Text)) {
			return t
		}
	}
	return nil
}

// isTemporary reports whether a refusal is worth another try later.
func isTemporary(no *imap.Error) bool { return transientOf(no) != nil }

// IsBusy reports whether err is a server's refusal because it wants less of us: it
// says nothing about the folder or message that it was given for.
func IsBusy(err error) bool {
	no, _ := lastWords(err)
	if no == nil {
		return false
	}
	t := transientOf(no)
	return t != nil && t.kind == throttled
}

// IsRefused reports whether err is a server's refusal of one command, rather than
// the end of a connection or a server that is busy.
func IsRefused(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !IsBusy(err)
}

// lastWords returns the refusal in err: a tagged one, or the BYE before the
// connection was lost. bye tells which.
func lastWords(err error) (no *imap.Error, bye bool) {
	var lost *lineError
	var away *byeError
	var hello *connectRefusal
	switch {
	case errors.As(err, &no):
		return no, false
	case errors.As(err, &hello):
		return hello.no, false
	case errors.As(err, &away):
		return &imap.Error{Type: imap.StatusResponseTypeBye, Text: away.bye}, true
	case errors.As(err, &lost) && lost.bye != "":
		return &imap.Error{Type: imap.StatusResponseTypeBye, Text: lost.bye}, true
	}
	return nil, false
}

// suggestedPause is how Exchange says how long it wants to be left alone.
var suggestedPause = text(`backoff[a-z ]*time:?\s*(\d{1,9})`)

// delay is how long to wait before time n (from 1) again, in the given unit.
// exact reports whether the server named it.
func (t *transient) delay(n int, unit time.Duration, words string) (pause time.Duration, exact bool) {
	if m := suggestedPause.FindStringSubmatch(words); m != nil {
		milliseconds, _ := strconv.Atoi(m[1])
		return time.Duration(milliseconds) * time.Millisecond, true
	}
	return unit * time.Duration(t.pause) << min(n-1, 10), false
}

// explained are response codes that say why a command is refused. The same command
// would be refused again.
var explained = []imap.ResponseCode{"ALREADYEXISTS", "AUTHORIZATIONFAILED", "CANNOT", "CLIENTBUG", "HASCHILDREN",
	"LIMIT", "NONEXISTENT", "NOPERM", "OVERQUOTA", "TRYCREATE"}

// isUnexplained reports whether err is a refusal without a reason: it may pass.
func isUnexplained(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !IsBusy(err) && !isOverQuota(no) &&
		!slices.Contains(explained, imap.ResponseCode(strings.ToUpper(string(no.Code))))
}
