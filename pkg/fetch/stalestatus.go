package fetch

import (
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/list"
)

// lookBehind opens the folders of which STATUS says what the base says of them, or
// that UIDNEXT has fallen: it may be stale. They are opened many at a time.
func (e *accountExport) lookBehind(contents *list.Contents) error {
	var entries []*list.Entry
	var bases []*base.Folder // of entries
	var boxes []imapconn.Mailbox
	var results []imapconn.StatusResult
	for i := range contents.Entries {
		now := &contents.Entries[i]
		earlier := e.opt.Base.At(now.Name, now.UIDValidity)
		if earlier == nil || now.Left != "" || now.Failed != "" || !now.HoldsMessages() ||
			earlier.Continues(&now.Folder) && !earlier.LooksUnchanged(&now.Folder) {
			continue
		}
		wire, err := folder.ToWire(now.Name)
		if err != nil {
			return err
		}
		entries, bases = append(entries, now), append(bases, earlier)
		boxes = append(boxes, imapconn.Mailbox{Name: now.Name, Wire: wire})
		told := imapconn.Status{UIDValidity: now.UIDValidity, UIDNext: now.UIDNext, Messages: now.Messages,
			HighestModSeq: base.ModSeq(&now.Folder), Octets: now.Octets}
		results = append(results, imapconn.StatusResult{Status: told})
	}
	if err := e.session.LookInto(e.ctx, boxes, results); err != nil {
		return err
	}
	for i, now := range entries {
		r := &results[i]
		if r.Err != nil || r.UIDValidity != now.UIDValidity || r.ModSeqLower {
			bases[i].Doubted = true // its export will tell why
		}
		if r.Err != nil || r.UIDValidity != now.UIDValidity {
			continue
		}
		if err := e.lookAbove(bases[i], boxes[i].Wire, r); err != nil {
			return err
		}
		now.UIDNext, now.Messages = r.UIDNext, r.Messages
		if r.HighestModSeq > base.ModSeq(&now.Folder) {
			now.HighestModSeq = strconv.FormatUint(r.HighestModSeq, 10)
		}
	}
	return nil
}

// lookAbove looks for messages at or above a UIDNEXT that is below that of the base:
// it is too low if there are any.
func (e *accountExport) lookAbove(earlier *base.Folder, wire string, r *imapconn.StatusResult) error {
	if r.UIDNext >= earlier.Entry.UIDNext || r.UIDNext == 0 {
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
