package diff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say how to compare.
type Options struct {
	Tool     string
	Edited   bool // the source was filtered on purpose
	Labels   []stream.Label
	Warn     func(format string, args ...any)
	Progress progress.Counter
}

// source is a folder of the source stream.
type source struct {
	stream.Folder
	target *Target // nil where the folder holds no messages of its own
	note   string  // what its name had to give up, or ""
	failed string  // why its messages cannot be compared, or ""
}

// outcome is what is made of the comparison: a plan, or a report.
type outcome interface {
	// start comes once a stream's table of contents is complete.
	start(b *stream.Begin, toc []*source) error
	// message comes for every message that is compared, with its ordinal; one
	// that waits is resolved later. e is what it was paired with.
	message(m *stream.Message, ordinal uint32, s *source, v verdict, e *entry) error
	// again comes for a message that an earlier stream of a concatenation held.
	again(b *stream.Begin, m *stream.Message) error
	// takenBack comes when the parts of the last message, which waits, end in
	// its failure. The failure itself comes to other.
	takenBack(f *stream.Failed) error
	// part comes for the body parts of the last message.
	part(b *stream.Body) error
	// resolved comes when no further message can land on t.
	resolved(t *Target, r *resolution) error
	// other comes for failed and gone records and for those that pass through.
	other(r stream.Record) error
	end(e *stream.End) error
	// abort comes when the source was aborted. b may not have been started.
	abort(a *stream.Abort, b *stream.Begin) error
}

// comparison is one run over a source stream.
type comparison struct {
	ctx  context.Context
	opt  *Options
	dest Destination
	out  outcome

	begin   *stream.Begin
	recipe  headerkey.Recipe
	toc     []*source
	byName  map[string]*source
	at      int  // the source folder that the messages have come to
	started bool // the table of contents is complete
	seen    stream.Seen
	again   bool           // the parts of a message that was met before
	large   *stream.Failed // the message whose parts are under way, by its folder and UID
	late    *waiter        // its sha256 comes with its last part
	into    *matcher       // where late waits

	piped   bool // the source cannot be read again
	ordinal uint32
	counts  stream.End
	aborted *stream.Abort
	unfit   error // why this is no source to compare; an abort may excuse it
}

func newComparison(ctx context.Context, opt *Options, dest Destination, out outcome) *comparison {
	return &comparison{ctx: ctx, opt: opt, dest: dest, out: out}
}

// run goes through the source. What was whole in a damaged stream has been
// acted on when the error is returned.
func (c *comparison) run(in *stream.Reader) error {
	for {
		rec, err := in.Next()
		if err == io.EOF {
			return c.verdict()
		}
		if err == nil {
			err = c.record(rec)
		}
		if err != nil {
			return err
		}
	}
}

func (c *comparison) verdict() error {
	if a := c.aborted; a != nil {
		return exit.Errorf(exit.Code(a.Exit), "%s stopped early: %s", a.Command, a.Text)
	}
	return nil
}

func (c *comparison) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		c.unfit = c.open(r)
		return nil
	case *stream.Folder:
		s := &source{Folder: *r}
		c.toc = append(c.toc, s)
		c.byName[r.Name] = s
		return nil
	case *stream.Abort:
		// Nobody waits for the rest: whoever waited could be paired wrongly.
		c.aborted = r
		return c.out.abort(r, c.begin)
	}
	if err := c.start(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Message:
		return c.message(r)
	case *stream.Body:
		return c.part(r)
	case *stream.End:
		return c.end(r)
	case *stream.Failed:
		if r.UID != 0 {
			c.counts.Listed++
		}
		if err := c.takeBack(r); err != nil {
			return err
		}
	case *stream.Gone:
		c.counts.Listed++
	}
	return c.out.other(rec)
}

func (c *comparison) open(b *stream.Begin) error {
	recipe, err := headerkey.ParseRecipe(b.Key)
	c.begin, c.recipe, c.toc, c.byName, c.at, c.started = b, recipe, nil, map[string]*source{}, 0, false
	c.counts = stream.End{Plan: true}
	if err != nil {
		return exit.Errorf(exit.Data, "the stream's key recipe: %w", err)
	}
	if b.Plan {
		return exit.Errorf(exit.Usage, "the source is a plan already").WithHint("give imap-diff what imap-fetch wrote")
	}
	return nil
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
	c.started = true
	if err := c.dest.Open(c.recipe); err != nil {
		return err
	}
	if err := c.mapFolders(); err != nil {
		return err
	}
	var total int64
	for _, s := range c.toc {
		total += int64(s.Messages)
		if s.note != "" {
			c.opt.Warn("%s", s.note)
		}
	}
	c.opt.Progress.Total(total, 0)
	return c.out.start(c.begin, c.toc)
}

