package imapconn

import (
	"context"
	"slices"
	"sort"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// List returns the mailboxes of the namespaces of some kinds, INBOX first, then
// by the octets of Name; the zero Spaces are the personal ones. A response that
// cannot be read, however it is asked for, is a Mailbox with Unread. It resumes.
func (s *Session) List(ctx context.Context, spaces folder.Spaces) ([]Mailbox, error) {
	return s.ListWith(ctx, spaces, NoDetail)
}

// ListWith is List, and learns the detail of the mailboxes.
func (s *Session) ListWith(ctx context.Context, spaces folder.Spaces, detail Detail) ([]Mailbox, error) {
	return (&lister{s: s, ctx: ctx, spaces: spaces, keep: spaces, detail: detail}).listed()
}

// Detail is what a listing shall learn of all mailboxes beside their names, if it
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
	return (&lister{s: s, ctx: ctx, spaces: spaces, keep: folder.AllSpaces, detail: detail}).listed()
}

// Subscriptions returns the subscribed mailboxes, those that do not exist any
// more too, in the order of List. It resumes.
func (s *Session) Subscriptions(ctx context.Context, spaces folder.Spaces) ([]Mailbox, error) {
	ls := &lister{s: s, ctx: ctx, spaces: spaces, keep: spaces}
	var l *listing
	err := s.do(ctx, func(c *conn) error {
		l = newListing()
		return ls.subscriptions(c, l)
	})
	if err != nil {
		return nil, during(err, "list the subscriptions of %s", s.who())
	}
	boxes := append(ls.mailboxes(slices.Concat(l.entries, l.subscribed), nil),
		ls.unread(slices.Concat(l.unread, l.unreadSubscribed))...)
	SortMailboxes(boxes)
	return boxes, nil
}

// who names the account in messages.
func (s *Session) who() string { return printable(s.o.User + "@" + s.o.Host) }

// mailboxName returns the name of a mailbox in UTF-8.
func mailboxName(wire string) string {
	if folder.IsInbox(wire) {
		return "INBOX"
	}
	return folder.FromWire(wire)
}

// inboxFold spells INBOX in one way, so that names can be compared.
func inboxFold(wire string) string {
	if folder.IsInbox(wire) {
		return "INBOX"
	}
	return wire
}

// SortMailboxes puts mailboxes in the order of List.
func SortMailboxes(boxes []Mailbox) {
	sort.Slice(boxes, func(i, j int) bool {
		a, b := boxes[i].Name, boxes[j].Name
		if (a == "INBOX") != (b == "INBOX") {
			return a == "INBOX"
		}
		return a < b
	})
}
