package list

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Request says which folders to list, and what of them.
type Request struct {
	Folders  folder.Selection
	Sizes    bool // the octets of each, its largest message, and when its mail arrived
	ACL      bool // who may do what with each
	Known    []Known
	Progress progress.Counter
}

// Known is a folder that was there earlier. If LIST leaves it out, it is asked
// for by its name.
type Known struct {
	Name  string
	Level bool // it held no messages then
}

// Entry is a folder of an account.
type Entry struct {
	stream.Folder
	Left   string // why the selection leaves it out, "" where it is taken
	Failed string // why its state is not known, or ""
}

// Contents are the folders of an account, in the order of a stream.
type Contents struct {
	Entries []Entry
	// Failed are folders that tell nothing, or that were asked for and are not
	// there.
	Failed []stream.Failed
	// Hidden says that the server lists folders that cannot be told from its
	// words: a folder that is not among Entries may be there.
	Hidden bool
	Notes  []string // what else a user should know, not safe to print
}

// Folders returns the records of those that are taken.
func (c *Contents) Folders() []stream.Folder {
	var taken []stream.Folder
	for i := range c.Entries {
		if c.Entries[i].Left == "" {
			taken = append(taken, c.Entries[i].Folder)
		}
	}
	return taken
}

// Read lists the folders of an account. Those that are not taken cost nothing
// but their line in the listing. A selection that takes no folder, none of which
// failed, is fault.NoInput.
func Read(ctx context.Context, session *imapconn.Session, request Request) (*Contents, error) {
	r := &reading{ctx: ctx, session: session, Request: request, asked: time.Now(), failed: map[string]bool{}}
	if err := r.choose(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{r.status, r.unstable, r.measure, r.acls} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(r.taken) == 0 && len(r.Failed) == 0 {
		return nil, fault.Errorf(fault.NoInput, "no folder of %d is chosen%s", len(r.boxes), because(r.Notes))
	}
	return &r.Contents, nil
}

func because(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return ": " + strings.Join(notes, "; ")
}

// reading is one call of Read.
type reading struct {
	ctx     context.Context
	session *imapconn.Session
	Request
	Contents
	boxes  []imapconn.Mailbox // as listed, and what LIST leaves out; one for each of Entries
	taken  []int              // of them
	added  []string           // folders that LIST leaves out, and that can be opened
	failed map[string]bool    // the folders of Failed
	asked  time.Time          // no state was asked for before
}

// choose lists the folders and applies the selection.
func (r *reading) choose() (err error) {
	if r.boxes, err = r.session.Overview(r.ctx, r.Request.Folders.Spaces, r.detail()); err != nil {
		return err
	}
	r.setAside()
	if len(r.boxes) == 0 && !r.Hidden {
		return fault.Errorf(fault.Protocol, "the server lists no folder, not even INBOX")
	}
	if err := r.known(); err != nil {
		return err
	}
	if err := r.lostSubscriptions(); err != nil {
		return err
	}
	choice := r.Request.Folders.Choose(r.candidates())
	found, err := r.missing(choice.Missing)
	if err != nil {
		return err
	}
	if found {
		choice = r.Request.Folders.Choose(r.candidates())
	}
	for _, m := range choice.Missing {
		if !r.failed[m.Name] {
			r.fail(m.Name, stream.ReasonNoFolder, "the account has "+m.Text)
		}
	}
	r.Notes = append(choice.Idle, r.unlistedNote()...)
	r.Entries = make([]Entry, len(r.boxes))
	for i := range r.boxes {
		r.Entries[i] = Entry{Folder: record(&r.boxes[i]), Left: choice.Left[i]}
		if choice.Left[i] == "" {
			r.taken = append(r.taken, i)
		}
	}
	return nil
}

func (r *reading) candidates() []folder.Candidate {
	all := make([]folder.Candidate, len(r.boxes))
	for i, b := range r.boxes {
		all[i] = folder.Candidate{Name: b.Name, Delimiter: b.Delimiter, Subscribed: b.Subscribed, Mere: !b.Selectable(),
			Space: b.Space}
	}
	return all
}

// setAside takes out the entries of the listing that cannot be read. Each is a
// failure, unless folders are chosen by their names alone: then a folder that is
// missing is one of its own.
func (r *reading) setAside() {
	byName := r.Request.Folders.ByNameAlone()
	r.boxes = slices.DeleteFunc(r.boxes, func(b imapconn.Mailbox) bool {
		if b.Unread == "" {
			return false
		}
		r.Hidden = true
		if !byName {
			r.fail(b.Name, stream.ReasonUnreadable, b.Unread)
		}
		return true
	})
}

// detail is what may come along with the names: nothing where there are folders
// that nobody asks about.
func (r *reading) detail() imapconn.Detail {
	s := r.Request.Folders
	most := len(s.Names)+len(s.Trees)+len(s.Include) == 0 && !s.Subscribed
	for space := folder.Personal; space <= folder.Shared; space++ {
		most = most && (s.Spaces.Has(space) || len(r.session.Namespaces(space)) == 0)
	}
	switch {
	case !most:
		return imapconn.NoDetail
	case r.Sizes:
		return imapconn.Sizes
	}
	return imapconn.States
}

func (r *reading) fail(name string, reason stream.Reason, text string) {
	r.failed[name] = true
	r.Failed = append(r.Failed, stream.Failed{Folder: name, Reason: reason, Text: text})
}

// Candidate is a folder of a stream, to be chosen or not.
func Candidate(f *stream.Folder) folder.Candidate {
	space, _ := folder.ParseSpace(f.Namespace)
	return folder.Candidate{Name: f.Name, Delimiter: f.Delimiter, Subscribed: f.Subscribed, Mere: !f.HoldsMessages(),
		Space: space}
}

// record makes the record of a mailbox whose state is not known yet.
func record(b *imapconn.Mailbox) stream.Folder {
	f := stream.Folder{Name: b.Name, Delimiter: b.Delimiter, Attributes: lasting(b.Attributes),
		Subscribed: b.Subscribed, Octets: -1}
	if b.Space != folder.Personal {
		f.Namespace = b.Space.String()
	}
	return f
}

// lasting leaves out what says how busy a mailbox is: the same state exported
// twice is to be the same stream.
func lasting(attributes []string) []string {
	return slices.DeleteFunc(slices.Clone(attributes),
		func(a string) bool { return a == `\Marked` || a == `\Unmarked` })
}

// open are the places of the folders that are taken and can be opened.
func (r *reading) open() []int {
	return slices.DeleteFunc(slices.Clone(r.taken),
		func(i int) bool { return !r.boxes[i].Selectable() || r.Entries[i].Failed != "" })
}

func (r *reading) at(places []int) []imapconn.Mailbox {
	boxes := make([]imapconn.Mailbox, len(places))
	for k, i := range places {
		boxes[k] = r.boxes[i]
	}
	return boxes
}

// status fills in what STATUS tells.
func (r *reading) status() error {
	open := r.open()
	results, err := r.session.Status(r.ctx, r.at(open), r.Sizes)
	if err != nil {
		return err
	}
	for k, i := range open {
		f, st := &r.Entries[i], results[k]
		if st.Err != nil {
			f.Failed = st.Err.Error()
			r.fail(f.Name, stream.Reason(st.Reason), f.Failed)
			continue
		}
		f.UIDValidity, f.UIDNext, f.Messages, f.Octets = st.UIDValidity, st.UIDNext, st.Messages, st.Octets
		if st.HighestModSeq > 0 {
			f.HighestModSeq = strconv.FormatUint(st.HighestModSeq, 10)
		}
	}
	return nil
}

// unstable finds folders whose UIDVALIDITY is another at each look. Only those
// are looked at again, more than a second later, whose value may be the
// server's clock; others show it when they are opened.
func (r *reading) unstable() error {
	var places []int
	var told []uint64
	for _, i := range r.open() {
		f := &r.Entries[i]
		if f.Messages > 0 && imapconn.ClockValue(f.UIDValidity, r.asked) {
			places, told = append(places, i), append(told, f.UIDValidity)
		}
	}
	if len(places) == 0 {
		return nil
	}
	unstable, err := r.session.AreUnstable(r.ctx, r.at(places), told)
	if err != nil {
		return err
	}
	for k, i := range places {
		if unstable[k] {
			r.Entries[i].Unstable = true
			r.Notes = append(r.Notes, UnstableNote(r.Entries[i].Name))
		}
	}
	return nil
}

// UnstableNote is what a user is told of such a folder.
func UnstableNote(name string) string {
	return fmt.Sprintf("folder %s: the server gives another UIDVALIDITY at each look, as some do until the folder is "+
		"opened for the first time; its messages are recognized by their keys", name)
}

// measure asks for every message's size and date.
func (r *reading) measure() error {
	if !r.Sizes {
		return nil
	}
	open := r.open()
	total := int64(0)
	for _, i := range open {
		total += int64(r.Entries[i].Messages)
	}
	r.Progress.Total(total, 0)
	for _, i := range open {
		f := &r.Entries[i]
		r.Progress.Folder(f.Name)
		if f.Messages == 0 {
			f.Octets = 0
			continue
		}
		m, err := r.session.Measure(r.ctx, &r.boxes[i], f.Messages)
		if err != nil {
			return err
		}
		if m.Err != nil {
			f.Failed = m.Err.Error()
			r.fail(f.Name, stream.Reason(m.Reason), f.Failed)
			continue
		}
		r.Progress.Add(int64(f.Messages), 0)
		f.Messages = max(f.Messages, m.Messages) // STATUS may have been behind
		f.Oldest, f.Newest = m.Oldest, m.Newest
		if m.Unsized > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("folder %s: the server does not tell the size of some messages "+
				"(%d), so that its size is unknown", f.Name, m.Unsized))
			continue
		}
		if f.Octets < 0 {
			f.Octets = m.Octets
		}
		f.Largest, f.LargestUID = m.Largest, m.LargestUID
	}
	return nil
}

