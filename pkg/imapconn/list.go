package imapconn

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"

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

// List returns the mailboxes of the namespaces of some kinds, INBOX first, then
// by the octets of Name; the zero Spaces are the personal ones. A response that
// cannot be read costs that mailbox only and is told to Options.Warn. It
// resumes.
func (s *Session) List(ctx context.Context, spaces folder.Spaces) ([]Mailbox, error) {
	return s.listed(ctx, spaces, spaces, NoDetail)
}

// Detail is what Overview shall learn of all mailboxes beside their names, if it
// takes no more time: Status then has it without asking again.
type Detail uint8

// The details.
const (
	NoDetail Detail = iota
	States          // what Status tells
	Sizes           // and the octets
)

// Overview is List, and brings mailboxes of other namespaces as far as the
// server mentions them unasked.
func (s *Session) Overview(ctx context.Context, spaces folder.Spaces, detail Detail) ([]Mailbox, error) {
	return s.listed(ctx, spaces, folder.AllSpaces, detail)
}

func (s *Session) listed(ctx context.Context, spaces, keep folder.Spaces, detail Detail) ([]Mailbox, error) {
	var boxes []Mailbox
	err := s.do(ctx, func(c *conn) (err error) {
		boxes, err = s.list(c, spaces, keep, detail)
		return err
	})
	if err != nil {
		return nil, during(err, "list the folders of %s", s.who())
	}
	if keep.Has(folder.Personal) {
		s.learnDelimiter(boxes)
		s.guessPrefix(boxes)
	}
	sortMailboxes(boxes)
	return boxes, nil
}

// Subscriptions returns the subscribed mailboxes, those that do not exist any
// more too, in the order of List. It resumes.
func (s *Session) Subscriptions(ctx context.Context, spaces folder.Spaces) ([]Mailbox, error) {
	var boxes []Mailbox
	err := s.do(ctx, func(c *conn) error {
		entries, err := s.subscriptions(c)
		boxes = s.mailboxes(entries, nil, spaces)
		return err
	})
	if err != nil {
		return nil, during(err, "list the subscriptions of %s", s.who())
	}
	sortMailboxes(boxes)
	return boxes, nil
}

// who names the account in messages.
func (s *Session) who() string { return printable(s.o.User + "@" + s.o.Host) }

// list asks for all of spaces, and returns what is in keep.
func (s *Session) list(c *conn, spaces, keep folder.Spaces, detail Detail) ([]Mailbox, error) {
	states := map[string]Status{}
	entries, subscribed, err := s.everything(c, "*", detail, states)
	if err != nil {
		return nil, err
	}
	// What lies outside the personal namespaces some servers do not count among
	// "everything".
	for _, space := range []folder.Space{folder.Others, folder.Shared} {
		for _, ns := range s.spaces.told[space] {
			if !spaces.Has(space) || ns.Prefix == "" {
				continue
			}
			more, subs, err := s.everything(c, ns.Prefix+"*", detail, states)
			if err != nil && !s.isAnswer(err) {
				return nil, err
			}
			entries, subscribed = append(entries, more...), append(subscribed, subs...)
		}
	}
	boxes := s.mailboxes(entries, subscribed, keep)
	if err := s.settleLevels(c, boxes); err != nil {
		return nil, err
	}
	for i := range boxes {
		if state, known := states[inboxFold(boxes[i].Wire)]; known {
			boxes[i].state = &state
		}
	}
	return boxes, nil
}

// everything lists what fits a pattern, and which of it is subscribed, unless
// the entries themselves say so. To a busy server no simpler question is put,
// whose answer would lack what the next run is told.
func (s *Session) everything(c *conn, pattern string, detail Detail, states map[string]Status) (entries, subscribed []listEntry, err error) {
	var no *imap.Error
	list := s.returnOptions(c, detail)
	for i, options := range list {
		entries, err = s.listing(c, "LIST", c.command(`LIST ""`).astring(pattern).text(" RETURN ("+options+")"), states)
		if c.err == nil {
			s.fatalStates = false
		}
		mere := i < len(list)-1 && errors.As(err, &no) && !IsBusy(err) // states, which can be asked for one by one
		if !mere && !s.isAnswer(err) {
			return entries, nil, err
		}
	}
	if entries, err = s.listing(c, "LIST", c.command(`LIST ""`).astring(pattern), nil); err != nil {
		return nil, nil, err
	}
	if subscribed, err = s.listing(c, "LSUB", c.command(`LSUB ""`).astring(pattern), nil); s.isAnswer(err) {
		err = nil
	}
	return entries, subscribed, err
}

