// Package export is what the exports of an account (pkg/fetch) and of an archive
// (pkg/extract) share: their options, the choice of messages, the stream that
// names what to export, and the count of failures.
package export

import (
	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say what to export.
type Options struct {
	Tool     string
	Content  stream.Content // how much of each message is wanted
	Recipe   headerkey.Recipe
	Folders  folder.Selection
	Messages MessageFilter
	Filters  []string // how begin names what is excluded
	Labels   []stream.Label
	Edited   bool // accept a selection whose counts and hash no longer match

	// Limits bound what is read of message bodies. A run that stops at one
	// returns a *limit.ReachedError.
	Limits   limit.Limits
	Failures *failure.Classes // counts what could not be had; may be nil
	Warn     func(format string, args ...any)
	Progress progress.Counter
}

// Begin is the first record of the stream that o describes, as far as it is
// known before the source is read.
func (o *Options) Begin(of account.Account) *stream.Begin {
	b := &stream.Begin{Tool: o.Tool, Content: o.Content, Key: o.Recipe.String(), Filters: o.Filters, Labels: o.Labels}
	b.SetAccount(of)
	return b
}
