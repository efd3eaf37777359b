package imapconn

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// Bounds of a listing. An account of 100,000 folders is within them.
var (
	maxMailboxes  = 1 << 17
	maxNameOctets = 12 << 20 // of names and attributes
)

const (
	maxUnread = 1000 // entries that cannot be read
	// maxLevels bounds the levels of a name. Exchange, which has most, allows 300.
	// Work that is done for all names above a name grows with their square.
	maxLevels = 500
)

// ask is what LIST and LSUB said, in as many commands as were needed.
type listing struct {
	entries    []listEntry
	subscribed []listEntry
	unread     []malformedEntry // of LIST
	states     map[string]Status

	unreadSubscribed []malformedEntry // of LSUB

	octets     int                 // of names and attributes
	attributes map[string][]string // lists of them: few are different
	delimiter  string              // of the last entry
}

func newListing() *listing {
	return &listing{states: map[string]Status{}, attributes: map[string][]string{}}
}

// room reports whether l may grow by so many octets.
func (l *listing) room(octets int) error {
	l.octets += octets
	switch {
	case len(l.entries)+len(l.subscribed) > 2*maxMailboxes, len(l.entries) > maxMailboxes,
		len(l.subscribed) > maxMailboxes:
		return tooMuch("a listing of more than %d folders", maxMailboxes)
	case len(l.states) > maxMailboxes:
		return tooMuch("the STATUS of more than %d folders", maxMailboxes)
	case l.octets > maxNameOctets:
		return tooMuch("a listing with more than %d octets of names", maxNameOctets)
	case len(l.unread)+len(l.unreadSubscribed) > maxUnread:
		return &limitError{fmt.Sprintf("a listing of which more than %d entries cannot be read", maxUnread)}
	}
	return nil
}

// tooMuch is the error of a listing that would be as long on another connection.
func tooMuch(format string, most int) error {
	return fault.Wrap(fault.Protocol, &limitError{fmt.Sprintf(format, most)})
}

// namesOf asks for the folders. Where an entry of the answer cannot be
// read it asks in other ways, each on a new connection: what one of them shows
// is there. What no way shows for certain stays unread.
func (ls *lister) namesOf() (*listing, error) {
	all, promised := newListing(), 0
	for i, way := range []listWay{ls.everything, ls.plainly, ls.levels} {
		if i > 0 {
			ls.s.Close()
		}
		var l *listing
		err := ls.s.do(ls.ctx, func(c *conn) error {
			l = newListing()
			return ls.list(c, l, way)
		})
		if err != nil && (i == 0 || ls.ctx.Err() != nil) {
			return nil, err
		}
		if err != nil {
			continue // all that it could do is to show more
		}
		if err := all.join(l); err != nil {
			return nil, err
		}
		promised = max(promised, l.promised())
		if len(all.unread) == 0 || l.settles(all, promised) {
			all.unread = nil
			return all, nil
		}
	}
	return all, ls.s.do(ls.ctx, func(c *conn) error { return ls.settleUnread(c, all) })
}

// promised is how many folders l speaks of, those that cannot be read too. Two
// entries without a name are two folders.
func (l *listing) promised() int {
	names, nameless := l.names(), 0
	for _, bad := range l.unread {
		if bad.wire == "" {
			nameless++
		} else {
			names[inboxFold(bad.wire)] = true
		}
	}
	return len(names) + nameless
}

// settles reports whether l can be read as a whole, and shows all that any way
// showed: every name, the subscribed ones too, and as many folders as promised.
// A way that merely leaves out an entry does not settle it.
func (l *listing) settles(all *listing, promised int) bool {
	known := l.names()
	if len(l.unread) > 0 || len(known) < promised {
		return false
	}
	hidden := func(e listEntry) bool { return !known[inboxFold(e.wire)] }
	return !slices.ContainsFunc(all.entries, hidden) && !slices.ContainsFunc(all.subscribed, hidden) &&
		!slices.ContainsFunc(all.unread, func(bad malformedEntry) bool {
			return bad.wire != "" &&
				!known[inboxFold(bad.wire)]
		})
}

func (l *listing) names() map[string]bool { return namesIn(l.entries) }

