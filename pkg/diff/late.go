package diff

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// adjourned is a stream on a pipe that was aborted and has others behind it.
// Who waits in it is decided on together with those of the others, and emitted
// after all of them in a stream by itself.
type adjourned struct {
	begin  *stream.Begin
	toc    []*source
	spools map[*Target]*spool
	failed []stream.Record
}

// decided notes who waited for t in vain. After that nobody waits for it here.
func (l *adjourned) decided(t *Target, ordinals []uint32) {
	if s := l.spools[t]; s != nil && !s.decided {
		s.wanted, s.decided = ordinals, true
	}
}

func (l *adjourned) fail(r stream.Record) error {
	l.failed = append(l.failed, r)
	return nil
}

// lateFor returns a stream in which somebody waits for t.
func (d *direct) lateFor(t *Target) *adjourned {
	return d.late[slices.IndexFunc(d.late, func(l *adjourned) bool { return l.spools[t] != nil })]
}

func (l *adjourned) close() {
	for _, s := range l.spools {
		s.close()
	}
}

// rest writes what the adjourned streams lacked. Behind a stream that was cut
// nothing can be written: that is left to the next run.
func (d *direct) rest() error {
	if d.w.Begun() {
		return nil
	}
	for _, l := range d.late {
		if err := d.resume(l); err != nil {
			return err
		}
	}
	return nil
}

// resume writes those of an adjourned stream who waited in vain.
func (d *direct) resume(l *adjourned) error {
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
		if s := l.spools[f.target]; s != nil && f.target != nil {
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
