package diff

import (
	"context"

	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// once plans in one pass over the source.
func (p *planner) once(ctx context.Context, in *stream.Reader) error {
	d := &direct{planner: p, spools: map[*Target]*spool{}}
	defer d.close()
	c := newComparison(ctx, p.opt, p.dest, d.handle)
	c.piped, d.of = true, c
	err := c.run(in)
	if c.aside == nil {
		if err == nil {
			err = p.deleter.survey(c)
		}
		return err
	}
	defer c.aside.close()
	if !c.over {
		return err
	}
	return c.aside.plan(ctx, p, err)
}

// direct writes each message as soon as it is known to be missing.
type direct struct {
	*planner
	of     *comparison
	toc    []*source          // of the stream under way, or nil
	first  uint32             // ordinal in it: a message before that is late
	spools map[*Target]*spool // of targets that somebody waits for
	route  route              // of the parts of the last message
	into   *spool             // where they go when they are spooled
	under  *stream.Failed     // the message of which parts are still to be written, or nil
	late   []*adjourned
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
	case *started:
		return d.start(e.begin, e.folders)
	case *compared:
		return d.message(e.message, e.ordinal, e.source, e.verdict)
	case *excluded:
		d.under, d.route = nil, dropped
		return d.w.Write(e.record)
	case *repeated:
		d.under = nil
	case *retracted:
		return d.into.takenBack(e.record)
	case *resolved:
		return d.resolved(e.target, e.Resolution)
	case *mistaken:
		return d.mistaken(e.target, e.claimants)
	case *aborted:
		return d.abort(e.abort, e.begin)
	case *finished:
		return d.rest()
	case *stream.Body:
		return d.part(e)
	case *stream.End:
		d.leave()
		return d.planner.end(e)
	case stream.Record:
		return d.other(e)
	}
	return nil
}

func (d *direct) start(b *stream.Begin, toc []*source) error {
	d.toc, d.first = toc, d.of.ordinal
	if err := d.deleter.prepare(d.of); err != nil {
		return err
	}
	return d.planner.start(b, toc)
}

func (d *direct) message(m *stream.Message, ordinal uint32, s *source, v match.Verdict) error {
	d.under = nil
	d.deleter.saw(m)
	switch v {
	case match.Incomparable:
		d.route = dropped
		return d.bar(m, s)
	case match.Missing:
		d.route = planned
		if m.Parts > 0 {
			d.under = incomplete(m)
		}
		return d.emit(m, ordinal, s)
	case match.Undecided:
		d.route = spooled
		if d.into = d.spools[s.target]; d.into == nil {
			var err error
			if d.into, err = newSpool(d.toc); err != nil {
				return err
			}
			d.spools[s.target] = d.into
		}
		return d.into.message(m, ordinal)
	}
	d.route = dropped
	return nil
}

func (d *direct) part(b *stream.Body) error {
	if b.Part == b.Parts {
		d.under = nil
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
	d.under = nil
	return d.planner.other(r)
}

// resolved emits those who waited in vain, in the order in which they came.
func (d *direct) resolved(t *Target, r *match.Resolution) error {
	added := d.tie(r.Ties)
	candidates := r.Candidates()
	for _, l := range d.late {
		l.decided(t, candidates)
	}
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
func (d *direct) mistaken(t *Target, uids []match.Claimant) error {
	s, put := sourceOf(d.toc, t), d.other
	if s == nil { // it is of a stream that has ended
		l := d.lateFor(t)
		s, put = sourceOf(l.toc, t), l.fail
	} else if err := d.complete(); err != nil {
		return err
	}
	for _, uid := range uids {
		err := put(&stream.Failed{Folder: s.Name, UIDValidity: s.UIDValidity, UID: uint64(uid), Reason: stream.ReasonAmbiguous, Text: "one message was taken for another before all of the source was read; read it from a file, not from a pipe"})
		if err != nil {
			return err
		}
	}
	return nil
}

// sourceOf returns the folder of a stream whose messages land on t, or nil.
func sourceOf(toc []*source, t *Target) *source {
	for _, s := range toc {
		if s.target == t {
			return s
		}
	}
	return nil
}

// complete makes room for another message behind one whose parts did not all
// come.
func (d *direct) complete() error {
	if d.under == nil {
		return nil
	}
	return d.other(d.under)
}

func (d *direct) abort(a *stream.Abort, b *stream.Begin) error {
	for _, s := range d.spools {
		if err := s.seal(); err != nil {
			return err
		}
	}
	if len(d.spools) > 0 {
		d.late = append(d.late, &adjourned{begin: b, toc: d.toc, spools: d.spools})
		d.spools = map[*Target]*spool{}
	}
	d.leave()
	return d.planner.abort(a, b)
}

// leave forgets the stream that ends.
func (d *direct) leave() { d.toc, d.first, d.under = nil, d.of.ordinal, nil }

func (d *direct) close() {
	for _, s := range d.spools {
		s.close()
	}
	for _, l := range d.late {
		l.close()
	}
}
