package fetch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Fits refuses the base of another account.
func (b *Base) Fits(of account.Account) error {
	if b == nil || b.account == of {
		return nil
	}
	return fault.Errorf(fault.Usage, "the base is of %s, not of %s", b.account.Words(), of.Words()).
		Because(ErrBaseOfAnother)
}

// of returns what the base has of a folder that is still the same, or nil.
func (b *Base) of(f *stream.Folder) *baseFolder {
	if b == nil {
		return nil
	}
	if base := b.folders[f.Name]; base != nil && base.goesOn(f) {
		return base
	}
	return nil
}

// maxUIDText is how long the UIDs of one folder may be, and of all together; a
// folder that says nothing of them comes whole from a delta of the delta.
const (
	maxUIDText  = 1 << 20
	maxUIDTexts = 16 << 20
)

// compare says in the table of contents which UIDs the base has, and returns
// the folders of the base that are there no more, or are others now. Where the
// listing cannot be read as a whole none is known to be gone; neither is one of
// which the server does not say that it does not exist.
func (b *Base) compare(toc []stream.Folder, contents *list.Contents,
	spaces folder.Spaces) (vanished []stream.FolderExpunged) {
	if b == nil {
		return nil
	}
	room := maxUIDTexts
	for i := range toc {
		base := b.of(&toc[i])
		if base == nil {
			continue
		}
		if text := base.uids(); len(text) <= min(maxUIDText, room) {
			toc[i].UIDs = text
			room -= len(text)
		}
	}
	here := map[string]*list.Entry{}
	for i := range contents.Entries {
		here[contents.Entries[i].Name] = &contents.Entries[i]
	}
	unclear := map[string]bool{}
	for i := range contents.Failed {
		unclear[contents.Failed[i].Folder] = true
	}
	for name, base := range b.folders {
		now := here[name]
		space, _ := folder.ParseSpace(base.entry.Namespace)
		switch {
		case unclear[name]:
			continue
		case now == nil && spaces.Has(space) && !contents.Hidden:
		case now != nil && now.Left == "" && now.Failed == "" && !base.goesOn(&now.Folder) &&
			(base.entry.HoldsMessages() || now.HoldsMessages()):
		default:
			continue
		}
		vanished = append(vanished, stream.FolderExpunged{Folder: name, UIDValidity: base.entry.UIDValidity})
	}
	slices.SortFunc(vanished, func(a, b stream.FolderExpunged) int { return strings.Compare(a.Folder, b.Folder) })
	return vanished
}

// known are the folders of the base that a listing of these namespaces should
// have, in order.
func (b *Base) known(spaces folder.Spaces) (known []list.Known) {
	if b == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.folders)) {
		entry := &b.folders[name].entry
		if space, _ := folder.ParseSpace(entry.Namespace); spaces.Has(space) {
			known = append(known, list.Known{Name: name, Level: !entry.HoldsMessages()})
		}
	}
	return known
}

// lookBehind opens the folders of which STATUS says what the base says of them, or
// that UIDNEXT has fallen: it may be stale. They are opened many at a time.
func (e *accountExport) lookBehind(contents *list.Contents) error {
	var entries []*list.Entry
	var boxes []imapconn.Mailbox
	var results []imapconn.StatusResult
	for i := range contents.Entries {
		now := &contents.Entries[i]
		base := e.opt.Base.at(now.Name, now.UIDValidity)
		if base == nil || now.Left != "" || now.Failed != "" || !now.HoldsMessages() ||
			base.goesOn(&now.Folder) && !base.sameAs(&now.Folder) {
			continue
		}
		wire, err := folder.ToWire(now.Name)
		if err != nil {
			return err
		}
		entries, boxes = append(entries, now), append(boxes, imapconn.Mailbox{Name: now.Name, Wire: wire})
		told := imapconn.Status{UIDValidity: now.UIDValidity, UIDNext: now.UIDNext, Messages: now.Messages,
			HighestModSeq: modSeq(&now.Folder), Octets: now.Octets}
		results = append(results, imapconn.StatusResult{Status: told})
	}
	if err := e.session.LookInto(e.ctx, boxes, results); err != nil {
		return err
	}
	for i, now := range entries {
		r := &results[i]
		if r.Err != nil || r.UIDValidity != now.UIDValidity || r.ModSeqLower {
			e.opt.Base.at(now.Name, now.UIDValidity).doubted = true // its export will tell why
		}
		if r.Err != nil || r.UIDValidity != now.UIDValidity {
			continue
		}
		if err := e.lookAbove(now, boxes[i].Wire, r); err != nil {
			return err
		}
		now.UIDNext, now.Messages = r.UIDNext, r.Messages
		if r.HighestModSeq > modSeq(&now.Folder) {
			now.HighestModSeq = strconv.FormatUint(r.HighestModSeq, 10)
		}
	}
	return nil
}

// lookAbove looks for messages at or above a UIDNEXT that is below that of the base:
// it is too low if there are any.
func (e *accountExport) lookAbove(now *list.Entry, wire string, r *imapconn.StatusResult) error {
	if r.UIDNext >= e.opt.Base.at(now.Name, now.UIDValidity).entry.UIDNext || r.UIDNext == 0 {
		return nil
	}
	box, err := e.session.Examine(e.ctx, wire)
	var last uint64
	if err == nil {
		last, err = box.LargestUID(e.ctx)
	}
	if folderReason(err) != "" {
		return nil // its export will tell
	}
	r.UIDNext = max(r.UIDNext, last+1)
	return err
}
