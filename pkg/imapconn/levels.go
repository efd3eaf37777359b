package imapconn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// maxLevelsAsked bounds how many folders are asked for what is below them, where a
// listing cannot be read.
const maxLevelsAsked = 1000

// levels asks level by level.
func (ls *lister) levels(c *conn, prefix string, l *listing) error {
	w := walk{next: []string{prefix}, most: maxLevelsAsked}
	return w.run(ls.s, c, l)
}

// descend asks, level by level, for what is below folders that have \HasChildren,
// and below which the listing shows none: some servers take "*" for "%", or bound
// the depth of a listing. That nothing is there is no contradiction (RFC 3348). It
// resumes.
func (ls *lister) descend(l *listing) error {
	w := walk{most: maxMailboxes, refused: true}
	w.next = slices.DeleteFunc(l.childless(), func(prefix string) bool {
		return !ls.spaces.Has(ls.s.spaces.space(prefix))
	})
	if len(w.next) == 0 {
		return nil
	}
	listed := len(l.entries)
	w.known = l.names()
	if err := ls.s.do(ls.ctx, func(c *conn) error { return w.run(ls.s, c, l) }); err != nil {
		return err
	}
	var names []string
	for _, e := range l.entries[listed:] {
		names = append(names, mailboxName(e.wire))
	}
	ls.warnHidden("only when it is asked for what is below another one", names)
	return nil
}

// childless returns the prefixes of the names below folders that are said to have
// others below them, and below which none is listed.
func (l *listing) childless() []string {
	var prefixes []string
	for _, e := range l.entries {
		if e.delimiter != "" && containsFold(e.attributes, `\HasChildren`) &&
			!containsFold(e.attributes, `\HasNoChildren`) {
			prefixes = append(prefixes, e.wire+e.delimiter)
		}
	}
	if len(prefixes) == 0 {
		return nil
	}
	names := make([]string, len(l.entries))
	for i, e := range l.entries {
		names[i] = inboxLevel(e.wire)
	}
	slices.Sort(names)
	return slices.DeleteFunc(prefixes, func(prefix string) bool {
		prefix = inboxLevel(prefix)
		i, _ := slices.BinarySearch(names, prefix)
		for i < len(names) && names[i] == prefix { // the level itself, under a name that ends in its delimiter
			i++
		}
		return i < len(names) && strings.HasPrefix(names[i], prefix)
	})
}

// inboxLevel spells INBOX at the beginning of a name in one way.
func inboxLevel(wire string) string {
	if n := len(folder.Inbox); len(wire) >= n && folder.IsInbox(wire[:n]) {
		return folder.Inbox + wire[n:]
	}
	return wire
}

// walk asks for the names below prefixes, level by level, many in one round trip.
type walk struct {
	next    []string
	asked   map[string]bool
	most    int             // prefixes that are asked for
	known   map[string]bool // names that are listed already, or nil
	refused bool            // a prefix that is refused is an entry that cannot be read, and no error
}

// run asks, and goes on where it was if it is called again.
func (w *walk) run(s *Session, c *conn, l *listing) error {
	if w.asked == nil {
		w.asked = map[string]bool{}
	}
	for len(w.next) > 0 {
		to := window(w.next, 0)
		var prefixes []string
		var questions []listQuestion
		for _, prefix := range w.next[:to] {
			if !w.asked[prefix] && !slices.Contains(prefixes, prefix) {
				prefixes = append(prefixes, prefix)
				questions = append(questions, folders(c.command(`LIST ""`).astring(prefix+"%")))
			}
		}
		if len(w.asked)+len(prefixes) > w.most {
			return &limitError{fmt.Sprintf("a listing that cannot be read, of more than %d folders with others "+
				"below them", w.most)}
		}
		before := *l
		if err := w.ask(s, c, l, prefixes, questions); err != nil {
			*l = before
			return err
		}
		w.next = w.next[to:]
		for _, prefix := range prefixes {
			w.asked[prefix] = true
		}
		w.below(l, len(before.entries))
	}
	return nil
}

// ask asks for what is below some prefixes.
func (w *walk) ask(s *Session, c *conn, l *listing, prefixes []string, questions []listQuestion) error {
	answers, err := l.askAll(c, questions)
	if err != nil {
		return err
	}
	for i, err := range answers {
		switch {
		case err == nil:
		case !w.refused || !s.isAnswer(err):
			return err
		default:
			l.unread = append(l.unread, malformedEntry{line: prefixes[i] + "%", why: fmt.Sprintf(
				"the server says that there are folders below %s, lists none of them, and refuses to list them: %s",
				quote(mailboxName(prefixes[i])), printable(err.Error()))})
		}
	}
	return l.room(0)
}

// below makes the entries from one on the next level. What was listed already is
// dropped.
func (w *walk) below(l *listing, from int) {
	kept := l.entries[:from]
	for _, e := range l.entries[from:] {
		if name := inboxFold(e.wire); w.known[name] {
			l.octets -= e.octets()
			continue
		} else if w.known != nil {
			w.known[name] = true
		}
		kept = append(kept, e)
		if e.delimiter != "" && !containsFold(e.attributes, `\HasNoChildren`) &&
			!containsFold(e.attributes, `\Noinferiors`) {
			w.next = append(w.next, e.wire+e.delimiter)
		}
	}
	l.entries = kept
}
