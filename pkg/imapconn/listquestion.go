package imapconn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

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
