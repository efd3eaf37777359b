// Package diff compares a stream with a destination, an account or another stream,
// and tells what it finds in events.
package diff

import (
	"cmp"
	"context"
	"io"
	"sort"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say how to compare.
type Options struct {
	Identity
	Tool        string
	Edited      bool // the source was filtered on purpose
	Labels      []stream.Label
	Mapping     folder.Rules
	CheckKeys   bool // keys of full streams are held against their bytes
	FoldersOnly bool
	NoEmpty     bool             // folders that nothing goes to are not wanted
	Reread      bool             // the source is read twice, from a temporary file where it is a pipe
	Flags       flags.Policy     // which flags are compared, and what they are called there
	Depends     match.Dependents // on which message of the destination a message is
	Warn        func(format string, args ...any)
	Say         func(format string, args ...any)
	Progress    progress.Counter
	Repeats     *Repeats // of a source that is read once, for Report
}

// Comparison is one run over a source stream. It holds what is known of the stream, of
// the message that came last, and of all that waits: one order of events depends on
// all of them.
type Comparison struct {
	ctx  context.Context
	opt  *Options
	Dest Destination
	emit func(event any) error

	sourceStream
	last     lastMessage
	compared Compared // the last of these events

	Streams    int                      // that have begun
	Records    int                      // that were taken, of all streams
	Ordinal    uint32                   // of the next message record
	Complete   bool                     // nothing more can come, and all is decided
	tallies    []tally                  // of the streams that were started
	firstWhole map[account.Account]bool // the accounts that streams were of: whether the first of them was whole
	Aborted    *stream.Abort            // the last
	seen       stream.Seen

	Piped      bool               // the source cannot be read again, and is one stream
	MaxPending int                // how many messages may wait until the whole source has been read
	pending    int                // how many do
	Aside      *Aside             // where the source is put, or nil
	dedup      *dedup             // finds duplicates to exclude, or nil
	relocated  []match.Pending    // messages that their folders lack, and others may have
	belongs    map[uint32]*Target // by ordinal: the folders that lack them
	receipts   *receiptIndex      // of what earlier runs have brought, or nil
}

// sourceStream is the stream of the source that is under way, or was the last.
type sourceStream struct {
	Begin   *stream.Begin // nil between streams
	Recipe  headerkey.Recipe
	Folders []*Source
	ByName  map[string]*Source
	at      int  // the source folder that the messages have come to
	started bool // the table of contents is complete
	counts  *stream.End
	invalid error // why this is no source to compare; an abort may excuse it
}

// tally is what was counted of one stream of a concatenation.
type tally struct {
	first  uint32 // ordinal
	counts *stream.End
}

// NewComparison prepares a comparison, which calls emit with each event.
func NewComparison(ctx context.Context, opt *Options, dest Destination, emit func(event any) error) *Comparison {
	return &Comparison{ctx: ctx, opt: opt, Dest: dest, emit: emit, dedup: newDedup(opt)}
}

// Run goes through the source. What was whole in a damaged stream has been
// acted on when the error is returned.
func (c *Comparison) Run(in Records) error {
	in = c.opt.Keyed(in)
	if c.opt.CheckKeys {
		in = &keyCheck{in: in}
	}
	for {
		rec, err := in.Next()
		if err == nil {
			err = c.record(rec)
		}
		switch {
		case err == nil:
			c.Records++
			continue
		case err == io.EOF:
			err = c.abortError()
		case fault.KindOf(err) != fault.Data:
			return err
		}
		if failed := c.finish(); failed != nil {
			return failed
		}
		return err
	}
}

// finish decides on all that waits: nothing more can come.
func (c *Comparison) finish() error {
	if err := c.dropUnfinished(); err != nil {
		return err
	}
	if c.started {
		if err := c.advance(nil); err != nil {
			return err
		}
	}
	var targets []*Target
	if len(c.tallies) > 0 { // the destination was opened
		targets = c.Dest.Folders()
	}
	for _, t := range targets {
		t.release()
		if t.Matcher != nil && len(t.Matcher.Pending) > 0 {
			if err := c.resolve(t); err != nil {
				return err
			}
		}
	}
	if err := c.settleRelocated(); err != nil {
		return err
	}
	for _, line := range c.dedup.lines() {
		c.opt.Say("%s", line)
	}
	c.Complete = true
	return nil
}

func (c *Comparison) abortError() error {
	if a := c.Aborted; a != nil {
		return a.Err()
	}
	return nil
}

func (c *Comparison) record(rec stream.Record) error {
	if c.Aside != nil {
		return c.putAside(rec)
	}
	switch r := rec.(type) {
	case *stream.Begin:
		return c.open(r)
	case *stream.Folder:
		s := &Source{Folder: *r}
		c.Folders = append(c.Folders, s)
		c.ByName[r.Name] = s
		return nil
	case *stream.Abort:
		return c.abort(r)
	}
	if err := c.start(); err != nil {
		return err
	}
	if c.Aside != nil {
		return c.putAside(rec)
	}
	if IsExcluded(c.ByName, rec) || c.opt.FoldersOnly && isOfMessage(rec) {
		return nil
	}
	switch r := rec.(type) {
	case *stream.Message:
		return c.message(r)
	case *stream.Body:
		return c.part(r)
	case *stream.End:
		return c.end(r)
	case *stream.Failed:
		if b := c.last.failed; b != nil && b.Folder == r.Folder && b.UID == r.UID {
			return nil // it has failed already
		}
		if r.UID != 0 {
			c.counts.Listed++
		}
		if err := c.retract(r); err != nil {
			return err
		}
	case *stream.Expunged:
		c.counts.Listed++
		if s := c.ByName[r.Folder]; s != nil {
			s.Shown++
		}
	}
	return c.emit(rec)
}

// errSecondStream is because what a message of the first stream was taken for may be
// one of the second, and the first has been decided on.
var errSecondStream = fault.Errorf(fault.Usage,
	"another stream follows on a pipe that is read only once; nothing of it "+
		"was compared").WithHint("write the streams to files, and join these: cat FILE... > ALL; imap-diff ALL")

func (c *Comparison) open(b *stream.Begin) error {
	if c.Piped && c.Streams > 0 {
		return cmp.Or(c.abortError(), error(errSecondStream))
	}
	recipe, err := headerkey.ParseRecipe(b.Key)
	c.sourceStream = sourceStream{Begin: b, Recipe: recipe, ByName: map[string]*Source{},
		counts: &stream.End{Plan: true}}
	c.Streams++
	c.noteBase(b)
	switch {
	case err != nil:
		c.invalid = fault.Errorf(fault.Data, "the stream's key recipe: %w", err)
	case b.Plan:
		c.invalid = fault.Errorf(fault.Usage, "the source is a plan already").
			WithHint("give imap-diff what imap-fetch wrote")
	}
	return nil
}

// abort ends the stream under way, which is compared as far as it came.
func (c *Comparison) abort(a *stream.Abort) error {
	if err := c.dropUnfinished(); err != nil {
		return err
	}
	if c.started {
		if err := c.advance(nil); err != nil {
			return err
		}
	}
	b := c.Begin
	c.Aborted, c.Begin, c.started = a, nil, false
	return c.emit(&Aborted{a, b})
}

// start opens the destination and maps the folders once all of them are known:
// a source that was aborted before that needs neither.
func (c *Comparison) start() error {
	if c.invalid != nil {
		return c.invalid
	}
	if c.started {
		return nil
	}
	if err := c.Dest.Open(c.Recipe); err != nil {
		return err
	}
	table, err := c.mapFolders()
	if err != nil {
		return err
	}
	if err := c.checkDelta(); err != nil {
		return err
	}
	if err := c.openReceipts(); err != nil {
		return err
	}
	if aside, err := c.putAsideIfNeeded(); aside || err != nil {
		return err
	}
	if c.opt.Account && !c.opt.FoldersOnly {
		if err := c.loadAll(); err != nil {
			return err
		}
	}
	c.started = true
	c.tallies = append(c.tallies, tally{c.Ordinal, c.counts})
	c.announce(table)
	c.checkOrder()
	return c.emit(&Started{c.Begin, c.Folders})
}

// countsOf returns the counts of the stream that a message came in.
func (c *Comparison) countsOf(ordinal uint32) *stream.End {
	i := sort.Search(len(c.tallies), func(i int) bool { return c.tallies[i].first > ordinal })
	return c.tallies[i-1].counts
}

func (c *Comparison) end(e *stream.End) error {
	if err := c.advance(nil); err != nil {
		return err
	}
	c.counts.Excluded += e.Excluded
	c.Begin, c.started = nil, false
	return c.emit(c.counts)
}
