package base

import (
	"maps"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Known returns the folders of the base that a listing of these namespaces should
// have, in order.
func (b *Base) Known(spaces folder.Spaces) (known []list.Known) {
	if b == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.folders)) {
		entry := &b.folders[name].Entry
		if space, _ := folder.ParseSpace(entry.Namespace); spaces.Has(space) {
			known = append(known, list.Known{Name: name, Level: !entry.HoldsMessages()})
		}
	}
	return known
}

// maxUIDText is how many bytes the UIDs of one folder may take, and of all together.
// A folder without UIDs comes whole from an export whose base is this one.
const (
	maxUIDText  = 1 << 20
	maxUIDTexts = 16 << 20
)

// SetUIDs says in a table of contents which UIDs the base has.
func (b *Base) SetUIDs(toc []stream.Folder) {
	room := maxUIDTexts
	for i := range toc {
		f := b.Of(&toc[i])
		if f == nil {
			continue
		}
		if text := f.uids(); len(text) <= min(maxUIDText, room) {
			toc[i].UIDs = text
			room -= len(text)
		}
	}
}

// Expunged returns the folders of the base that no longer exist, or are others now.
// Where the listing cannot be read as a whole none is known to be expunged; neither
// is one of which the server does not say that it does not exist.
func (b *Base) Expunged(contents *list.Contents, spaces folder.Spaces) (expunged []stream.FolderExpunged) {
	if b == nil {
		return nil
	}
	listed := map[string]*list.Entry{}
	for i := range contents.Entries {
		listed[contents.Entries[i].Name] = &contents.Entries[i]
	}
	unclear := map[string]bool{}
	for i := range contents.Failed {
		unclear[contents.Failed[i].Folder] = true
	}
	for name, f := range b.folders {
		now := listed[name]
		space, _ := folder.ParseSpace(f.Entry.Namespace)
		switch {
		case unclear[name]:
			continue
		case now == nil && spaces.Has(space) && !contents.Hidden:
		case now != nil && now.Left == "" && now.Failed == "" && !f.Continues(&now.Folder) &&
			(f.Entry.HoldsMessages() || now.HoldsMessages()):
		default:
			continue
		}
		expunged = append(expunged, stream.FolderExpunged{Folder: name, UIDValidity: f.Entry.UIDValidity})
	}
	slices.SortFunc(expunged, func(a, b stream.FolderExpunged) int { return strings.Compare(a.Folder, b.Folder) })
	return expunged
}