// mapFolders finds the target of each source folder. Two that land on one are
// an error before anything is written.
func (c *comparison) mapFolders() error {
	existing := map[string]*Target{}
	for _, t := range slices.Backward(c.dest.Folders()) {
		existing[folder.Plain(t.Name)] = t
	}
	for _, t := range c.dest.Folders() {
		existing[t.Name] = t
		if folder.IsInbox(t.Name) {
			existing[folder.Inbox] = t
		}
	}
	var names []string
	for _, s := range c.toc {
		if s.HoldsMessages() {
			names = append(names, s.Name)
		}
	}
	mapped, err := folder.MapAll(names, func(name string) (string, string) {
		s := c.byName[name]
		return folder.Translate(name, folder.Namespace{Prefix: c.begin.Prefix, Delimiter: s.Delimiter}, c.dest.Namespace())
	})
	if err != nil {
		return err
	}
	for _, m := range mapped {
		s := c.byName[m.Source]
		s.note = m.Note
		if s.target = existing[m.Target]; s.target == nil {
			s.target = &Target{Name: m.Target, match: &matcher{}}
			existing[m.Target] = s.target
		}
		s.target.sources++
	}
	return nil
}

func (c *comparison) message(m *stream.Message) error {
	c.late = nil
	again, err := c.seen.Again(c.begin, m)
	if c.again = again; again && err == nil {
		return c.out.again(c.begin, m)
	}
	if err != nil {
		return err
	}
	s := c.byName[m.Folder]
	if err := c.advance(s); err != nil {
		return err
	}
	c.counts.Listed++
	c.opt.Progress.Add(1, 0)
	ordinal := c.ordinal
	c.ordinal++
	if s.failed == "" {
		if err := c.load(s); err != nil {
			return err
		}
	}
	if s.failed != "" {
		c.again = true
		return c.out.other(unreadable(m, s))
	}
	if c.large = nil; m.Parts > 0 {
		c.large = &stream.Failed{Folder: m.Folder, UID: m.UID}
	}
	match := s.target.match
	v, e := match.decide(evidenceOf(m), ordinal, m.Parts == 0)
	if v == waits && m.Parts > 0 {
		c.late, c.into = &match.waiters[len(match.waiters)-1], match
	}
	if v == present {
		c.counts.Present++
	}
	return c.out.message(m, ordinal, s, v, e)
}

// takeBack forgets a message whose parts end in its failure: it counts once,
// as failed, and nobody waits for it.
func (c *comparison) takeBack(f *stream.Failed) error {
	if c.large == nil || c.large.Folder != f.Folder || c.large.UID != f.UID {
		return nil
	}
	c.large = nil
	c.counts.Listed--
	if c.late != nil {
		c.into.waiters = c.into.waiters[:len(c.into.waiters)-1]
		c.late = nil
		return c.out.takenBack(f)
	}
	return nil
}

// unreadable is what becomes of a message whose target cannot be compared.
func unreadable(m *stream.Message, s *source) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonTarget, Text: s.failed}
}

func (c *comparison) part(b *stream.Body) error {
	if err := c.seen.Part(b); err != nil || c.again {
		return err
	}
	if b.Part == b.Parts {
		c.large = nil
		if c.late != nil {
			c.late.setSHA(b.SHA256)
		}
	}
	return c.out.part(b)
}

// load reads the target's index when the first message comes that needs it.
func (c *comparison) load(s *source) error {
	t := s.target
	if t == nil {
		s.failed = "the folder cannot hold messages"
		return nil
	}
	if t.match != nil {
		return nil
	}
	c.opt.Progress.Folder(s.Name)
	match := &matcher{piped: c.piped}
	var err error
	if t.Unreadable == "" {
		match.prover, err = c.dest.Load(t, func(e Entry) { match.take(e) })
	}
	var no *Unreadable
	switch {
	case errors.As(err, &no):
		t.Unreadable = no.Text
	case err != nil:
		return err
	}
	if t.Unreadable != "" {
		s.failed = fmt.Sprintf("the destination folder %q cannot be compared: %s", t.Name, t.Unreadable)
		return nil
	}
	t.match = match
	return nil
}

// advance closes the folders that the messages have left behind.
func (c *comparison) advance(to *source) error {
	for c.at < len(c.toc) && c.toc[c.at] != to {
		if err := c.leave(c.toc[c.at]); err != nil {
			return err
		}
		c.at++
	}
	return nil
}

// leave resolves what waits for a target when its last source folder ends.
func (c *comparison) leave(s *source) error {
	t := s.target
	if t == nil {
		return nil
	}
	if t.sources--; t.sources > 0 {
		return nil
	}
	if t.match == nil {
		return c.out.resolved(t, &resolution{})
	}
	r, err := t.match.resolve()
	if err != nil {
		return err
	}
	c.counts.Present += int64(len(r.pairs) - len(r.mistaken))
	c.counts.Ambiguous += r.ambiguous
	return c.out.resolved(t, r)
}

func (c *comparison) end(e *stream.End) error {
	if err := c.advance(nil); err != nil {
		return err
	}
	return c.out.end(&c.counts)
}
