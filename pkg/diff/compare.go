// Package diff compares a stream with a destination and plans what the
// destination lacks.
package diff

import (
	"context"
	"io"
	"sort"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
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
	CheckKeys   bool // keys of full streams are held against their octets
	FoldersOnly bool
	NoEmpty     bool       // folders that nothing goes to are not wanted
	Prune       *Prune     // destination folders that no source folder goes to are to go, or nil
	Delete      *Deletions // messages that the source lacks are to go, or nil
	Verify      bool       // read what is at the destination, and compare octets: for a report
	SyncFlags   SyncFlags
	Flags       flags.Policy // which flags are compared, and what they are called there
	Warn        func(format string, args ...any)
	Say         func(format string, args ...any)
	Progress    progress.Counter
	Repeats     *Repeats // of a source that is read once, for Report
}

// comparison is one run over a source stream.
type comparison struct {
	ctx  context.Context
	opt  *Options
	dest Destination
	emit func(event any) error

	begin          *stream.Begin // of the stream under way, or nil
	recipe         headerkey.Recipe
	toc            []*source
	byName         map[string]*source
	at             int                      // the source folder that the messages have come to
	started        bool                     // the table of contents is complete
	streams        int                      // that have begun
	knows          map[account.Account]bool // the accounts that streams were of: whether the first of them was whole
	records        int                      // that were taken, of all streams
	over           bool                     // nothing more can come, and all is decided
	seen           stream.Seen
	compared       compared       // the last of these events
	again          bool           // the parts of a message that was met before
	large          *stream.Failed // the message whose parts are under way, by its folder and UID
	barredLarge    *stream.Failed // such a message that has failed already, or nil
	relocatedLarge bool           // the message whose parts are under way is the last of relocated
	carriedLarge   *match.Entry   // what that message was found to be by a receipt, or nil
	late           *match.Pending // its sha256 comes with its last part
	into           *match.Matcher // where late waits

	piped     bool               // the source cannot be read again
	patient   int                // how many messages may wait until the whole source has been read
	waiting   int                // how many do
	aside     *aside             // where the source is put, or nil
	doubles   *doubles           // that are left out, or nil
	relocated []match.Pending    // that their folders lack, and others may have
	belongs   map[uint32]*Target // by ordinal: the folders that lack them
	ledger    *ledger            // of what earlier runs carried over, or nil
	ordinal   uint32             // of the next message record
	counts    *stream.End
	tallies   []tally       // of the streams that were started
	stopped   *stream.Abort // it came, and what follows it is not known yet
	aborted   *stream.Abort // the last
	unfit     error         // why this is no source to compare; an abort may excuse it
}

// tally is what was counted of one stream of a concatenation.
type tally struct {
	first  uint32 // ordinal
	counts *stream.End
}

func newComparison(ctx context.Context, opt *Options, dest Destination, emit func(event any) error) *comparison {
	return &comparison{ctx: ctx, opt: opt, dest: dest, emit: emit, doubles: newDoubles(opt)}
}

// run goes through the source. What was whole in a damaged stream has been
// acted on when the error is returned.
func (c *comparison) run(in records) error {
	in = c.opt.keyed(in)
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
			c.records++
			continue
		case err == io.EOF:
			err = c.verdict()
		case exit.CodeOf(err) != exit.Data:
			return err
		}
		if failed := c.finish(); failed != nil {
			return failed
		}
		return err
	}
}

// finish decides on all that waits: nothing more can come.
func (c *comparison) finish() error {
	if err := c.breakOff(); err != nil {
		return err
	}
	if c.started {
		if err := c.advance(nil); err != nil {
			return err
		}
	}
	if err := c.stop(); err != nil {
		return err
	}
	var targets []*Target
	if len(c.tallies) > 0 { // the destination was opened
		targets = c.dest.Folders()
	}
	for _, t := range targets {
		t.release()
		if t.matcher != nil && len(t.matcher.Pending) > 0 {
			if err := c.resolve(t); err != nil {
				return err
			}
		}
	}
	if err := c.settleRelocated(); err != nil {
		return err
	}
	for _, line := range c.doubles.lines() {
		c.opt.Say("%s", line)
	}
	c.over = true
	return c.emit(&finished{})
}

