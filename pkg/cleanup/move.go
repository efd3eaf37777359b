// Package cleanup writes plans that only delete, and finds what to delete.
package cleanup

import (
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Removal says how much a plan deletes.
type Removal struct {
	Listed  int // messages that it is about
	Deleted int // of them, those that it deletes
	Folders int // that it removes
	Unsure  int // messages of which nobody knows which they are at the destination: they stay
}

// Move plans to delete at the source what the destination has acknowledged, as
// receipts tell, and still shows, not marked \Deleted: the second half of a move. The plan is for
// the account that the messages came from.
func Move(opt diff.Options, receipts io.Reader, dest diff.Destination, w *stream.Writer) (*Removal, error) {
	d, err := readAppendLog(receipts, nil, dest.Account())
	if err != nil {
		return nil, err
	}
	sum := &Removal{Listed: d.sources()}
	if n := d.dropContradicted(); n > 0 {
		opt.Warn("%s %s: the receipts tell of folders about which the source contradicts itself",
			text.Count(n, "message"),
			text.Either(n, "stays", "stay"))
	}
	if err := dest.Open(d.recipe); err != nil {
		return nil, err
	}
	if err := d.confirm(dest); err != nil {
		return nil, err
	}
	if n := d.dropOvershown(dest); n > 0 {
		opt.Warn("%s %s: the destination shows more messages in their folders than it counts", text.Count(n, "message"),
			text.Either(n, "stays", "stay"))
	}
	if n, first := d.dropMarked(); n > 0 {
		opt.Warn(`%s %s, as %s: their copies are marked \Deleted at the destination, or may be`,
			text.Count(n, "message"), text.Either(n, "stays", "stay"), first)
	}
	d.sort(atSource)
	if err := begin(w, &opt, &stream.Begin{Key: d.recipe.String()}, dest.Account(), d.account); err != nil {
		return nil, err
	}
	within := d.account == dest.Account()
	for i := range d.all {
		if x := &d.all[i]; !within || x.source != x.target { // else it stands for itself
			if err := w.Write(d.deletion(x)); err != nil {
				return nil, err
			}
			sum.Deleted++
		}
	}
	return sum, w.End(&stream.End{Plan: true})
}
