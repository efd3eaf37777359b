package diff

import (
	"context"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// once plans in one pass over the source.
func (p *planner) once(ctx context.Context, in *stream.Reader) error {
	d := &direct{planner: p, spools: map[*Target]*spool{}}
	defer d.close()
	c := newComparison(ctx, p.opt, p.dest, d)
	c.piped = true
	return c.run(in)
}

// direct is the outcome that writes each message as soon as it is known to be
// missing.
type direct struct {
	*planner
	toc    []*source
	spools map[*Target]*spool // of targets that somebody waits for
	route  route              // of the parts of the last message
	into   *spool             // where they go when they are spooled
}

// route is where the parts of a message go.
type route uint8

const (
	dropped route = iota
	planned
	spooled
)

func (d *direct) start(b *stream.Begin, toc []*source) error {
	d.toc = toc
	return d.planner.start(b, toc)
}

func (d *direct) message(m *stream.Message, ordinal uint32, s *source, v verdict, _ *entry) error {
	switch v {
	case missing:
		d.route = planned
		return d.emit(m, ordinal, s)
	case waits:
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

// again does nothing: what went on its way cannot be called back for other
// flags. A source that is read twice does better.
func (d *direct) again(*stream.Begin, *stream.Message) error { return nil }

func (d *direct) takenBack(f *stream.Failed) error { return d.into.w.Write(f) }

func (d *direct) part(b *stream.Body) error {
	switch d.route {
	case planned:
		return d.w.Write(b)
	case spooled:
		return d.into.w.Write(b)
	}
	return nil
}

// resolved emits those who waited in vain, in the order in which they came.
func (d *direct) resolved(t *Target, r *resolution) error {
	for _, uid := range r.mistaken {
		s := d.sourceOf(t)
		err := d.other(&stream.Failed{Folder: s.Name, UIDValidity: s.UIDValidity, UID: uid, Reason: stream.ReasonAmbiguous, Text: "one message was taken for another before all of the folder was read; read the source from a file, not from a pipe"})
		if err != nil {
			return err
		}
	}
	s := d.spools[t]
	if s == nil {
		return nil
	}
	delete(d.spools, t)
	defer s.close()
	d.tie(r.ties)
	return s.replay(r.candidates(), d)
}

// sourceOf returns the folder whose messages land on t.
func (d *direct) sourceOf(t *Target) *source {
	for _, s := range d.toc {
		if s.target == t {
			return s
		}
	}
	return &source{}
}

func (d *direct) close() {
	for _, s := range d.spools {
		s.close()
	}
}