// acls asks who may do what. That a server has no such lists, or shows them to
// others only, is told and no failure.
func (r *reading) acls() error {
	if !r.ACL {
		return nil
	}
	open := r.open()
	results, err := r.session.ACLs(r.ctx, r.at(open))
	if errors.Is(err, imapconn.ErrNoACL) {
		r.Notes = append(r.Notes, "rights: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	var hidden []string
	for k, i := range open {
		if results[k].Err != nil {
			hidden = append(hidden, results[k].Err.Error())
			continue
		}
		r.Entries[i].ACL = grants(results[k].Grants)
	}
	if len(hidden) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("rights: not to be seen of %s; the first: %s",
			text.Count(len(hidden), "folder"), hidden[0]))
	}
	return nil
}

// grants sorts an access control list, each identifier once.
func grants(list []imapconn.Grant) []stream.Grant {
	rights := map[string]string{}
	for _, g := range list {
		rights[g.Identifier] += g.Rights
	}
	out := []stream.Grant{}
	for identifier, letters := range rights {
		out = append(out, stream.Grant{Identifier: identifier, Rights: imapconn.SortRights(letters)})
	}
	slices.SortFunc(out, func(a, b stream.Grant) int { return strings.Compare(a.Identifier, b.Identifier) })
	return out
}
