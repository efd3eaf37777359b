package diff

import (
	"context"
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Account is a Destination on a server.
type Account struct {
	ctx     context.Context
	Conn    imapconn.Options
	recipe  headerkey.Recipe
	session *imapconn.Session
	targets []*Target
	entries match.Store     // of the targets
	levels  []*Target       // they cannot be opened
	newest  bool            // no plan says up to where the folders were read
	sought  map[string]bool // see Seek
}

// NewAccount makes a Destination of an account. It connects when it is opened.
func NewAccount(ctx context.Context, conn imapconn.Options) *Account {
	return &Account{ctx: ctx, Conn: conn}
}

// ReadNewest makes Load read what a folder shows when it is opened, whatever its
// STATUS was. It is for reports alone: imap-push itself looks for messages at or
// above the UIDNEXT that a plan names, so a plan must not count them.
func (a *Account) ReadNewest() { a.newest = true }

// Account returns who and where it is.
func (a *Account) Account() account.Account { return a.Conn.Account() }

// Namespace returns the personal namespace.
func (a *Account) Namespace() folder.Namespace { return a.session.Namespace() }

// Folders returns the folders that can be opened.
func (a *Account) Folders() []*Target { return a.targets }

// Levels returns the folders that cannot be opened.
func (a *Account) Levels() []*Target { return a.levels }

// Close logs out.
func (a *Account) Close() {
	if a.session != nil {
		a.session.Close()
	}
}

// Open connects and lists the folders with their status.
func (a *Account) Open(recipe headerkey.Recipe) (err error) {
	a.recipe = recipe
	if a.session != nil {
		return nil // a further stream is compared with the same state
	}
	if a.session, err = imapconn.Open(a.ctx, a.Conn); err != nil {
		return err
	}
	boxes, err := a.session.ListWith(a.ctx, 0, imapconn.States)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return fault.Errorf(fault.Protocol, "the server lists no folder, not even INBOX")
	}
	var open []imapconn.Mailbox
	for _, b := range boxes {
		switch {
		case b.Unread != "":
			if a.Conn.Warn != nil {
				a.Conn.Warn("at the destination " + b.Unread)
			}
			a.targets = append(a.targets, &Target{Name: b.Name, Wire: b.Wire, Unreadable: b.Unread})
		case b.Selectable():
			open = append(open, b)
		default:
			a.levels = append(a.levels, &Target{Name: b.Name, Wire: b.Wire, Attributes: b.Attributes,
				Subscribed: b.Subscribed})
		}
	}
	return a.states(open)
}

// states adds folders with their status.
func (a *Account) states(open []imapconn.Mailbox) error {
	results, err := a.session.Status(a.ctx, open, false)
	if err != nil {
		return err
	}
	for i, b := range open {
		t := &Target{Name: b.Name, Wire: b.Wire, Attributes: b.Attributes, Subscribed: b.Subscribed,
			entries: &a.entries}
		if r := results[i]; r.Err != nil {
			t.Unreadable = r.Err.Error()
		} else {
			t.UIDValidity, t.UIDNext, t.Messages = r.UIDValidity, r.UIDNext, r.Messages
			if t.UIDNext == 0 || t.UIDNext == 1 && t.Messages > 0 {
				if err := a.guessNext(t); err != nil {
					return err
				}
			}
		}
		a.targets = append(a.targets, t)
	}
	return nil
}

