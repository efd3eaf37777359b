package plan

import (
	"cmp"
	"context"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// maxPending is how many messages of a file may wait until all of it has been
// read. Beyond that a folder is decided on when it ends, so that memory is
// bounded where a destination has rewritten every message.
const maxPending = 1 << 16

// twoPass decides in a first reading of the source and writes in a second.
func (p *planner) twoPass(ctx context.Context, in *stream.Reader, again func() (*stream.Reader, error)) error {
	d := &decisions{planner: p}
	c := diff.NewComparison(ctx, &p.opt.Options, p.dest, d.handle)
	c.MaxPending, d.of = maxPending, c
	first := c.Run(in)
	if !c.Complete || len(d.streams) == 0 && c.Aborted == nil {
		return first
	}
	found, err := p.landings(c)
	if err != nil {
		return err
	}
	if first == nil {
		if err := p.deleter.Find(c); err != nil {
			return err
		}
	}
	d.release()
	second, err := again()
	if err != nil {
		return err
	}
	defer second.Close()
	r := &replay{planner: p, decisions: d, recorder: recorder{out: p.opt.WriteReceipts, found: found}}
	if err := r.run(second, c.Records); err != nil {
		return err
	}
	return first
}

// decisions remembers what the first reading has found, one bit a message.
type decisions struct {
	planner  *planner
	of       *diff.Comparison
	streams  []decided
	inPlan   []uint64                        // by ordinal: the plan says something of the message
	excluded map[uint32]string               // by ordinal: why a message is excluded
	flags    map[diff.SourceMessage][]string // of messages that came again
	pairs    flagPairs                       // where flags are looked at
}

// release forgets what only the first reading needs.
func (d *decisions) release() {
	d.of = nil
	for _, s := range d.streams {
		for _, f := range s.toc {
			if f.Target != nil {
				f.Target.Matcher = nil
			}
		}
	}
}

// decided is what was found out about one stream of a concatenation.
type decided struct {
	number int // of the stream; those that were not started are not here
	begin  *stream.Begin
	toc    []*diff.Source
	counts *stream.End
}

// handle takes an event of the comparison.
func (d *decisions) handle(event any) error {
	switch e := event.(type) {
	case *diff.Started:
		d.streams = append(d.streams, decided{number: d.of.Streams, begin: e.Begin, toc: e.Folders})
		return d.planner.deleter.Prepare(d.of)
	case *diff.Compared:
		d.message(e)
	case *diff.Excluded:
		if d.excluded == nil {
			d.excluded = map[uint32]string{}
		}
		d.excluded[e.Ordinal] = e.Record.Text
	case *diff.Repeated:
		d.takeFlags(e.Begin, e.Message)
	case *diff.Resolved:
		d.resolved(e)
	case *diff.Mistaken:
		for _, c := range e.Claimants {
			d.setInPlan(uint32(c))
			d.pairs.unpair(uint32(c))
		}
	case *stream.Failed:
		if s := d.of.ByName[e.Folder]; e.UID == 0 && s != nil && s.Target != nil {
			s.Target.Unsure = true // see syncFlags
		}
	case *stream.End:
		d.streams[len(d.streams)-1].counts = e
	}
	return nil
}

func (d *decisions) setInPlan(ordinal uint32) {
	for int(ordinal/64) >= len(d.inPlan) {
		d.inPlan = append(d.inPlan, 0)
	}
	d.inPlan[ordinal/64] |= 1 << (ordinal % 64)
}

func (d *decisions) isInPlan(ordinal uint32) bool {
	return int(ordinal/64) < len(d.inPlan) && d.inPlan[ordinal/64]&(1<<(ordinal%64)) != 0
}

func (d *decisions) message(e *diff.Compared) {
	d.planner.deleter.NoteSource(e.Message)
	switch e.Verdict {
	case match.Missing, match.Incomparable:
		d.setInPlan(e.Ordinal)
	case match.Present:
		d.pairFlags(e.Ordinal, e.Source.Target, e.Entry)
	}
}

// takeFlags remembers the flags of a message that was met again: the later ones win.
func (d *decisions) takeFlags(b *stream.Begin, m *stream.Message) {
	if m.Lacks(stream.ItemFlags) {
		return
	}
	if d.flags == nil {
		d.flags = map[diff.SourceMessage][]string{}
	}
	d.flags[diff.IdentityOf(b, m)] = slices.Clone(m.Flags)
}

func (d *decisions) resolved(r *diff.Resolved) {
	for _, p := range r.Pairs {
		if p.KeyOnly {
			continue // it may be another message, whose flags are its own
		}
		at := r.Elsewhere[p.Entry]
		d.pairFlags(p.Ordinal, cmp.Or(at, r.Target), p.Entry)
		if p.Guess {
			d.pairs.guess(p.Ordinal)
		}
		if at != nil && d.planner.opt.SyncFlags.on() {
			d.pairs.moved(p.Ordinal, at)
		}
	}
	for _, o := range r.Candidates() {
		d.setInPlan(o)
	}
	d.planner.addTies(r.Ties)
}

func (d *decisions) pairFlags(ordinal uint32, t *diff.Target, e *match.Entry) {
	if d.planner.opt.SyncFlags.on() {
		d.pairs.pair(ordinal, t, e)
	}
}

// replay is the second reading.
type replay struct {
	*planner
	*decisions
	number  int           // of streams that have begun
	opened  *stream.Begin // of the stream under way
	now     *decided      // what was decided on it
	byName  map[string]*diff.Source
	ordinal uint32 // of the next message
	route   route

	recorder recorder
}

// run takes as many records as the first reading did.
func (r *replay) run(in diff.Records, count int) error {
	in = r.opt.Keyed(in)
	for range count {
		rec, err := in.Next()
		if err == nil {
			err = r.record(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) record(rec stream.Record) error {
	if diff.IsExcluded(r.byName, rec) {
		return nil
	}
	switch rec := rec.(type) {
	case *stream.Begin:
		return r.begin(rec)
	case *stream.Folder:
		return nil
	case *stream.Message:
		return r.message(rec)
	case *stream.Body:
		if r.route == planned {
			return r.w.Write(rec)
		}
		return nil
	case *stream.End:
		r.opened = nil
		if err := r.recorder.end(); err != nil {
			return err
		}
		return r.planner.end(r.now.counts)
	case *stream.Abort:
		b := r.opened
		r.opened = nil
		return r.planner.abort(rec, b)
	}
	return r.planner.other(rec)
}

// begin goes to the next stream, and starts it if it was started in the first
// reading. One that ended before its first message was not.
func (r *replay) begin(b *stream.Begin) error {
	r.number++
	r.opened = b
	if len(r.streams) == 0 || r.streams[0].number != r.number {
		return nil
	}
	r.now, r.streams = &r.streams[0], r.streams[1:]
	r.byName = map[string]*diff.Source{}
	for _, s := range r.now.toc {
		r.byName[s.Name] = s
	}
	if err := r.planner.start(r.now.begin, r.now.toc); err != nil {
		return err
	}
	if err := r.introduce(r.since(r.ordinal)); err != nil {
		return err
	}
	return r.recorder.begin(r.planner.opened)
}

func (r *replay) message(m *stream.Message) error {
	ordinal := r.ordinal
	r.ordinal++
	r.route = dropped
	s := r.byName[m.Folder]
	if later, ok := r.flags[diff.IdentityOf(r.now.begin, m)]; ok {
		m.Flags = later
		m.Learn(stream.ItemFlags)
	}
	if text, left := r.excluded[ordinal]; left {
		return r.w.Write(&stream.Skipped{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID,
			Reason: stream.ReasonDuplicate, Text: text})
	}
	switch {
	case !r.isInPlan(ordinal):
		if err := r.recorder.message(m, ordinal); err != nil {
			return err
		}
		return r.syncFlags(m, ordinal, s)
	case s.Failed != "":
		return r.writeIncomparable(m, s)
	}
	r.route = planned
	return r.emit(m, ordinal, s)
}
