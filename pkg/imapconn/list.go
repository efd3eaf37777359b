package imapconn

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// maxMailboxes bounds a listing.
const maxMailboxes = 1 << 20

// listEntry is a LIST or LSUB response.
type listEntry struct {
	attributes []string
	delimiter  string
	wire       string
}

// List returns the mailboxes of the personal namespace, INBOX first, then by
// the octets of Name. A response that cannot be read costs that mailbox only
// and is told to Options.Warn. It resumes.
func (s *Session) List(ctx context.Context) ([]Mailbox, error) {
	var boxes []Mailbox
	err := s.do(ctx, func(c *conn) (err error) {
		boxes, err = s.list(c)
		return err
	})
	if err != nil {
		return nil, refused(err, exit.Protocol, "list the folders of %s", s.who())
	}
	s.guessPrefix(boxes)
	sortMailboxes(boxes)
	return boxes, nil
}

// who names the account in messages.
func (s *Session) who() string { return printable(s.o.User + "@" + s.o.Host) }

func (s *Session) list(c *conn) ([]Mailbox, error) {
	if c.caps.has("LIST-EXTENDED") {
		options := "SUBSCRIBED"
		if c.caps.has("SPECIAL-USE") {
			options += " SPECIAL-USE"
		}
		entries, err := s.listing(c, "LIST", `LIST "" "*" RETURN (`+options+`)`)
		var no *imap.Error
		if !errors.As(err, &no) {
			return s.mailboxes(entries, nil), err
		}
	}
	entries, err := s.listing(c, "LIST", `LIST "" "*"`)
	if err != nil {
		return nil, err
	}
	subscribed, err := s.listing(c, "LSUB", `LSUB "" "*"`)
	var no *imap.Error
	if err != nil && !errors.As(err, &no) {
		return nil, err
	}
	return s.mailboxes(entries, subscribed), nil
}

// listing runs a command and collects the responses of one type.
func (s *Session) listing(c *conn, typ, command string) ([]listEntry, error) {
	var entries []listEntry
	_, err := c.run(c.command(command), func(resp *response) error {
		if resp.typ != typ {
			return nil
		}
		entry, err := c.listEntry()
		if err == errMalformed {
			s.o.warn("a folder in the server's listing cannot be read and is left out: " + quote(cutText(c.text)))
			return err
		}
		c.progress()
		if entries = append(entries, entry); len(entries) > maxMailboxes {
			return &limitError{"a listing of too many folders"}
		}
		return err
	})
	return entries, err
}

// mailboxes makes one Mailbox of every name.
func (s *Session) mailboxes(entries, subscribed []listEntry) []Mailbox {
	subs := map[string]bool{}
	for _, e := range subscribed {
		subs[inboxFold(e.wire)] = true
	}
	seen := map[string]bool{}
	var boxes []Mailbox
	for _, e := range entries {
		key := inboxFold(e.wire)
		if e.wire == "" || seen[key] || s.spaces.isForeign(e.wire) {
			continue
		}
		seen[key] = true
		box := Mailbox{Name: mailboxName(e.wire), Wire: e.wire, Delimiter: e.delimiter, Subscribed: subs[key]}
		for _, a := range e.attributes {
			if a == `\Subscribed` {
				box.Subscribed = true
			} else {
				box.Attributes = append(box.Attributes, a)
			}
		}
		box.Attributes = tidy(box.Attributes)
		boxes = append(boxes, box)
	}
	return boxes
}

func mailboxName(wire string) string {
	if folder.IsInbox(wire) {
		return "INBOX"
	}
	return folder.FromWire(wire)
}

func inboxFold(wire string) string {
	if folder.IsInbox(wire) {
		return "INBOX"
	}
	return wire
}

func sortMailboxes(boxes []Mailbox) {
	sort.Slice(boxes, func(i, j int) bool {
		a, b := boxes[i].Name, boxes[j].Name
		if (a == "INBOX") != (b == "INBOX") {
			return a == "INBOX"
		}
		return a < b
	})
}

// listEntry reads what follows "* LIST " (RFC 3501 7.2.2).
//
// Seen: no attributes, blanks in the list of them, a delimiter NIL, nil or "",
// and names as atoms with blanks, tabs or octets from 0x80 in them.
func (c *conn) listEntry() (listEntry, error) {
	var e listEntry
	c.blanks()
	if c.accept('(') {
		for {
			c.blanks()
			if c.accept(')') {
				break
			}
			if c.pos >= len(c.text) {
				return e, errMalformed
			}
			w := c.word()
			if len(w) == 0 {
				return e, errMalformed
			}
			e.attributes = append(e.attributes, attribute(string(w)))
		}
	}
	var err error
	if e.delimiter, err = c.delimiterString(); err != nil {
		return e, err
	}
	e.wire, err = c.mailboxName()
	return e, err
}

func attribute(s string) string {
	if known, ok := canonicalAttributes[strings.ToLower(s)]; ok {
		return known
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// mailboxName reads the name that ends a LIST response, extended data behind
// it aside. An atom runs to the end of the line: blanks are its own.
func (c *conn) mailboxName() (string, error) {
	c.blanks()
	if c.pos >= len(c.text) {
		return "", errMalformed
	}
	if c.peek() == '"' || c.isLiteral() {
		s, _, err := c.str(maxName)
		return string(s), err
	}
	rest := string(c.text[c.pos:])
	if i := strings.Index(rest, " ("); i >= 0 && strings.HasSuffix(rest, ")") {
		rest = rest[:i]
	}
	c.pos = len(c.text)
	return strings.TrimRight(rest, " "), nil
}

// maxName bounds the name of a mailbox, in octets.
const maxName = 64 << 10