// Seek asks for folders that LIST exclude.
func (a *Account) Seek(names []string) (added bool, err error) {
	if a.sought == nil {
		a.sought = map[string]bool{}
	}
	var wires []string
	for _, name := range names {
		wire, err := folder.WireToCreate(name)
		if err == nil && !a.sought[wire] { // imap-push says why it cannot be made
			a.sought[wire] = true
			wires = append(wires, wire)
		}
	}
	if len(wires) == 0 {
		return false, nil
	}
	var listed []imapconn.Mailbox
	for _, t := range a.targets {
		listed = append(listed, imapconn.Mailbox{Name: t.Name, Wire: t.Wire, Unread: t.Unreadable})
	}
	answers, err := a.session.Unlisted(a.ctx, wires, listed)
	if err != nil {
		return false, err
	}
	var open []imapconn.Mailbox
	for i, answer := range answers {
		box := a.session.Mailbox(wires[i])
		switch {
		case answer.Err != nil && a.Conn.Warn != nil: // imap-push creates it, and looks into it
			a.Conn.Warn("at the destination: " + answer.Err.Error())
		case answer.There:
			open = append(open, box)
		}
	}
	if len(open) == 0 {
		return false, nil
	}
	if a.Conn.Warn != nil {
		a.Conn.Warn(fmt.Sprintf("the destination does not list %s that it opens; %s: the first is %s",
			text.Count(len(open), "folder"), text.Either(len(open), "it is compared as any other",
				"they are compared as all others"), folder.Quote(open[0].Name)))
	}
	return true, a.states(open)
}

// guessNext asks a server whose STATUS tells no UIDNEXT by opening the folder:
// a plan must say where its knowledge ends.
func (a *Account) guessNext(t *Target) error {
	box, err := a.examine(t)
	if err == nil {
		t.UIDNext, err = a.nextOf(t, box)
	}
	var no *Unreadable
	if err = a.unreadable(err); errors.As(err, &no) {
		t.Unreadable = no.Text
		return nil
	}
	return err
}

// nextOf returns the UIDNEXT of an open folder, or one above the last UID that it
// shows.
func (a *Account) nextOf(t *Target, box *imapconn.Selected) (uint64, error) {
	told := max(t.Messages, box.Messages)
	switch {
	case box.UIDNext > 1:
		return box.UIDNext, nil
	case told == 0:
		return 1, nil
	}
	claims, err := box.Reconcile(a.ctx, told, nil, nil)
	switch {
	case err != nil:
		return 0, err
	case claims.Text != "" || len(claims.More) == 0:
		return 0, &Unreadable{"the server does not tell its UIDNEXT"}
	}
	return claims.More[len(claims.More)-1] + 1, nil
}

// Load reads the keys of a folder.
func (a *Account) Load(t *Target, add func(match.Message)) (match.EvidenceReader, error) {
	if t.UIDNext == 1 && !a.newest {
		return nil, nil // nothing has ever been there
	}
	box, err := a.examine(t)
	if err != nil {
		return nil, err
	}
	if a.newest {
		t.Messages = max(t.Messages, box.Messages)
	}
	last := t.UIDNext - 1
	if a.newest {
		last = 0
	}
	var read uidChunks
	var lost error
	take := func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case m.State == imapconn.Expunged:
		case id == nil:
			lost = &Unreadable{"a message in it cannot be read: " + string(m.Reason) + " " + m.Text}
		default:
			e := match.Message{Flags: m.Flags, FlagsUnknown: m.Unknown.Has(imapconn.UnknownFlags)}
			e.Evidence = match.Evidence{PackedUID: match.PackUID(m.UID), Date: match.Seconds(m.InternalDate),
				Size: uint32(max(0, min(m.Size, 1<<32-1)))}
			if m.Unknown.Has(imapconn.UnknownDate) {
				e.Evidence.Known |= match.DateUnknown
			}
			e.Evidence.SetKey(id.Key)
			add(e)
			read.add(m.UID)
			if a.newest {
				t.UIDNext = max(t.UIDNext, m.UID+1)
			}
		}
		return nil
	}
	err = keys.Each(a.ctx, box, 1, last, a.recipe, take)
	if err == nil && lost == nil {
		err = a.confirm(t, box, &read, take)
	}
	if twice := box.RepeatedUIDs(); err == nil && lost == nil && len(twice) > 0 {
		err = a.sameAgain(box, twice)
	}
	if err != nil {
		return nil, a.unreadable(err)
	}
	return &AccountReader{a: a, t: t, loaded: box, box: box}, lost
}

// unreadable tells what concerns one folder from a lost connection.
func (a *Account) unreadable(err error) error {
	if imapconn.IsRefused(err) || fault.KindOf(err) == fault.Partial || imapconn.IsFolder(err) {
		return &Unreadable{err.Error()}
	}
	return err
}
