package diff

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Source is a folder of the source stream.
type Source struct {
	stream.Folder
	Target   *Target // nil where the folder holds no messages of its own
	By       folder.Way
	Note     string // what its name had to give up, or ""
	Excluded bool   // out of the comparison, by the mapping
	Failed   string // why its messages cannot be compared, or ""
	Shown    int64  // messages that the stream has shown, or said to be gone
}

// mistaken takes back that messages are present, some of them by the key alone.
func (c *Comparison) mistaken(t *Target, claimants, alone []match.Claimant) error {
	countsOf := func(who match.Claimant) *stream.End {
		if c.Piped { // it is a UID
			return c.countsOf(c.Ordinal)
		}
		return c.countsOf(uint32(who))
	}
	for _, who := range claimants {
		countsOf(who).Present--
	}
	for _, who := range alone {
		countsOf(who).PresentByKey--
	}
	return c.emit(&Mistaken{t, claimants})
}

// load reads the target's index when the first message comes that needs it.
func (c *Comparison) load(s *Source) error {
	t := s.Target
	if t == nil {
		s.Failed = "the folder cannot hold messages"
		return nil
	}
	if t.Matcher == nil {
		c.opt.Progress.Folder(s.Name)
	}
	if err := c.loadTarget(t); err != nil {
		return err
	}
	if t.Unreadable != "" {
		s.Failed = fmt.Sprintf("the destination folder %q cannot be compared: %s", t.Name, t.Unreadable)
	}
	return nil
}

// loadTarget reads the messages of a destination folder, once.
func (c *Comparison) loadTarget(t *Target) error {
	if err := t.Load(c.Dest); err != nil || t.Matcher == nil {
		return err
	}
	t.Matcher.Piped, t.Matcher.Strict, t.Matcher.Depends = c.Piped, c.opt.Strict, c.opt.Depends
	c.reserve(t)
	return nil
}

// advance closes the folders that the messages have left behind.
func (c *Comparison) advance(to *Source) error {
	for c.at < len(c.Folders) && c.Folders[c.at] != to {
		if err := c.leaveFolder(c.Folders[c.at]); err != nil {
			return err
		}
		c.at++
	}
	return nil
}

// leaveFolder resolves what waits for a target when its last source folder ends.
func (c *Comparison) leaveFolder(s *Source) error {
	t := s.Target
	if t == nil {
		return nil
	}
	t.sources--
	if t.sources > 0 || t.Matcher == nil || len(t.Matcher.Pending) == 0 || c.pending <= c.MaxPending {
		return nil
	}
	return c.resolve(t)
}

// resolve decides on all that waits for a target.
func (c *Comparison) resolve(t *Target) error {
	c.pending -= len(t.Matcher.Pending)
	t.Matcher.KeepMissing = c.opt.Account
	if c.Streams > 1 && c.opt.Depends != 0 {
		t.Matcher.Depends |= match.LaterFlagsDepend
	}
	r, err := t.Matcher.Resolve()
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
	return c.emit(&Resolved{t, r, nil})
}

// present counts a message that was resolved.
func (c *Comparison) present(p match.Pair) {
	counts := c.countsOf(p.Ordinal)
	counts.Present++
	if p.KeyOnly {
		counts.PresentByKey++
	}
}
