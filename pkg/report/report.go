// Package report says in what a stream and a destination differ.
package report

import (
	"context"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Subject says what is compared.
type Subject struct {
	Type        string   `json:"type"` // comparison
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Content     string   `json:"content"`
	Key         string   `json:"key"`
	Filters     []string `json:"filters"`
}

// Printer takes a report piece by piece: a Subject, then for each folder its
// differences and its Summary, then near misses, if they are wanted, and the
// Summary of all.
type Printer interface {
	Subject(*Subject) error
	Difference(*Difference) error
	Near(*NearMiss) error
	Folder(*Summary) error
	Total(*Summary) error
}

// Options say what to report.
type Options struct {
	diff.Options
	Verify  bool // read what is at the destination, and compare bytes
	Explain bool // show what looks like a missing message, and why it is another
}

// Run compares and writes nothing but the report. The summary is valid, as
// far as it goes, also with an error.
func Run(ctx context.Context, opt Options, in *stream.Reader, dest diff.Destination, out Printer) (*Summary, error) {
	r := &reporter{opt: &opt, dest: dest, out: out, total: Summary{Type: "summary"}}
	in.CheckBodies()
	opt.Depends = match.FlagsDepend | match.DatesDepend
	c := diff.NewComparison(ctx, &opt.Options, dest, r.handle)
	err := c.Run(in)
	if err == nil {
		err = r.finish()
	}
	if err == nil && r.total.Failed > 0 {
		err = fault.Errorf(fault.Partial, "%s could not be compared; the report names %s",
			text.Count(r.total.Failed, "message or folder"), text.Either(r.total.Failed, "it", "them"))
	}
	if err == nil {
		err = opt.UnseenFolders(dest)
	}
	return &r.total, err
}