func (c *comparison) verdict() error {
	if a := c.aborted; a != nil {
		return exit.Errorf(exit.Code(a.Exit), "%s stopped early: %s", a.Command, a.Text)
	}
	return nil
}

func (c *comparison) record(rec stream.Record) error {
	if c.aside != nil {
		return c.putAside(rec)
	}
	switch r := rec.(type) {
	case *stream.Begin:
		return c.open(r)
	case *stream.Folder:
		s := &source{Folder: *r}
		c.toc = append(c.toc, s)
		c.byName[r.Name] = s
		return nil
	case *stream.Abort:
		return c.abort(r)
	}
	if err := c.start(); err != nil {
		return err
	}
	if c.aside != nil {
		return c.putAside(rec)
	}
	if leftOut(c.byName, rec) || c.opt.FoldersOnly && isOfMessage(rec) {
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
		if b := c.barredLarge; b != nil && b.Folder == r.Folder && b.UID == r.UID {
			return nil // it has failed already
		}
		if r.UID != 0 {
			c.counts.Listed++
		}
		if err := c.takeBack(r); err != nil {
			return err
		}
	case *stream.Expunged:
		c.counts.Listed++
		if s := c.byName[r.Folder]; s != nil {
			s.came++
		}
	}
	return c.emit(rec)
}

func (c *comparison) open(b *stream.Begin) error {
	if err := c.stop(); err != nil {
		return err
	}
	recipe, err := headerkey.ParseRecipe(b.Key)
	c.begin, c.recipe, c.toc, c.byName, c.at = b, recipe, nil, map[string]*source{}, 0
	c.counts = &stream.End{Plan: true}
	c.streams++
	c.note(b)
	switch c.unfit = nil; {
	case err != nil:
		c.unfit = exit.Errorf(exit.Data, "the stream's key recipe: %w", err)
	case b.Plan:
		c.unfit = exit.Errorf(exit.Usage, "the source is a plan already").WithHint("give imap-diff what imap-fetch wrote")
	}
	return nil
}

// abort takes the abort of the stream under way. Whether those who wait can be
// decided on in it depends on what follows.
func (c *comparison) abort(a *stream.Abort) error {
	if err := c.stop(); err != nil {
		return err
	}
	c.stopped, c.aborted = a, a
	if err := c.breakOff(); err != nil || c.started {
		return err
	}
	return c.stop()
}

// stop ends the stream that was aborted, if one was. Whoever waits in it still
// is left for the streams behind it: one of those may hold the message that
// has a better claim.
func (c *comparison) stop() error {
	a := c.stopped
	if a == nil {
		return nil
	}
	b := c.begin
	c.stopped, c.begin, c.started = nil, nil, false
	return c.emit(&aborted{a, b})
}

// start opens the destination and maps the folders once all of them are known:
// a source that was aborted before that needs neither.
func (c *comparison) start() error {
	if c.unfit != nil {
		return c.unfit
	}
	if c.started {
		return nil
	}
	if err := c.dest.Open(c.recipe); err != nil {
		return err
	}
	table, err := c.mapFolders()
	if err != nil {
		return err
	}
	if err := c.checkDelta(); err != nil {
		return err
	}
	if err := c.consult(); err != nil {
		return err
	}
	if aside, err := c.setAside(); aside || err != nil {
		return err
	}
	if c.opt.Account && !c.opt.FoldersOnly {
		if err := c.loadAll(); err != nil {
			return err
		}
	}
	c.started = true
	c.tallies = append(c.tallies, tally{c.ordinal, c.counts})
	c.announce(table)
	c.checkOrder()
	return c.emit(&started{c.begin, c.toc})
}

// countsOf returns the counts of the stream that a message came in.
func (c *comparison) countsOf(ordinal uint32) *stream.End {
	i := sort.Search(len(c.tallies), func(i int) bool { return c.tallies[i].first > ordinal })
	return c.tallies[i-1].counts
}

func (c *comparison) end(e *stream.End) error {
	if err := c.advance(nil); err != nil {
		return err
	}
	c.counts.Excluded += e.Excluded
	c.begin, c.started = nil, false
	return c.emit(c.counts)
}