// settleLevels opens the mailboxes that are listed as such and as mere levels
// too: what cannot be opened is a level.
func (s *Session) settleLevels(c *conn, boxes []Mailbox) error {
	for i := range boxes {
		if !boxes[i].level || !boxes[i].Selectable() {
			continue
		}
		_, err := s.openOn(c, "EXAMINE", boxes[i].Wire)
		s.selected = nil
		switch {
		case err != nil && !s.isAnswer(err):
			return err
		case err != nil:
			boxes[i].Attributes = tidy(append(boxes[i].Attributes, `\Noselect`))
		}
	}
	return nil
}

// returnOptions are what to ask LIST for beside names (RFC 5258), the best first.
// That the states of mailboxes come along (RFC 5819) is not tried again after
// the connection was lost over it: then they are asked for one by one.
func (s *Session) returnOptions(c *conn, detail Detail) (list []string) {
	if !c.caps.has("LIST-EXTENDED") {
		return nil
	}
	options := "SUBSCRIBED"
	if c.caps.has("SPECIAL-USE") {
		options += " SPECIAL-USE"
	}
	if detail != NoDetail && c.caps.has("LIST-STATUS") && !s.fatalStates {
		s.fatalStates = true // until the answer is here
		list = append(list, options+" STATUS ("+c.statusItems(detail == Sizes)+")")
	}
	return append(list, options)
}

// subscriptions lists the subscribed names.
func (s *Session) subscriptions(c *conn) ([]listEntry, error) {
	if c.caps.has("LIST-EXTENDED") {
		entries, err := s.listing(c, "LIST", c.command(`LIST (SUBSCRIBED) "" "*"`), nil)
		if !s.isAnswer(err) {
			return entries, err
		}
	}
	return s.listing(c, "LSUB", c.command(`LSUB "" "*"`), nil)
}

// listing runs a command and collects the responses of one type, and of STATUS
// responses what they say into states, if that is not nil.
func (s *Session) listing(c *conn, typ string, command *command, states map[string]Status) ([]listEntry, error) {
	var entries []listEntry
	_, err := c.run(command, func(resp *response) error {
		if resp.typ == "STATUS" && states != nil {
			c.progress()
			line, err := c.statusResponse()
			if err == nil && line.err == nil && line.counted && len(states) < maxMailboxes {
				states[inboxFold(line.wire)] = line.Status
			}
			return err
		}
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

// mailboxes makes one Mailbox of every name in spaces. Of a name that stands
// there twice it takes what both say: if one of them can be opened, it can.
func (s *Session) mailboxes(entries, subscribed []listEntry, spaces folder.Spaces) []Mailbox {
	subs := map[string]bool{}
	for _, e := range subscribed {
		subs[inboxFold(e.wire)] = true
	}
	seen := map[string]int{}
	var boxes []Mailbox
	for _, e := range entries {
		key := inboxFold(e.wire)
		space := s.spaces.space(e.wire)
		if e.wire == "" || !spaces.Has(space) {
			continue
		}
		box := Mailbox{Name: mailboxName(e.wire), Wire: e.wire, Delimiter: e.delimiter, Space: space, Subscribed: subs[key]}
		for _, a := range e.attributes {
			if a == `\Subscribed` {
				box.Subscribed = true
			} else {
				box.Attributes = append(box.Attributes, a)
			}
		}
		box.Attributes = tidy(box.Attributes)
		if i, again := seen[key]; again {
			boxes[i].join(&box)
			continue
		}
		seen[key] = len(boxes)
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
