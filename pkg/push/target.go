package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// target is a destination folder that messages go to.
type target struct {
	name, wire string
	exists     bool
	sought     bool   // LIST leaves it out, and it was asked for by its name
	validity   uint64 // that the plan saw, 0: it did not exist
	next       uint64 // UIDNEXT that the plan saw
	refused    error  // why nothing can be appended, or nil
	rooms      []*room
	sources    int // folders of plans that go there

	wouldMessages, wouldOctets int64 // in a dry run

	opened  bool
	shown   uint64   // UIDVALIDITY of the folder when it was opened first, 0: it was not
	flags   []string // PERMANENTFLAGS (RFC 9051 section 7.1)
	anyFlag bool     // and keywords that are new to the folder
	uidNext uint64   // everything below has been looked at or is ours
	newer   map[string][]*newcomer
	ours    map[string]int  // appended by this run where the server tells no UIDs
	doubt   *doubt          // about messages that were sent again, or nil
	unclear map[string]bool // keys of what is there in a folder that settled, see settled.go

	// What the server says that it has stored of the last batch, see unstored.go.
	batch     []specimen
	batchFrom uint64 // what is below was there before it
	doubted   bool   // one that was read back is not there

	// What others put there is found by these, see concurrent.go.
	expected       uint32    // messages, as far as this run knows
	expunged       int       // since the folder was opened
	gapFrom, gapTo uint64    // UIDs below uidNext that are not ours, 0: none
	blind          bool      // of some of ours the server has told no UID since it was asked for news
	newsAt         time.Time // when it was
	recent         recent
	twice          []*newcomer // of the key of a message that this run has appended
	later          bool        // and before us
}

// desk does the work at the destination.
type desk struct {
	ctx     context.Context
	conn    imapconn.Options
	session *imapconn.Session
	recipe  headerkey.Recipe
	boxes   map[string]imapconn.Mailbox // that exist, by name
	listed  []imapconn.Mailbox          // each of them once, as LIST has them
	hidden  string                      // what the listing has that cannot be read, or ""
	targets map[string]*target
	box     *imapconn.Selected
	open    *target // the one that box is of
	source  *source // the folder that messages are copied from, or nil
}

// connect logs in when there is something to do for the first time.
func (d *desk) connect() error {
	if d.session != nil {
		return nil
	}
	session, err := imapconn.Open(d.ctx, d.conn)
	if err != nil {
		return err
	}
	d.session = session
	return d.list(0)
}

// list learns which folders there are.
func (d *desk) list(spaces folder.Spaces) error {
	boxes, err := d.session.List(d.ctx, spaces)
	if err != nil {
		return err
	}
	d.boxes, d.hidden = map[string]imapconn.Mailbox{}, ""
	boxes = slices.DeleteFunc(boxes, func(b imapconn.Mailbox) bool {
		d.hidden = cmp.Or(d.hidden, b.Unread)
		return b.Unread != ""
	})
	d.listed = boxes
	for _, b := range slices.Backward(boxes) {
		if alias := folder.Alias(b.Name, b.Delimiter); alias != "" {
			d.boxes[alias] = b
		}
	}
	for _, b := range boxes {
		d.boxes[b.Name] = b
		if folder.IsInbox(b.Name) {
			d.boxes[folder.Inbox] = b
		}
	}
	return nil
}

func (d *desk) close() {
	if d.session != nil {
		d.session.Close()
	}
}

// target returns the folder of that name, whether it exists or not.
func (d *desk) target(name string) *target {
	t := d.targets[name]
	if t == nil {
		t = &target{name: name}
		d.targets[name] = t
	}
	if b, ok := d.boxes[name]; ok && !t.exists {
		t.wire, t.exists = b.Wire, b.Selectable()
	}
	return t
}

// targetOf names the folder of the destination that a source folder goes to, or
// "".
func (p *pusher) targetOf(f *stream.Folder) string {
	if p.begin.Plan {
		return f.Target
	}
	return p.where[f.Name]
}

// goal is that folder, or nil.
func (p *pusher) goal(f *stream.Folder) *target {
	if name := p.targetOf(f); name != "" {
		return p.desk.target(name)
	}
	return nil
}

// seek asks for folders that LIST leaves out before they are created: what they
// hold must not be appended again. Of the others CREATE tells.
func (d *desk) seek(targets []*target) error {
	var asked []*target
	var wires []string
	for _, t := range targets {
		if t.exists || t.sought || t.refused != nil {
			continue
		}
		if wire, err := d.spelling(t); err == nil {
			t.sought = true
			asked, wires = append(asked, t), append(wires, wire)
		}
	}
	if len(wires) == 0 {
		return nil
	}
	answers, err := d.session.Unlisted(d.ctx, wires, d.listed)
	if err != nil {
		return err
	}
	for i, t := range asked {
		if answers[i].There {
			t.wire, t.exists = wires[i], true
		}
	}
	d.open = nil // another folder was opened
	return nil
}

