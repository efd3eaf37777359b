package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// patience is how many messages of a file may wait until all of it has been
// read. Beyond that a folder is decided on when it ends, so that memory is
// bounded where a destination has rewritten every message.
const patience = 1 << 16

// twice decides in a first reading of the source and writes in a second.
func (p *planner) twice(ctx context.Context, in *stream.Reader, again func() (*stream.Reader, error)) error {
	d := &decisions{planner: p}
	c := newComparison(ctx, p.opt, p.dest, d.handle)
	c.patient, d.of = patience, c
	first := c.run(in)
	if !c.over || len(d.streams) == 0 && c.aborted == nil {
		return first
	}
	found, err := c.landings()
	if err != nil {
		return err
	}
	if first == nil {
		if err := p.deleter.survey(c); err != nil {
			return err
		}
	}
	d.release()
	second, err := again()
	if err != nil {
		return err
	}
	defer second.Close()
	r := &replay{planner: p, decisions: d, recorder: recorder{out: p.opt.Record, found: found}}
	if err := r.run(second, c.records); err != nil {
		return err
	}
	return first
}

// decisions remembers what the first reading has found, one bit a message.
type decisions struct {
	planner *planner
	of      *comparison
	streams []decided
	told    []uint64                   // by ordinal: the plan says something of the message
	spared  map[uint32]string          // by ordinal: why a message is left out
	flags   map[sourceMessage][]string // of messages that came again
	pairs   flagPairs                  // where flags are looked at
}

// release forgets what only the first reading needs.
func (d *decisions) release() {
	d.of = nil
	for _, s := range d.streams {
		for _, f := range s.toc {
			if f.target != nil {
				f.target.matcher = nil
			}
		}
	}
}

// sourceMessage is the identity of a message at the source.
type sourceMessage struct {
	account       account.Account
	folder        string
	validity, uid uint64
}

func identityOf(b *stream.Begin, m *stream.Message) sourceMessage {
	return sourceMessage{b.Account(), m.Folder, m.UIDValidity, m.UID}
}

// decided is what was found out about one stream of a concatenation.
type decided struct {
	number int // of the stream; those that were not started are not here
	begin  *stream.Begin
	toc    []*source
	counts *stream.End
}

// handle takes an event of the comparison.
func (d *decisions) handle(event any) error {
	switch e := event.(type) {
	case *started:
		d.streams = append(d.streams, decided{number: d.of.streams, begin: e.begin, toc: e.folders})
		return d.planner.deleter.prepare(d.of)
	case *compared:
		d.message(e)
	case *excluded:
		if d.spared == nil {
			d.spared = map[uint32]string{}
		}
		d.spared[e.ordinal] = e.record.Text
	case *repeated:
		d.takeFlags(e.begin, e.message)
	case *resolved:
		d.resolved(e)
	case *mistaken:
		for _, c := range e.claimants {
			d.tell(uint32(c))
			d.pairs.unpair(uint32(c))
		}
	case *stream.Failed:
		if s := d.of.byName[e.Folder]; e.UID == 0 && s != nil && s.target != nil {
			s.target.unsure = true // see syncFlags
		}
	case *stream.End:
		d.streams[len(d.streams)-1].counts = e
	}
	return nil
}

func (d *decisions) tell(ordinal uint32) {
	for int(ordinal/64) >= len(d.told) {
		d.told = append(d.told, 0)
	}
	d.told[ordinal/64] |= 1 << (ordinal % 64)
}

func (d *decisions) isTold(ordinal uint32) bool {
	return int(ordinal/64) < len(d.told) && d.told[ordinal/64]&(1<<(ordinal%64)) != 0
}

func (d *decisions) message(e *compared) {
	d.planner.deleter.saw(e.message)
	switch e.verdict {
	case match.Missing, match.Incomparable:
		d.tell(e.ordinal)
	case match.Present:
		d.paired(e.ordinal, e.source.target, e.entry)
	}
}

// takeFlags remembers the flags of a message that was met again: the later ones win.
func (d *decisions) takeFlags(b *stream.Begin, m *stream.Message) {
	if m.Lacks(stream.ItemFlags) {
		return
	}
	if d.flags == nil {
		d.flags = map[sourceMessage][]string{}
	}
	d.flags[identityOf(b, m)] = slices.Clone(m.Flags)
}

func (d *decisions) resolved(r *resolved) {
	for _, p := range r.Pairs {
		if p.KeyOnly {
			continue // it may be another message, whose flags are its own
		}
		at := r.elsewhere[p.Entry]
		d.paired(p.Ordinal, cmp.Or(at, r.target), p.Entry)
		if at != nil && d.planner.opt.SyncFlags.on() {
			d.pairs.moved(p.Ordinal, at)
		}
	}
	for _, o := range r.Candidates() {
		d.tell(o)
	}
	d.planner.tie(r.Ties)
}

func (d *decisions) paired(ordinal uint32, t *Target, e *match.Entry) {
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
	byName  map[string]*source
	ordinal uint32 // of the next message
	route   route

	recorder recorder
}

// run takes as many records as the first reading did.
func (r *replay) run(in records, count int) error {
	in = r.opt.keyed(in)
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
	if leftOut(r.byName, rec) {
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
	r.byName = map[string]*source{}
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
	if later, ok := r.flags[identityOf(r.now.begin, m)]; ok {
		m.Flags = later
		m.Learn(stream.ItemFlags)
	}
	if text, left := r.spared[ordinal]; left {
		return r.w.Write(&stream.Skipped{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonDuplicate, Text: text})
	}
	switch {
	case !r.isTold(ordinal):
		if err := r.recorder.message(m, ordinal); err != nil {
			return err
		}
		return r.syncFlags(m, ordinal, s)
	case s.failed != "":
		return r.bar(m, s)
	}
	r.route = planned
	return r.emit(m, ordinal, s)
}
