package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func (c *comparison) message(m *stream.Message) error {
	c.late, c.large, c.barredLarge, c.astrayLarge, c.carriedLarge = nil, nil, nil, false, nil
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
		return c.tell(m, ordinal, s, barred, nil)
	}
	if in := c.doubles.of(c.begin, m, s); in != "" {
		return c.leaveOut(m, ordinal, s, in)
	}
	if m.Parts > 0 {
		c.large = incomplete(m)
	}
	match := s.target.match
	look := evidenceOf(m)
	if s.target.shared { // one that looks like it may stand in another folder
		look.known |= knownTwin
	}
	v := present
	e, by := c.carried(m, &look, s.target)
	if e != nil {
		match.claim(e, by, &look, ordinal)
		if m.Parts > 0 {
			c.carriedLarge = e
		}
	} else {
		v, e = match.decide(look, ordinal, m.Parts == 0)
	}
	if v == missing && c.opt.Account && c.elsewhere(&look, s.target) {
		c.strays = append(c.strays, stray{waiter{evidence: look, ordinal: ordinal}, s.target})
		c.astrayLarge = m.Parts > 0
		return c.tell(m, ordinal, s, waits, nil)
	}
	if v == waits && m.Parts > 0 {
		c.late, c.into = &match.waiters[len(match.waiters)-1], match
	}
	switch v {
	case present:
		c.counts.Present++
	case waits:
		c.waiting++
	}
	if len(match.ousted) > 0 {
		if err := c.mistaken(s.target, match.ousted, match.alone); err != nil {
			return err
		}
		match.ousted, match.alone = nil, nil
	}
	return c.tell(m, ordinal, s, v, e)
}

func (c *comparison) tell(m *stream.Message, ordinal uint32, s *source, v verdict, e *entry) error {
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
		c.into.waiters = c.into.waiters[:len(c.into.waiters)-1]
		c.waiting--
		c.late = nil
		return c.emit(&retracted{f})
	}
	if e := c.carriedLarge; e != nil {
		c.carriedLarge, e.claimed = nil, reserved
		c.counts.Present--
		return nil
	}
	if c.astrayLarge {
		c.strays, c.astrayLarge = c.strays[:len(c.strays)-1], false
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
			c.late.setSHA(b.SHA256)
		}
		if c.astrayLarge {
			c.strays[len(c.strays)-1].setSHA(b.SHA256)
		}
	}
	return c.emit(b)
}