// create makes a folder. A server that insists on it gets the levels above
// first.
func (d *desk) create(t *target) error {
	err := d.session.Create(d.ctx, folder.Plain(t.name))
	if err != nil && refused(err) && !errors.Is(err, imapconn.ErrExists) {
		made := false
		for _, parent := range folder.Parents(t.name, d.session.Namespace().Delimiter) {
			if _, there := d.boxes[parent]; !there && d.session.Create(d.ctx, folder.Plain(parent)) == nil {
				made = true
			}
		}
		if made {
			err = d.session.Create(d.ctx, folder.Plain(t.name))
		}
	}
	if errors.Is(err, imapconn.ErrExists) {
		if listed := d.list(folder.AllSpaces); listed != nil { // it may be somebody else's
			return listed
		}
		b, ok := d.boxes[t.name]
		if !ok {
			t.refused = fmt.Errorf("the server says that the folder exists and does not list it: it may be another one, in other letters")
			return err
		}
		t.wire, t.exists = b.Wire, b.Selectable()
		return err
	}
	if err != nil {
		return err
	}
	if t.wire, err = d.spelling(t); err != nil {
		return err
	}
	t.exists = true
	return nil
}

// spelling is how the server spells a folder, or will when it has made it.
func (d *desk) spelling(t *target) (wire string, err error) {
	if t.wire != "" {
		return t.wire, nil
	}
	wire, err = folder.WireToCreate(t.name)
	return wire, exit.Wrap(exit.CantCreate, err)
}

// refused tells a server's NO to one thing, or a folder at which the connection
// ends each time, from what ends the run.
func refused(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !imapconn.IsBusy(err) || imapconn.IsFolder(err)
}

// prepare makes sure that the folder is there and looks at what came to it
// since the plan was made. What speaks against the folder stays with it.
func (d *desk) prepare(t *target, look bool) error {
	if t.opened || t.refused != nil {
		return nil
	}
	if !t.exists {
		if err := d.seek([]*target{t}); err != nil {
			return err
		}
	}
	if !t.exists {
		if err := d.create(t); err != nil && !errors.Is(err, imapconn.ErrExists) {
			return t.refuse(err)
		}
		if t.refused != nil {
			return nil
		}
	}
	told, err := d.toldBefore(t)
	if err == nil {
		err = d.selectBox(t)
	}
	if err != nil {
		return t.refuse(err)
	}
	t.opened, t.flags, t.anyFlag = true, d.box.PermanentFlags, d.box.AnyKeyword
	t.newer = map[string][]*newcomer{}
	from := max(t.next, 1)
	settled, err := d.settled(t, told)
	switch {
	case err != nil:
		return t.refuse(err)
	case settled && look:
		return t.refuse(d.lookAnew(t))
	case t.replaced(d.box):
		t.refused = fmt.Errorf("its UIDVALIDITY was %d when the plan was made and is %d now: make a new plan (run the same pipeline again)", t.validity, d.box.UIDValidity)
		return nil
	case !look:
		t.uidNext, t.expected = max(d.box.UIDNext, 1), d.box.Messages
		return nil
	case t.validity != 0 && t.next == 0:
		t.refused = fmt.Errorf("the plan does not say which of its messages imap-diff has seen: make a new plan")
		return nil
	}
	t.uidNext = from
	return t.refuse(d.look(t))
}

// replaced reports whether a folder is not the one that the plan saw: it has
// another UIDVALIDITY. In one that was empty then (UIDNEXT 1) no UID of the plan
// means anything, and all that is there now is looked at as newcomers: some
// servers settle the UIDVALIDITY of a folder only when it is first selected.
func (t *target) replaced(box *imapconn.Selected) bool {
	return t.validity != 0 && t.validity != box.UIDValidity && t.next != 1
}

// refuse keeps a server's NO with the folder; what ends the run is returned.
func (t *target) refuse(err error) error {
	if refused(err) || exit.CodeOf(err) == exit.Partial {
		t.refused = err
		return nil
	}
	return err
}

// selectBox opens a folder. One that claims to be empty is asked what it shows: what
// it holds must not be appended again.
func (d *desk) selectBox(t *target) error {
	box, err := d.selectAndLook(t)
	if err != nil {
		return err
	}
	if t.shown == 0 {
		t.shown = box.UIDValidity
	}
	if box.UIDValidity != t.shown {
		d.open = nil
		return exit.Errorf(exit.Partial, "%s was deleted and made again, or renamed, while messages were appended: its UIDVALIDITY was %d and is %d: make a new plan", folder.Quote(t.name), t.shown, box.UIDValidity)
	}
	d.box, d.open = box, t
	t.expunged = 0
	return nil
}

// selectAndLook is selectBox by the server's word. It takes one round trip where the
// folder is expected to be empty, or is not empty.
func (d *desk) selectAndLook(t *target) (*imapconn.Selected, error) {
	if t.next <= 1 && t.expected == 0 {
		return d.session.SelectEmpty(d.ctx, t.wire)
	}
	box, err := d.session.Select(d.ctx, t.wire)
	if err == nil {
		err = box.Look(d.ctx)
	}
	return box, err
}

// allowed splits flags into those that the folder keeps and those it does not.
func (t *target) allowed(flags []string) (keep, drop []string) {
	for _, f := range flags {
		if t.anyFlag && !strings.HasPrefix(f, `\`) || slices.ContainsFunc(t.flags, func(p string) bool { return strings.EqualFold(p, f) }) {
			keep = append(keep, f)
		} else {
			drop = append(drop, f)
		}
	}
	return keep, drop
}
