package destination

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// Directory holds the folders of the account.
type Directory struct {
	Boxes  map[string]imapconn.Mailbox // that exist, by name
	Listed []imapconn.Mailbox          // each of them once, as LIST has them
	Hidden string                      // what the listing has that cannot be read, or ""

	folders map[string]*Folder
}

// NewDirectory makes an empty Directory.
func NewDirectory() *Directory { return &Directory{folders: map[string]*Folder{}} }

func (d *Directory) set(boxes []imapconn.Mailbox) {
	d.Boxes, d.Hidden = map[string]imapconn.Mailbox{}, ""
	d.Listed = slices.DeleteFunc(boxes, func(b imapconn.Mailbox) bool {
		d.Hidden = cmp.Or(d.Hidden, b.Unread)
		return b.Unread != ""
	})
	for _, b := range slices.Backward(d.Listed) {
		if alias := folder.Alias(b.Name, b.Delimiter); alias != "" {
			d.Boxes[alias] = b
		}
	}
	for _, b := range d.Listed {
		d.Boxes[b.Name] = b
		if folder.IsInbox(b.Name) {
			d.Boxes[folder.Inbox] = b
		}
	}
}

// Folder returns the folder of that name, whether it exists or not.
func (d *Directory) Folder(name string) *Folder {
	f := d.folders[name]
	if f == nil {
		f = &Folder{Name: name}
		f.Arrivals = &Arrivals{folder: f}
		d.folders[name] = f
	}
	if b, ok := d.Boxes[name]; ok && !f.Exists {
		f.Wire, f.Exists = b.Wire, b.Selectable()
	}
	return f
}

// Folders returns all folders that were asked for.
func (d *Directory) Folders() map[string]*Folder { return d.folders }

// Forget takes a folder out of what is known to be there.
func (d *Directory) Forget(box imapconn.Mailbox) {
	for name, other := range d.Boxes {
		if other.Wire == box.Wire {
			delete(d.Boxes, name)
		}
	}
	d.Listed = slices.DeleteFunc(d.Listed, func(other imapconn.Mailbox) bool { return other.Wire == box.Wire })
}

// Seek asks for folders that LIST leaves out before they are created: what they hold
// must not be appended again. Of the others CREATE tells.
func (s *Session) Seek(folders []*Folder) error {
	var asked []*Folder
	var wires []string
	for _, f := range folders {
		if f.Exists || f.sought || f.Refused != nil {
			continue
		}
		if wire, err := f.Spelling(); err == nil {
			f.sought = true
			asked, wires = append(asked, f), append(wires, wire)
		}
	}
	if len(wires) == 0 {
		return nil
	}
	answers, err := s.IMAP.Unlisted(s.Ctx, wires, s.Listed)
	if err != nil {
		return err
	}
	for i, f := range asked {
		if answers[i].There {
			f.Wire, f.Exists = wires[i], true
		}
	}
	s.Leave()
	return nil
}

// Create makes a folder. A server that insists on it gets the levels above first.
func (s *Session) Create(f *Folder) error {
	err := s.IMAP.Create(s.Ctx, folder.Plain(f.Name))
	if err != nil && Refused(err) && !errors.Is(err, imapconn.ErrExists) && s.createParents(f) {
		err = s.IMAP.Create(s.Ctx, folder.Plain(f.Name))
	}
	if errors.Is(err, imapconn.ErrExists) {
		if listed := s.List(folder.AllSpaces); listed != nil { // it may be somebody else's
			return listed
		}
		b, ok := s.Boxes[f.Name]
		if !ok {
			f.Refused = errors.New("the server says that the folder exists and does not list it: " +
				"it may be another one, in other letters")
			return err
		}
		f.Wire, f.Exists = b.Wire, b.Selectable()
		return err
	}
	if err != nil {
		return err
	}
	if f.Wire, err = f.Spelling(); err != nil {
		return err
	}
	f.Exists = true
	return nil
}

// createParents reports whether a level above a folder could be created.
func (s *Session) createParents(f *Folder) (made bool) {
	for _, parent := range folder.Parents(f.Name, s.IMAP.Namespace().Delimiter) {
		if _, there := s.Boxes[parent]; !there && s.IMAP.Create(s.Ctx, folder.Plain(parent)) == nil {
			made = true
		}
	}
	return made
}

// Unmade says why a folder that was created is not there, nil if it is. before are
// those that were listed before.
func (s *Session) Unmade(f *Folder, before map[string]imapconn.Mailbox) (why, err error) {
	if b, listed := s.Boxes[f.Name]; listed {
		if f.Wire = b.Wire; b.Selectable() {
			return nil, nil
		}
		return errors.New("the server says that it has created the folder, and lists it as one that takes no " +
			"messages"), nil
	}
	var made []string
	for name := range s.Boxes {
		if _, known := before[name]; !known && folder.Plain(name) == name && s.folders[name] == nil {
			made = append(made, folder.Quote(name))
		}
	}
	if slices.Sort(made); len(made) > 0 {
		return fmt.Errorf("the server says that it has created the folder, and lists %s instead: rename or map it",
			strings.Join(made, ", ")), nil
	}
	there, err := s.IMAP.Exists(s.Ctx, f.Wire)
	if err != nil || there {
		return nil, err
	}
	return errors.New("the server says that it has created the folder, and has no such folder"), nil
}

// Spelling is how the server spells a folder, or will when it has made it.
func (f *Folder) Spelling() (wire string, err error) {
	if f.Wire != "" {
		return f.Wire, nil
	}
	wire, err = folder.WireToCreate(f.Name)
	return wire, fault.Wrap(fault.CantCreate, err)
}
