package diff

import (
	"context"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// twice decides in a first reading of the source and writes in a second.
func (p *planner) twice(ctx context.Context, in *stream.Reader, again func() (*stream.Reader, error)) error {
	d := &decisions{planner: p}
	c := newComparison(ctx, p.opt, p.dest, d)
	first := c.run(in)
	damaged := c.aborted != nil || exit.CodeOf(first) == exit.Data
	if len(d.streams) == 0 && c.aborted == nil || first != nil && !damaged {
		return first
	}
	second, err := again()
	if err != nil {
		return err
	}
	defer second.Close()
	r := &replay{planner: p, decisions: d}
	if err := r.run(second); err != nil {
		return err
	}
	return first
}

// decisions is the outcome that only remembers, one bit a message.
type decisions struct {
	planner *planner
	streams []decided
	missing []uint64
	flags   map[sourceMessage][]string // of messages that came again
}

// sourceMessage is the identity of a message at the source.
type sourceMessage struct {
	user, host, folder string
	validity, uid      uint32
}

func identityOf(b *stream.Begin, m *stream.Message) sourceMessage {
	return sourceMessage{b.User, b.Host, m.Folder, m.UIDValidity, m.UID}
}

// decided is what was found out about one stream of a concatenation.
type decided struct {
	begin  *stream.Begin
	toc    []*source
	counts stream.End
}

func (d *decisions) start(b *stream.Begin, toc []*source) error {
	d.streams = append(d.streams, decided{begin: b, toc: toc})
	return nil
}

func (d *decisions) set(ordinal uint32) {
	for int(ordinal/64) >= len(d.missing) {
		d.missing = append(d.missing, 0)
	}
	d.missing[ordinal/64] |= 1 << (ordinal % 64)
}

func (d *decisions) isMissing(ordinal uint32) bool {
	return int(ordinal/64) < len(d.missing) && d.missing[ordinal/64]&(1<<(ordinal%64)) != 0
}

func (d *decisions) message(_ *stream.Message, ordinal uint32, _ *source, v verdict, _ *entry) error {
	if v == missing {
		d.set(ordinal)
	}
	return nil
}

// again remembers the later flags, which win.
func (d *decisions) again(b *stream.Begin, m *stream.Message) error {
	if d.flags == nil {
		d.flags = map[sourceMessage][]string{}
	}
	d.flags[identityOf(b, m)] = slices.Clone(m.Flags)
	return nil
}

func (d *decisions) takenBack(*stream.Failed) error { return nil }

func (d *decisions) part(*stream.Body) error { return nil }

func (d *decisions) resolved(_ *Target, r *resolution) error {
	for _, o := range slices.Concat(r.candidates(), r.mistaken) {
		d.set(o)
	}
	d.planner.tie(r.ties)
	return nil
}

func (d *decisions) other(stream.Record) error { return nil }

func (d *decisions) end(counts *stream.End) error {
	d.streams[len(d.streams)-1].counts = *counts
	return nil
}

func (d *decisions) abort(*stream.Abort, *stream.Begin) error { return nil }

// replay is the second reading.
type replay struct {
	*planner
	*decisions
	opened  *stream.Begin
	now     *decided
	byName  map[string]*source
	seen    stream.Seen
	ordinal uint32
	route   route
}

func (r *replay) run(in *stream.Reader) error {
	for {
		rec, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = r.record(rec)
		}
		if err != nil {
			return err
		}
	}
}

func (r *replay) record(rec stream.Record) error {
	switch rec := rec.(type) {
	case *stream.Begin:
		r.opened = rec
		return r.begin()
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
		return r.planner.end(&r.now.counts)
	case *stream.Abort:
		return r.planner.abort(rec, r.opened)
	}
	return r.planner.other(rec)
}

// begin goes to the next stream that was decided on. One that was cut before
// its first message has nothing to write.
func (r *replay) begin() error {
	if len(r.streams) == 0 {
		return nil
	}
	r.now, r.streams = &r.streams[0], r.streams[1:]
	r.byName = map[string]*source{}
	for _, s := range r.now.toc {
		r.byName[s.Name] = s
	}
	return r.planner.start(r.now.begin, r.now.toc)
}

func (r *replay) message(m *stream.Message) error {
	r.route = dropped
	again, err := r.seen.Again(r.now.begin, m)
	if again || err != nil {
		return err
	}
	ordinal := r.ordinal
	r.ordinal++
	s := r.byName[m.Folder]
	if s.failed != "" {
		return r.planner.other(unreadable(m, s))
	}
	if !r.isMissing(ordinal) {
		return nil
	}
	r.route = planned
	if later, ok := r.flags[identityOf(r.now.begin, m)]; ok {
		m.Flags = later
	}
	return r.emit(m, ordinal, s)
}
