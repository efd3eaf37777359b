package cleanup

import (
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Undo plans to take back what runs of imap-push have done to the destination,
// as receipts tell: the messages that they appended, and the folders that they
// made, where nothing else is in them. What was there before stays, and so does
// a message that runs in the same file may have deleted at the source. A message whose
// UID the server did not tell is found by its key and bytes. Where these do not tell
// which it is, it stays, and has failed.
func Undo(opt diff.Options, receipts io.Reader, dest diff.Destination, w *stream.Writer) (*Removal, error) {
	d, err := readAppendLog(receipts, nil, dest.Account())
	if err != nil {
		return nil, err
	}
	sum := &Removal{Listed: d.sources()}
	d.takeMoved()
	d.all = slices.DeleteFunc(d.all, func(x appended) bool { return x.target.uid != 0 && x.target.validity == 0 })
	if err := dest.Open(d.recipe); err != nil {
		return nil, err
	}
	if err := d.confirm(dest); err != nil {
		return nil, err
	}
	d.all = slices.DeleteFunc(d.all, func(x appended) bool {
		if x.guessed {
			d.unsure = append(d.unsure, x)
		}
		return x.guessed
	})
	d.sort(atTarget)
	if err := begin(w, &opt, &stream.Begin{Key: d.recipe.String()}, d.account, dest.Account()); err != nil {
		return nil, err
	}
	going := map[string]uint32{} // messages, by folder
	for i := range d.all {
		r := d.retraction(&d.all[i])
		going[r.Target]++
		sum.Deleted++
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	for _, r := range d.emptied(dest, going) {
		sum.Folders++
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	for i := range d.unsure {
		if err := w.Write(d.failedRecord(&d.unsure[i])); err != nil {
			return nil, err
		}
	}
	if err := w.End(&stream.End{Plan: true, Listed: stream.AsWritten}); err != nil {
		return nil, err
	}
	sum.Unsure = len(d.unsure)
	return sum, nil
}

// failedRecord says of a message that was appended why it stays.
func (d *appendLog) failedRecord(x *appended) *stream.Failed {
	to := folder.Quote(d.names[x.target.box])
	why := "the server did not tell its UID in " + to + ", and the messages of its key there do not show which it is"
	if x.unreadable {
		why = to + " cannot be read, so that nobody can tell whether it is there"
	}
	return &stream.Failed{Folder: d.names[x.source.box], UIDValidity: x.source.validity, UID: x.source.uid,
		Reason: stream.ReasonUntold, Text: why}
}

// emptied returns the folders that were made and hold nothing once so many
// messages are gone from them.
func (d *appendLog) emptied(dest diff.Destination, going map[string]uint32) []*stream.DeleteFolder {
	removals := RemovableFolders(dest, func(t *diff.Target) bool {
		return d.created[t.Name] && t.Exists() && t.Unreadable == "" && t.Messages == going[t.Name]
	}, nil)
	for _, r := range removals {
		r.Messages = 0 // by then
	}
	return removals
}
