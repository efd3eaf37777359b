package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func (c *comparison) message(m *stream.Message) error {
	c.late, c.large, c.barredLarge, c.relocatedLarge, c.carriedLarge = nil, nil, nil, false, nil
	ordinal := c.ordinal
	c.ordinal++
	again, err := c.seen.Again(c.begin, m)
	if c.again = again; again && err == nil {
		return c.emit(&repeated{c.begin, m})
	}
	if err != nil {
		return err
	}
	c.opt.Repeats.settle(c.begin, m)
	s := c.byName[m.Folder]
	if err := c.advance(s); err != nil {
		return err
	}
	c.counts.Listed++
	s.came++
	c.opt.Progress.Add(1, 0)
	if s.failed == "" {
		if err := c.load(s); err != nil {
			return err
		}
	}
	if s.failed != "" {
		c.again = true
		if m.Parts > 0 {
			c.barredLarge = unreadable(m, s)
		}
		return c.tell(m, ordinal, s, match.Incomparable, nil)
	}
	if in := c.doubles.of(c.begin, m, s); in != "" {
		return c.leaveOut(m, ordinal, s, in)
	}
	if m.Parts > 0 {
		c.large = incomplete(m)
	}
	matcher := s.target.matcher
	look := match.EvidenceOf(m)
	if s.target.shared { // one that looks like it may stand in another folder
		look.Known |= match.KnownTwin
	}
	v := match.Present
	e, by := c.carried(m, &look, s.target)
	if e != nil {
		matcher.Claim(e, by, &look, ordinal)
		if m.Parts > 0 {
			c.carriedLarge = e
		}
	} else {
		v, e = matcher.Decide(look, ordinal, m.Parts == 0)
	}
	if v == match.Missing && c.opt.Account && c.elsewhere(&look, s.target) {
		c.relocate(match.Pending{Evidence: look, Ordinal: ordinal}, s.target)
		c.relocatedLarge = m.Parts > 0
		return c.tell(m, ordinal, s, match.Undecided, nil)
	}
	if v == match.Undecided && m.Parts > 0 {
		c.late, c.into = &matcher.Pending[len(matcher.Pending)-1], matcher
	}
	switch v {
	case match.Present:
		c.counts.Present++
	case match.Undecided:
		c.waiting++
	}
	if len(matcher.Displaced) > 0 {
		if err := c.mistaken(s.target, matcher.Displaced, matcher.DisplacedByKey); err != nil {
			return err
		}
		matcher.Displaced, matcher.DisplacedByKey = nil, nil
	}
	return c.tell(m, ordinal, s, v, e)
}

func (c *comparison) tell(m *stream.Message, ordinal uint32, s *source, v match.Verdict, e *match.Entry) error {
	c.compared = compared{m, ordinal, s, v, e}
	return c.emit(&c.compared)
}

// breakOff forgets a message whose parts did not all come.
func (c *comparison) breakOff() error {
	if c.large == nil {
		return nil
	}
	return c.takeBack(c.large)
}

// takeBack forgets a message whose parts end in its failure: it does not
// exist, nobody waits for it, and it may come again.
func (c *comparison) takeBack(f *stream.Failed) error {
	if c.large == nil || c.large.Folder != f.Folder || c.large.UID != f.UID {
		return nil
	}
	c.large = nil
	c.counts.Listed--
	c.seen.Forget()
	c.doubles.forget()
	if c.late != nil {
		c.into.Pending = c.into.Pending[:len(c.into.Pending)-1]
		c.waiting--
		c.late = nil
		return c.emit(&retracted{f})
	}
	if e := c.carriedLarge; e != nil {
		c.carriedLarge, e.Claimed = nil, match.Reserved
		c.counts.Present--
		return nil
	}
	if c.relocatedLarge {
		c.relocated, c.relocatedLarge = c.relocated[:len(c.relocated)-1], false
		return c.emit(&retracted{f})
	}
	return nil
}

// unreadable is what becomes of a message whose target cannot be compared.
func unreadable(m *stream.Message, s *source) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonTarget, Text: s.failed}
}

// incomplete is what becomes of a message whose parts did not all come.
func incomplete(m *stream.Message) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonIncomplete, Text: "the stream stops before its last part"}
}

func (c *comparison) part(b *stream.Body) error {
	if err := c.seen.Part(b); err != nil || c.again {
		return err
	}
	if b.Part == b.Parts {
		c.large = nil
		if c.late != nil {
			c.late.SetSHA(b.SHA256)
		}
		if c.relocatedLarge {
			c.relocated[len(c.relocated)-1].SetSHA(b.SHA256)
		}
	}
	return c.emit(b)
}
