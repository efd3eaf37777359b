package imapconn

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// lister makes a listing of an account's folders.
type lister struct {
	s      *Session
	ctx    context.Context
	spaces folder.Spaces // that are asked for
	keep   folder.Spaces // that are returned, if the server mentions them
	detail Detail
}

func (ls *lister) listed() ([]Mailbox, error) {
	l, err := ls.namesOf()
	if err != nil {
		return nil, during(err, "list the folders of %s", ls.s.who())
	}
	if err := ls.descend(l); err != nil {
		return nil, during(err, "list the folders of %s", ls.s.who())
	}
	boxes := ls.mailboxes(l.entries, l.subscribed)
	if err := ls.s.do(ls.ctx, func(c *conn) error { return ls.settleLevels(c, boxes) }); err != nil {
		return nil, during(err, "list the folders of %s", ls.s.who())
	}
	if boxes, err = ls.withHidden(boxes, l.subscribed); err != nil {
		return nil, during(err, "list the folders of %s", ls.s.who())
	}
	for i := range boxes {
		if state, known := l.states[inboxFold(boxes[i].Wire)]; known {
			boxes[i].state = &state
		}
	}
	if ls.keep.Has(folder.Personal) {
		ls.s.learnDelimiter(boxes)
		ls.s.guessPrefix(boxes)
	}
	boxes = append(boxes, ls.unread(l.unread)...)
	for _, bad := range l.unreadSubscribed {
		ls.s.o.warn("a subscription in the server's listing cannot be read: " + quote(bad.line))
	}
	SortMailboxes(boxes)
	return boxes, nil
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

// list asks for all of the spaces, and adds to l what comes.
func (ls *lister) list(c *conn, l *listing, way listWay) error {
	if err := way(c, "", l); err != nil {
		return err
	}
	// What lies outside the personal namespaces some servers do not count among
	// "everything".
	for _, space := range []folder.Space{folder.Others, folder.Shared} {
		for _, ns := range ls.s.spaces.told[space] {
			if !ls.spaces.Has(space) || ns.Prefix == "" {
				continue
			}
			if err := way(c, ns.Prefix, l); err != nil && !ls.s.isAnswer(err) {
				return err
			}
		}
	}
	return nil
}

// listWay is a way to ask for all that is below a prefix.
type listWay func(c *conn, prefix string, l *listing) error

// everything lists what fits a pattern, and which of it is subscribed, unless
// the entries themselves say so. To a busy server no simpler question is put,
// whose answer would lack what the next run is told.
func (ls *lister) everything(c *conn, prefix string, l *listing) error {
	var no *imap.Error
	list := ls.returnOptions(c)
	for i, options := range list {
		before := *l
		err := ls.extended(c, prefix, options, l)
		if c.err == nil {
			ls.s.fatalStates = false
		}
		mere := i < len(list)-1 && errors.As(err, &no) && !IsBusy(err) // states, which can be asked for one by one
		if !mere && !ls.s.isAnswer(err) {
			return err
		}
		*l = before
	}
	return ls.plainly(c, prefix, l)
}

// extended lists, and asks for the subscriptions in the same round trip: what is
// subscribed and not listed may be a folder all the same.
func (ls *lister) extended(c *conn, prefix, options string, l *listing) error {
	answers, lost := l.askAll(c, []listQuestion{
		folders(c.command(`LIST ""`).astring(prefix + "*").text(" RETURN (" + options + ")")),
		subscribed(c.command(`LIST (SUBSCRIBED) ""`).astring(prefix+"*"), "LIST"),
	})
	if lost != nil {
		return lost
	}
	if answers[0] == nil && !ls.s.isAnswer(answers[1]) {
		return answers[1]
	}
	return answers[0]
}

// plainly lists without asking for more than names.
func (ls *lister) plainly(c *conn, prefix string, l *listing) error {
	if err := l.ask(c, folders(c.command(`LIST ""`).astring(prefix+"*"))); err != nil {
		return err
	}
	err := l.ask(c, subscribed(c.command(`LSUB ""`).astring(prefix+"*"), "LSUB"))
	if ls.s.isAnswer(err) {
		return nil
	}
	return err
}

// settleLevels opens the mailboxes that are listed as such and as mere levels
// too: what cannot be opened is a level.
func (ls *lister) settleLevels(c *conn, boxes []Mailbox) error {
	for i := range boxes {
		if !boxes[i].level || !boxes[i].Selectable() {
			continue
		}
		_, err := ls.s.openOn(c, "EXAMINE", boxes[i].Wire, false)
		switch {
		case err != nil && !ls.s.isAnswer(err):
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
func (ls *lister) returnOptions(c *conn) (list []string) {
	if !c.caps.has(imap.CapListExtended) {
		return nil
	}
	options := "SUBSCRIBED"
	if c.caps.has(imap.CapSpecialUse) {
		options += " SPECIAL-USE"
	}
	if ls.detail != NoDetail && c.caps.has(imap.CapListStatus) && !ls.s.fatalStates {
		ls.s.fatalStates = true // until the answer is here
		list = append(list, options+" STATUS ("+c.caps.statusItems(ls.detail == Sizes)+")")
	}
	return append(list, options)
}

// subscriptions lists the subscribed names.
func (ls *lister) subscriptions(c *conn, l *listing) error {
	if c.caps.has(imap.CapListExtended) {
		before := *l
		err := l.ask(c, subscribed(c.command(`LIST (SUBSCRIBED) "" "*"`), "LIST"))
		if !ls.s.isAnswer(err) {
			return err
		}
		*l = before
	}
	return l.ask(c, subscribed(c.command(`LSUB "" "*"`), "LSUB"))
}

// mailboxes makes one Mailbox of every name in the spaces to keep. Of a name that stands
// there twice it takes what both say: if one of them can be opened, it can.
func (ls *lister) mailboxes(entries, subscribed []listEntry) []Mailbox {
	subs := map[string]bool{}
	for _, e := range subscribed {
		subs[inboxFold(e.wire)] = true
	}
	seen := make(map[string]int, len(entries))
	boxes := make([]Mailbox, 0, len(entries))
	lists := map[string][]string{} // of attributes
	for _, e := range entries {
		key := inboxFold(e.wire)
		space := ls.s.spaces.space(e.wire)
		if e.wire == "" || !ls.keep.Has(space) {
			continue
		}
		box := Mailbox{Name: mailboxName(e.wire), Wire: e.wire, Delimiter: e.delimiter, Space: space,
			Subscribed: subs[key]}
		for _, a := range e.attributes {
			if a == `\Subscribed` {
				box.Subscribed = true
			} else {
				box.Attributes = append(box.Attributes, a)
			}
		}
		box.Attributes = slices.Clip(intern(lists, tidy(box.Attributes)))
		if i, again := seen[key]; again {
			boxes[i].join(&box)
			continue
		}
		seen[key] = len(boxes)
		boxes = append(boxes, box)
	}
	return boxes
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
