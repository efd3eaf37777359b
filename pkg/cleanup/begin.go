package cleanup

import (
	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// begin begins a plan that deletes from the target what a source is the reason for. It
// takes the key from like, and the filters and labels that are there.
func begin(w *stream.Writer, opt *diff.Options, like *stream.Begin, source, target account.Account) error {
	b := stream.Begin{
		Tool: opt.Tool, Content: stream.Headers, Plan: true, Key: like.Key, Filters: like.Filters,
		Labels: stream.MergeLabels(like.Labels, opt.Labels),
	}
	b.SetAccount(source)
	b.SetTarget(target)
	return w.Write(&b)
}
