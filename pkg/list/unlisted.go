package list

import (
	"fmt"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// known asks for the folders of Request.Known that LIST leaves out, or lists as
// levels though they held messages. Where nobody knows whether one is there, it
// has failed.
func (r *reading) known() error {
	if len(r.Known) == 0 {
		return nil
	}
	listed := r.byName()
	var names []string
	for _, k := range r.Known {
		if i, there := listed[k.Name]; !there || !k.Level && !r.boxes[i].Selectable() {
			names = append(names, k.Name)
		}
	}
	_, err := r.ask(names)
	return err
}

// missing asks for folders that the user named. found tells that some are there.
func (r *reading) missing(list []folder.Missing) (found bool, err error) {
	listed := r.byName()
	var names []string
	for _, m := range list {
		if _, there := listed[m.Name]; !there && !m.Several && !r.failed[m.Name] {
			names = append(names, m.Name)
		}
	}
	return r.ask(names)
}

// lostSubscriptions finds names that are subscribed and not listed: who chooses
// folders by their subscription is missing those that are not there.
func (r *reading) lostSubscriptions() error {
	s := r.Request.Folders
	if !s.Subscribed {
		return nil
	}
	subscribed, err := r.session.Subscriptions(r.ctx, s.Spaces)
	if err != nil {
		return err
	}
	listed := r.byName()
	var names []string
	for _, b := range subscribed {
		if b.Unread != "" {
			r.fail(b.Name, stream.ReasonUnreadable, b.Unread)
			continue
		}
		if _, there := listed[b.Name]; !there && !s.Excludes(b.Name, b.Delimiter) {
			names = append(names, b.Name)
		}
	}
	found, err := r.ask(names)
	if err != nil {
		return err
	}
	if found {
		listed = r.byName()
	}
	for _, name := range names {
		if i, there := listed[name]; there {
			r.boxes[i].Subscribed = true
		} else if !r.failed[name] {
			r.fail(name, stream.ReasonNoFolder, "it is subscribed, and the account has no such folder")
		}
	}
	return nil
}

// byName has the places of the folders by their names.
func (r *reading) byName() map[string]int {
	listed := make(map[string]int, len(r.boxes))
	for i := range r.boxes {
		listed[r.boxes[i].Name] = i
	}
	return listed
}

// ask adds those of the folders that can be opened, and reports whether there are
// any. The others are not there, or have failed.
func (r *reading) ask(names []string) (found bool, err error) {
	if len(names) == 0 {
		return false, nil
	}
	var wires []string
	for _, name := range names {
		if wire, err := folder.ToWire(name); err == nil { // no server has any other
			wires = append(wires, wire)
		}
	}
	answers, err := r.session.Unlisted(r.ctx, wires, r.boxes)
	if err != nil {
		return false, err
	}
	listed := r.byName()
	for i, a := range answers {
		box := r.session.Mailbox(wires[i])
		switch at, level := listed[box.Name]; {
		case a.Err != nil:
			r.fail(box.Name, stream.Reason(a.Reason), a.Err.Error())
		case !a.There:
		case level:
			r.boxes[at].Open()
		default:
			r.boxes = append(r.boxes, box)
		}
		if a.There {
			found = true
			r.added = append(r.added, box.Name)
		}
	}
	imapconn.SortMailboxes(r.boxes)
	return found, nil
}

// unlistedNote tells of the folders that LIST leaves out.
func (r *reading) unlistedNote() []string {
	if len(r.added) == 0 {
		return nil
	}
	const shown = 5
	names := strings.Join(r.added[:min(shown, len(r.added))], ", ")
	if len(r.added) > shown {
		names += ", ..."
	}
	return []string{fmt.Sprintf("the server does not list %s that it opens; %s: %s", text.Count(len(r.added), "folder"),
		text.Either(len(r.added), "it is read as any other", "they are read as all others"), names)}
}
