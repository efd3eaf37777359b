package plan

import (
	"context"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// onePass plans in one pass over the source.
func (p *planner) onePass(ctx context.Context, in *stream.Reader) error {
	d := &direct{planner: p, spools: map[*diff.Target]*spool{}}
	defer d.close()
	c := diff.NewComparison(ctx, &p.opt.Options, p.dest, d.handle)
	c.Piped, d.of = !p.opt.FoldersOnly, c
	err := c.Run(in)
	if c.Aside == nil {
		if err == nil {
			err = p.deleter.Find(c)
		}
		return err
	}
	defer c.Aside.Close()
	if !c.Complete {
		return err
	}
	return p.planAside(ctx, c.Aside, err)
}

// planAside plans what was put aside, after a reading that ended so.
func (p *planner) planAside(ctx context.Context, a *diff.Aside, read error) error {
	in, err := a.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	err = p.twoPass(ctx, in, a.Open)
	if read != nil && fault.KindOf(err) == fault.Data {
		return read // what was put aside ends where the source does
	}
	return err
}

// direct writes each message as soon as it is known to be missing.
type direct struct {
	*planner
	of         *diff.Comparison
	toc        []*diff.Source          // of the stream under way, or nil
	spools     map[*diff.Target]*spool // of targets that somebody waits for
	route      route                   // of the parts of the last message
	into       *spool                  // where they go when they are spooled
	unfinished *stream.Failed          // the message of which parts are still to be written, or nil
}

// route is where the parts of a message go.
type route uint8

const (
	dropped route = iota
	planned
	spooled
)

// handle takes an event of the comparison. What was met again cannot be called back
// for other flags: a source that is read twice does better.
func (d *direct) handle(event any) error {
	switch e := event.(type) {
	case *diff.Started:
		return d.start(e.Begin, e.Folders)
	case *diff.Compared:
		return d.message(e.Message, e.Ordinal, e.Source, e.Verdict)
	case *diff.Excluded:
		d.unfinished, d.route = nil, dropped
		return d.w.Write(e.Record)
	case *diff.Repeated:
		d.unfinished = nil
	case *diff.Retracted:
		return d.into.w.Write(e.Record)
	case *diff.Resolved:
		return d.resolved(e.Target, e.Resolution)
	case *diff.Mistaken:
		return d.mistaken(e.Target, e.Claimants)
	case *diff.Aborted:
		return d.abort(e.Abort, e.Begin)
	case *stream.Body:
		return d.part(e)
	case *stream.End:
		d.leaveStream()
		return d.planner.end(e)
	case stream.Record:
		return d.other(e)
	}
	return nil
}

func (d *direct) start(b *stream.Begin, toc []*diff.Source) error {
	d.toc = toc
	if err := d.deleter.Prepare(d.of); err != nil {
		return err
	}
	return d.planner.start(b, toc)
}

func (d *direct) message(m *stream.Message, ordinal uint32, s *diff.Source, v match.Verdict) error {
	d.unfinished = nil
	d.deleter.NoteSource(m)
	switch v {
	case match.Incomparable:
		d.route = dropped
		return d.writeIncomparable(m, s)
	case match.Missing:
		d.route = planned
		if m.Parts > 0 {
			d.unfinished = diff.Incomplete(m)
		}
		return d.emit(m, ordinal, s)
	case match.Undecided:
		d.route = spooled
		if d.into = d.spools[s.Target]; d.into == nil {
			var err error
			if d.into, err = newSpool(d.toc); err != nil {
				return err
			}
			d.spools[s.Target] = d.into
		}
		return d.into.message(m, ordinal)
	}
	d.route = dropped
	return nil
}

func (d *direct) part(b *stream.Body) error {
	if b.Part == b.Parts {
		d.unfinished = nil
	}
	switch d.route {
	case planned:
		return d.w.Write(b)
	case spooled:
		return d.into.w.Write(b)
	}
	return nil
}

func (d *direct) other(r stream.Record) error {
	d.unfinished = nil
	return d.planner.other(r)
}

// resolved emits those who waited in vain, in the order in which they came.
func (d *direct) resolved(t *diff.Target, r *match.Resolution) error {
	added := d.addTies(r.Ties)
	candidates := r.Candidates()
	s := d.spools[t]
	if s == nil {
		return nil
	}
	delete(d.spools, t)
	defer s.close()
	if len(added) > 0 && s.count(candidates) > 0 {
		if err := d.complete(); err != nil {
			return err
		}
		if err := d.introduce(added); err != nil {
			return err
		}
	}
	return s.replay(candidates, d)
}

// mistaken tells which messages were taken for others; their records are gone.
func (d *direct) mistaken(t *diff.Target, uids []match.Claimant) error {
	if err := d.complete(); err != nil {
		return err
	}
	s := sourceOf(d.toc, t)
	for _, uid := range uids {
		err := d.other(&stream.Failed{Folder: s.Name, UIDValidity: s.UIDValidity, UID: uint64(uid),
			Reason: stream.ReasonAmbiguous,
			Text: "one message was taken for another before all of the source was read; read it from a file, not " +
				"from a pipe"})
		if err != nil {
			return err
		}
	}
	return nil
}

// sourceOf returns the folder of a stream whose messages land on t.
func sourceOf(toc []*diff.Source, t *diff.Target) *diff.Source {
	for _, s := range toc {
		if s.Target == t {
			return s
		}
	}
	return nil
}

// complete makes room for another message behind one whose parts did not all
// come.
func (d *direct) complete() error {
	if d.unfinished == nil {
		return nil
	}
	return d.other(d.unfinished)
}

func (d *direct) abort(a *stream.Abort, b *stream.Begin) error {
	d.leaveStream()
	return d.planner.abort(a, b)
}

// leaveStream forgets the stream that ends.
func (d *direct) leaveStream() { d.toc, d.unfinished = nil, nil }

func (d *direct) close() {
	for _, s := range d.spools {
		s.close()
	}
}
