package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func (c *Comparison) message(m *stream.Message) error {
	c.late, c.large, c.failedLarge, c.relocatedLarge, c.receiptLarge = nil, nil, nil, false, nil
	ordinal := c.Ordinal
	c.Ordinal++
	again, err := c.seen.Again(c.Begin, m)
	if c.again = again; again && err == nil {
		return c.emit(&Repeated{c.Begin, m})
	}
	if err != nil {
		return err
	}
	c.opt.Repeats.settle(c.Begin, m)
	s := c.ByName[m.Folder]
	if err := c.advance(s); err != nil {
		return err
	}
	c.counts.Listed++
	s.Shown++
	c.opt.Progress.Add(1, 0)
	if s.Failed == "" {
		if err := c.load(s); err != nil {
			return err
		}
	}
	if s.Failed != "" {
		c.again = true
		if m.Parts > 0 {
			c.failedLarge = Incomparable(m, s)
		}
		return c.tell(m, ordinal, s, match.Incomparable, nil)
	}
	if in := c.dedup.duplicateOf(c.Begin, m, s); in != "" {
		return c.exclude(m, ordinal, s, in)
	}
	if m.Parts > 0 {
		c.large = Incomplete(m)
	}
	matcher := s.Target.Matcher
	look := match.EvidenceOf(m)
	if s.Target.shared { // one that looks like it may stand in another folder
		look.Known |= match.KnownTwin
	}
	v := match.Present
	e, by := c.fromReceipts(m, &look, s.Target)
	if e != nil {
		matcher.Claim(e, by, &look, ordinal)
		if m.Parts > 0 {
			c.receiptLarge = e
		}
	} else {
		v, e = matcher.Decide(look, ordinal, m.Parts == 0)
	}
	if v == match.Missing && c.opt.Account && c.elsewhere(&look, s.Target) {
		c.relocate(match.Pending{Evidence: look, Ordinal: ordinal}, s.Target)
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
		c.pending++
	}
	if len(matcher.Displaced) > 0 {
		if err := c.mistaken(s.Target, matcher.Displaced, matcher.DisplacedByKey); err != nil {
			return err
		}
		matcher.Displaced, matcher.DisplacedByKey = nil, nil
	}
	return c.tell(m, ordinal, s, v, e)
}

func (c *Comparison) tell(m *stream.Message, ordinal uint32, s *Source, v match.Verdict, e *match.Entry) error {
	c.compared = Compared{m, ordinal, s, v, e}
	return c.emit(&c.compared)
}

// dropUnfinished forgets a message whose parts did not all come.
func (c *Comparison) dropUnfinished() error {
	if c.large == nil {
		return nil
	}
	return c.retract(c.large)
}

// retract forgets a message whose parts end in its failure: it does not
// exist, nobody waits for it, and it may come again.
func (c *Comparison) retract(f *stream.Failed) error {
	if c.large == nil || c.large.Folder != f.Folder || c.large.UID != f.UID {
		return nil
	}
	c.large = nil
	c.counts.Listed--
	c.seen.Forget()
	c.dedup.forget()
	if c.late != nil {
		c.into.Pending = c.into.Pending[:len(c.into.Pending)-1]
		c.pending--
		c.late = nil
		return c.emit(&Retracted{f})
	}
	if e := c.receiptLarge; e != nil {
		c.receiptLarge, e.Claimed = nil, match.Reserved
		c.counts.Present--
		return nil
	}
	if c.relocatedLarge {
		c.relocated, c.relocatedLarge = c.relocated[:len(c.relocated)-1], false
		return c.emit(&Retracted{f})
	}
	return nil
}

// Incomparable is what becomes of a message whose target cannot be compared.
func Incomparable(m *stream.Message, s *Source) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonTarget,
		Text: s.Failed}
}

// Incomplete is what becomes of a message whose parts did not all come.
func Incomplete(m *stream.Message) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonIncomplete,
		Text: "the stream stops before its last part"}
}

func (c *Comparison) part(b *stream.Body) error {
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
