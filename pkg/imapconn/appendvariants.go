package imapconn

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// choices are the ways to send a message that a server refuses, one after the
// other: as it is; the same once more, for a refusal that names nothing says
// nothing against flags or date; then with less of these.
type choices struct {
	list  []variant
	n     int // the next of list
	same  bool
	final *imap.Error // what the message is refused with
}

func (a *appender) choices(i int) *choices { return &choices{list: a.ready[i].variants()} }

// next returns what to send, false if nothing is left.
func (t *choices) next() (variant, bool) {
	if t.n >= len(t.list) {
		return variant{}, false
	}
	return t.list[t.n], true
}

// restart is for a refusal that has passed.
func (t *choices) restart() { t.n, t.final = 0, nil }

// refuse takes a refusal of what next returned.
func (t *choices) refuse(no *imap.Error) {
	if t.final == nil || !isBad(no) {
		t.final = no
	}
	switch {
	case isTooBig(no):
		t.n = len(t.list)
	case t.n == 0 && !t.same && !isTemporary(no) && !t.list[0].isNamed(no):
		t.same = true
	default:
		t.n++
	}
}

// flagWords are words of refusals that concern flags or the date.
var flagWords = text(`flag|keyword|\bdate`)

// isNamed reports whether a refusal is about flags or the date.
func (v *variant) isNamed(no *imap.Error) bool {
	if flagWords.MatchString(no.Text) {
		return true
	}
	words := strings.ToLower(no.Text)
	for _, f := range v.flags {
		if strings.Contains(words, strings.ToLower(f)) {
			return true
		}
	}
	return false
}
