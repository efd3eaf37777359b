package plan

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// abortedStream is a stream on a pipe that was aborted and has others behind it.
// Who waits in it is decided on together with those of the others, and emitted
// after all of them in a stream by itself.
type abortedStream struct {
	begin  *stream.Begin
	toc    []*diff.Source
	spools map[*diff.Target]*spool
	failed []stream.Record
}

// decided notes who waited for t in vain. After that nobody waits for it here.
func (l *abortedStream) decided(t *diff.Target, ordinals []uint32) {
	if s := l.spools[t]; s != nil && !s.decided {
		s.wanted, s.decided = ordinals, true
	}
}

func (l *abortedStream) fail(r stream.Record) error {
	l.failed = append(l.failed, r)
	return nil
}

// abortedFor returns a stream in which somebody waits for t.
func (d *direct) abortedFor(t *diff.Target) *abortedStream {
	return d.aborted[slices.IndexFunc(d.aborted, func(l *abortedStream) bool { return l.spools[t] != nil })]
}

func (l *abortedStream) close() {
	for _, s := range l.spools {
		s.close()
	}
}

// rest writes what aborted streams lacked. Behind a stream that was cut
// nothing can be written: that is left to the next run.
func (d *direct) rest() error {
	if d.w.Begun() {
		return nil
	}
	for _, l := range d.aborted {
		if err := d.resume(l); err != nil {
			return err
		}
	}
	return nil
}

// resume writes those of an aborted stream who waited in vain.
func (d *direct) resume(l *abortedStream) error {
	counts := &stream.End{Plan: true, Listed: int64(len(l.failed))}
	missing := 0
	for _, s := range l.spools {
		counts.Listed += s.waiting
		missing += s.count(s.wanted)
	}
	if missing+len(l.failed) == 0 {
		return nil
	}
	if err := d.contents(l.begin, l.toc); err != nil {
		return err
	}
	if err := d.introduce(d.choices); err != nil {
		return err
	}
	for _, f := range l.toc {
		if s := l.spools[f.Target]; s != nil && f.Target != nil {
			if err := s.replay(s.wanted, d); err != nil {
				return err
			}
		}
	}
	for _, r := range l.failed {
		if err := d.other(r); err != nil {
			return err
		}
	}
	counts.Present = counts.Listed - int64(len(l.failed)) - int64(missing) + d.spare
	return d.planner.end(counts)
}