func namesIn(entries []listEntry) map[string]bool {
	known := make(map[string]bool, len(entries))
	for i := range entries {
		known[inboxFold(entries[i].wire)] = true
	}
	return known
}

// join takes over what another listing says, and counts only what is new.
func (l *listing) join(o *listing) error {
	if len(l.entries)+len(l.unread) == 0 {
		*l = *o
		return nil
	}
	octets := 0
	add := func(to *[]listEntry, from []listEntry) {
		known := namesIn(*to)
		for _, e := range from {
			if !known[inboxFold(e.wire)] {
				*to = append(*to, e)
				octets += e.octets()
			}
		}
	}
	add(&l.entries, o.entries)
	add(&l.subscribed, o.subscribed)
	miss := func(to *[]malformedEntry, from []malformedEntry) {
		known := map[string]bool{}
		for _, bad := range *to {
			known[bad.line] = true
		}
		for _, bad := range from {
			if !known[bad.line] {
				*to = append(*to, bad)
				octets += len(bad.line) + len(bad.wire)
			}
		}
	}
	miss(&l.unread, o.unread)
	miss(&l.unreadSubscribed, o.unreadSubscribed)
	if len(l.states) == 0 {
		l.states = o.states
		for name := range o.states {
			octets += len(name)
		}
	}
	return l.room(octets)
}

// settleUnread decides about what no way showed for certain. A folder that can
// be opened is there.
func (ls *lister) settleUnread(c *conn, l *listing) error {
	there := l.names()
	var left []malformedEntry
	for _, bad := range l.unread {
		if bad.wire != "" && there[inboxFold(bad.wire)] ||
			slices.ContainsFunc(left, func(o malformedEntry) bool { return o.line == bad.line }) {
			continue
		}
		if bad.wire != "" {
			_, err := ls.s.openOn(c, "EXAMINE", bad.wire, false)
			if err == nil {
				there[inboxFold(bad.wire)] = true
				l.entries = append(l.entries, listEntry{wire: bad.wire, delimiter: bad.delimiter})
				continue
			}
			if !ls.s.isAnswer(err) {
				return err
			}
		}
		left = append(left, bad)
	}
	l.unread = left
	return nil
}

// unread are the entries that could not be read, as far as they may be in the spaces to keep.
func (ls *lister) unread(list []malformedEntry) (boxes []Mailbox) {
	for _, bad := range list {
		box := Mailbox{Name: printable(bad.line), Wire: bad.wire, Delimiter: bad.delimiter}
		if bad.wire != "" {
			box.Name, box.Space = mailboxName(bad.wire), ls.s.spaces.space(bad.wire)
		}
		if !ls.keep.Has(box.Space) {
			continue
		}
		box.Unread = cmp.Or(bad.why, "the server lists a folder in a way that cannot be read: "+quote(bad.line))
		boxes = append(boxes, box)
	}
	return boxes
}

// listQuestion is a command that lists folders.
type listQuestion struct {
	*command
	typ        string // of the responses
	subscribed bool   // they are subscriptions
}

// folders is a question for folders.
func folders(k *command) listQuestion { return listQuestion{command: k, typ: "LIST"} }

// subscribed is a question for subscriptions: LSUB, or LIST (SUBSCRIBED).
func subscribed(k *command, typ string) listQuestion { return listQuestion{k, typ, true} }

// ask asks, and adds to l the responses of the question's type, and what
// STATUS responses say.
func (l *listing) ask(c *conn, q listQuestion) error {
	defer l.listen(c, &q)()
	_, err := c.run(q.command, func(resp *response) error { return l.response(c, &q, resp) })
	return err
}

// askAll asks several questions in one round trip. The errors are their
// answers, as far as the connection lasts: lost is what ended it.
func (l *listing) askAll(c *conn, questions []listQuestion) (answers []error, lost error) {
	together := len(questions) > 1
	var commands []*command
	for _, q := range questions {
		together = together && len(q.stops) == 0
		commands = append(commands, q.command)
	}
	if together {
		if err := c.send(commands); err != nil {
			return nil, err
		}
	}
	for _, q := range questions {
		var err error
		if together {
			err = l.answer(c, q)
		} else {
			err = l.ask(c, q)
		}
		if err != nil && c.err != nil {
			return nil, err
		}
		answers = append(answers, err)
	}
	c.touch()
	return answers, nil
}

