package search

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// refused are keys that exist and are not taken here, with the reason.
var refused = map[string]string{
	"RECENT": `\Recent depends on which client looked first, so that two runs would choose differently; ` +
		`SINCE and UID choose what is new`,
	"NEW":     `it asks for \Recent, which depends on which client looked first; write UNSEEN, or SINCE with a date`,
	"OLD":     `it asks for \Recent, which depends on which client looked first; write SEEN, or BEFORE with a date`,
	"CHARSET": "leave it out: the criteria are UTF-8, and the server is told so where that matters",
	"YOUNGER": "it is an extension (RFC 5032)",
	"OLDER":   "it is an extension (RFC 5032)",
	"AND":     "leave it out: of keys that stand side by side, all must hold",
	"RETURN":  "it says what to answer, and chooses nothing",
	"MODSEQ":  "it is an extension (RFC 7162)",
	"FUZZY":   "it is an extension (RFC 6203)",
}

// Causes of errors: a key that is not taken, though an age can be chosen otherwise.
var (
	ErrYounger = errors.New("YOUNGER is not taken")
	ErrOlder   = errors.New("OLDER is not taken")
)

var ages = map[string]error{"YOUNGER": ErrYounger, "OLDER": ErrOlder}

// meant are words that other programs have for a key.
var meant = map[string]string{
	"AFTER": "SINCE", "SENTAFTER": "SENTSINCE", "READ": "SEEN", "UNREAD": "UNSEEN", "STARRED": "FLAGGED",
	"UNSTARRED": "UNFLAGGED",
	"REPLIED":   "ANSWERED", "FLAG": "KEYWORD", "LABEL": "KEYWORD", "TAG": "KEYWORD", "SIZE": "LARGER",
	"BIGGER": "LARGER", "GREATER": "LARGER",
	"LESS": "SMALLER", "DATE": "SENTON", "SENT": "SENTON", "SENDER": "FROM", "RECEIVED": "ON", "MESSAGE": "TEXT",
	"CONTENT": "BODY",
}

// unknownKey says what is wrong with a word that is no key.
func (p *parser) unknownKey(at int, word string) *fault.Error {
	name := strings.ToUpper(word)
	if _, bad := parseUIDSet(word); bad == "" {
		return p.errorf(at, "%s is a message number, which means nothing outside of one session", shown(word)).
			WithHint("choose by UID: UID %s", word)
	}
	if why := refused[name]; why != "" {
		return p.errorf(at, "%s is not taken", name).WithHint("%s", why).Because(ages[name])
	}
	err := p.errorf(at, "there is no search key %s", shown(word))
	if near := nearest(name); near != "" {
		return err.WithHint("the nearest is %s; a string with blanks in it has to be quoted", near)
	}
	return err.WithHint("a string with blanks in it has to be quoted")
}

// nearest returns the key that is most like a name, "" if none is.
func nearest(name string) string {
	if key := meant[name]; key != "" {
		return key
	}
	if len(name) > 2*len("UNANSWERED") {
		return ""
	}
	best, least := "", len(name)/2+1
	for _, key := range slices.Sorted(maps.Keys(readers)) {
		if d := text.Distance([]byte(name), []byte(key), least); d < least {
			best, least = key, d
		}
	}
	return best
}
