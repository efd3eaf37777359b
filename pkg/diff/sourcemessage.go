package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// lastMessage is the message that came last. Its parts may be under way.
type lastMessage struct {
	skip      bool           // nobody wants its parts: it was met before, is excluded, or cannot be compared
	large     *stream.Failed // it has parts, and this is what becomes of it where they do not all come; or nil
	failed    *stream.Failed // it has parts, and has failed already; or nil
	relocated bool           // it has parts, and is the last of relocated
	entry     *match.Entry   // it has parts, and a receipt says that it is this one; or nil
	undecided *match.Pending // its sha256 comes with its last part; or nil
	matcher   *match.Matcher // where undecided is pending
}

func (c *Comparison) message(m *stream.Message) error {
	c.last = lastMessage{}
	ordinal := c.Ordinal
	c.Ordinal++
	again, err := c.seen.Again(c.Begin, m)
	if c.last.skip = again; again && err == nil {
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
		c.last.skip = true
		if m.Parts > 0 {
			c.last.failed = Incomparable(m, s)
		}
		return c.tell(m, ordinal, s, match.Incomparable, nil)
	}
	if in := c.dedup.duplicateOf(c.Begin, m, s); in != "" {
		return c.exclude(m, ordinal, s, in)
	}
	if m.Parts > 0 {
		c.last.large = Incomplete(m)
	}
	matcher := s.Target.Matcher
	look := match.EvidenceOf(m)
	if c.opt.Depends != 0 {
		wanted, _ := c.opt.Flags.Apply(m.Flags)
		matcher.SetFlags(&look, wanted, m.Lacks(stream.ItemFlags))
	}
	if s.Target.shared { // one that looks like it may stand in another folder
		look.Known |= match.KnownTwin
	}
	v := match.Present
	e, by := c.fromReceipts(m, &look, s.Target)
	if e != nil {
		matcher.Claim(e, by, &look, ordinal)
		if m.Parts > 0 {
			c.last.entry = e
		}
	} else {
		v, e = matcher.Decide(look, ordinal, m.Parts == 0)
	}
	if v == match.Missing && c.opt.Account && c.elsewhere(&look, s.Target) {
		c.relocate(match.Pending{Evidence: look, Ordinal: ordinal}, s.Target)
		c.last.relocated = m.Parts > 0
		return c.tell(m, ordinal, s, match.Undecided, nil)
	}
	if v == match.Undecided && m.Parts > 0 {
		c.last.undecided, c.last.matcher = &matcher.Pending[len(matcher.Pending)-1], matcher
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
	if c.last.large == nil {
		return nil
	}
	return c.retract(c.last.large)
}

// retract forgets a message whose parts end in its failure: it does not
// exist, nobody waits for it, and it may come again.
func (c *Comparison) retract(f *stream.Failed) error {
	if c.last.large == nil || c.last.large.Folder != f.Folder || c.last.large.UID != f.UID {
		return nil
	}
	c.last.large = nil
	c.counts.Listed--
	c.seen.Forget()
	c.dedup.forget()
	if c.last.undecided != nil {
		c.last.matcher.Pending = c.last.matcher.Pending[:len(c.last.matcher.Pending)-1]
		c.pending--
		c.last.undecided = nil
		return c.emit(&Retracted{f})
	}
	if e := c.last.entry; e != nil {
		c.last.entry, e.Claimed = nil, match.Reserved
		c.counts.Present--
		return nil
	}
	if c.last.relocated {
		c.relocated, c.last.relocated = c.relocated[:len(c.relocated)-1], false
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
	if err := c.seen.Part(b); err != nil || c.last.skip {
		return err
	}
	if b.Part == b.Parts {
		c.last.large = nil
		if c.last.undecided != nil {
			c.last.undecided.SetSHA(b.SHA256)
		}
		if c.last.relocated {
			c.relocated[len(c.relocated)-1].SetSHA(b.SHA256)
		}
	}
	return c.emit(b)
}