// answer reads the answer to a question that was sent.
func (l *listing) answer(c *conn, q listQuestion) error {
	defer l.listen(c, &q)()
	_, err := c.until(q.tag, false, func(resp *response) error { return l.response(c, &q, resp) })
	return err
}

// listen makes l take note of lines that may be entries, until the function that
// it returns is called.
func (l *listing) listen(c *conn, q *listQuestion) (end func()) {
	c.noise.onJunk = func() { l.suspect(c, q) }
	return func() { c.noise.onJunk = nil }
}

func (l *listing) response(c *conn, q *listQuestion, resp *response) error {
	switch {
	case resp.typ == "STATUS":
		line, err := readStatusLine(c.tokenizer)
		if err != nil || line.err != nil || !line.counted {
			return err
		}
		name := inboxFold(line.wire)
		if _, again := l.states[name]; !again {
			c.progress()
			l.octets += len(name)
		}
		l.states[name] = line.Status
		return l.room(0)
	case resp.typ == q.typ:
		return l.entry(c, q)
	case resp.typ == "":
		l.suspect(c, q)
		return l.room(0)
	}
	return nil
}

func (l *listing) entry(c *conn, q *listQuestion) error {
	entry, err := readListEntry(c.tokenizer)
	var bad *malformedEntry
	if err == nil && entry.delimiter != "" && strings.Count(entry.wire, entry.delimiter) >= maxLevels {
		err = &malformedEntry{line: entry.wire, wire: entry.wire,
			why: fmt.Sprintf("its name has more than %d levels", maxLevels)}
	}
	switch {
	case errors.As(err, &bad):
		bad.delimiter = entry.delimiter
		l.miss(*bad, q)
		if err := l.room(len(bad.line) + len(bad.wire)); err != nil {
			return err
		}
		return l.swallowed(c, q, bad.swallowed)
	case err != nil:
		return err
	}
	c.progress()
	entry.attributes = intern(l.attributes, entry.attributes)
	if entry.delimiter == l.delimiter {
		entry.delimiter = l.delimiter // one string for all
	}
	l.delimiter = entry.delimiter
	if q.subscribed {
		l.subscribed = append(l.subscribed, entry)
	} else {
		l.entries = append(l.entries, entry)
	}
	return l.room(entry.octets())
}

// swallowed takes the lines that stood in a literal that was longer than the
// name; the current line is the rest of the last one.
func (l *listing) swallowed(c *conn, q *listQuestion, lines []string) error {
	lit := c.lit
	rest := string(c.text)
	for i, line := range lines {
		c.lit = -1
		if i == len(lines)-1 {
			line += rest
			c.lit = lit
		}
		c.text, c.pos = []byte(strings.TrimSuffix(line, "\r")), 0
		if len(bytes.TrimSpace(c.text)) == 0 && c.lit < 0 {
			continue
		}
		resp, err := readHeadOfLine(c.tokenizer)
		if err == nil && resp.kind != '*' {
			err = &limitError{"a literal that is longer than the name of a folder"}
		}
		if err == nil {
			err = l.response(c, q, &resp)
		}
		if err != nil && !errors.Is(err, errMalformed) {
			return err
		}
	}
	return nil
}

// entryLike is what looks like an entry of a listing whose beginning is garbled.
var entryLike = lazyregexp.New(`(?i)\([^()]*\)\s+("[^"]{0,2}"|NIL)\s+\S`)

// suspect notes a line that is none that we know, and may be an entry.
func (l *listing) suspect(c *conn, q *listQuestion) {
	if entryLike.Match(c.text) {
		l.miss(malformedEntry{line: string(c.text[:min(len(c.text), shownOctets)])}, q)
	}
}

func (l *listing) miss(bad malformedEntry, q *listQuestion) {
	if q.subscribed {
		l.unreadSubscribed = append(l.unreadSubscribed, bad)
	} else {
		l.unread = append(l.unread, bad)
	}
}
