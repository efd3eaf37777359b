package diff

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// source is a folder of the source stream.
type source struct {
	stream.Folder
	target *Target // nil where the folder holds no messages of its own
	by     folder.Way
	note   string // what its name had to give up, or ""
	left   bool   // out of the comparison, by the mapping
	failed string // why its messages cannot be compared, or ""
	came   int64  // messages that the stream has shown, or said to be gone
}

// mistaken takes back that messages are present, some of them by the key alone.
func (c *comparison) mistaken(t *Target, claimants, alone []match.Claimant) error {
	countsOf := func(who match.Claimant) *stream.End {
		if c.piped { // it is a UID
			return c.countsOf(c.ordinal)
		}
		return c.countsOf(uint32(who))
	}
	for _, who := range claimants {
		countsOf(who).Present--
	}
	for _, who := range alone {
		counts := countsOf(who)
		counts.PresentByKey = max(0, counts.PresentByKey-1) // on a pipe, an earlier stream may have counted it
	}
	return c.emit(&mistaken{t, claimants})
}

// load reads the target's index when the first message comes that needs it.
func (c *comparison) load(s *source) error {
	t := s.target
	if t == nil {
		s.failed = "the folder cannot hold messages"
		return nil
	}
	if t.matcher == nil {
		c.opt.Progress.Folder(s.Name)
	}
	if err := c.loadTarget(t); err != nil {
		return err
	}
	if t.Unreadable != "" {
		s.failed = fmt.Sprintf("the destination folder %q cannot be compared: %s", t.Name, t.Unreadable)
	}
	return nil
}

// loadTarget reads the index of a destination folder, once.
func (c *comparison) loadTarget(t *Target) error {
	if t.matcher != nil {
		c.reserve(t)
		return nil
	}
	matcher := &match.Matcher{Piped: c.piped, Strict: c.opt.Strict}
	var err error
	if t.Unreadable == "" {
		matcher.Reader, err = c.dest.Load(t, func(e match.Message) { matcher.Add(e) })
	}
	var no *Unreadable
	switch {
	case errors.As(err, &no):
		t.Unreadable = no.Text
	case err != nil:
		return err
	}
	if t.Unreadable != "" {
		return nil
	}
	t.matcher = matcher
	c.reserve(t)
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
	t.sources--
	if t.sources > 0 || t.matcher == nil || len(t.matcher.Pending) == 0 || c.waiting <= c.patient {
		return nil
	}
	return c.resolve(t)
}

// resolve decides on all that waits for a target.
func (c *comparison) resolve(t *Target) error {
	c.waiting -= len(t.matcher.Pending)
	t.matcher.KeepMissing = c.opt.Account
	r, err := t.matcher.Resolve()
	if err != nil {
		return err
	}
	if c.opt.Account {
		c.setRelocated(t, r)
	}
	for _, p := range r.Pairs {
		c.present(p)
	}
	for _, ordinal := range r.Ambiguous {
		c.countsOf(ordinal).Ambiguous++
	}
	if len(r.Mistaken) > 0 {
		if err := c.mistaken(t, r.Mistaken, r.MistakenByKey); err != nil {
			return err
		}
	}
	return c.emit(&resolved{t, r, nil})
}

// present counts a message that was resolved.
func (c *comparison) present(p match.Pair) {
	counts := c.countsOf(p.Ordinal)
	counts.Present++
	if p.KeyOnly {
		counts.PresentByKey++
	}
}
