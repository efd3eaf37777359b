package push

import (
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Outcome is what a run has done.
type Outcome struct {
	receipt.Sums
	Source, Destination string // user@host
	Begun               bool   // there was a plan to carry out
	Whole               bool   // and it was read to a good end
}

// String is the sum of a run: what was listed is what became of it.
func (o *Outcome) String() string {
	s := fmt.Sprintf("%s -> %s: %s listed = %s present + %s appended + %s rejected", o.Source, o.Destination, thousands(o.Listed), thousands(o.Present), thousands(o.Appended), thousands(o.Rejected))
	for _, more := range []struct {
		n    int64
		name string
	}{{o.Expunged, "expunged"}, {o.Failed, "failed"}, {o.Skipped, "skipped"}} {
		if more.n > 0 {
			s += fmt.Sprintf(" + %s %s", thousands(more.n), more.name)
		}
	}
	if o.Deleted > 0 {
		s += fmt.Sprintf("; %s deleted", thousands(o.Deleted))
	}
	if !o.Whole {
		s += " (the plan was not read to its end)"
	}
	return s
}

// thousands prints n with commas.
func thousands(n int64) string { return text.Thousands(n) }

// close takes the plan's end record.
func (p *pusher) close(e *stream.End) error {
	if err := p.setUpFolders(); err != nil {
		return err
	}
	if err := p.changer.Flush(); err != nil {
		return err
	}
	if err := p.retries.Run(); err != nil {
		return err
	}
	p.ended, p.planned = true, e.Hash
	p.pass(p.total)
	p.listed += e.Listed
	// What imap-diff found present has no record of its own, unless it is one
	// of several that are told apart here.
	p.receipts.Sums.Present += e.Present - e.Spare
	return nil
}

// verdict is the outcome of a plan that was read to its end.
func (p *pusher) verdict() error {
	s := &p.receipts.Sums
	short := p.rehearseQuota()
	switch sum := s.Total(); {
	case p.aborted != nil:
		return exit.Errorf(exit.Code(p.aborted.Exit), "%s stopped early: %s", p.aborted.Command, p.aborted.Text)
	case sum != p.listed && !p.opt.Edited && p.begin.Plan:
		return exit.Errorf(exit.Bug, "the plan lists %s messages, and the receipts account for %s", thousands(p.listed), thousands(sum))
	case p.quota.Full() != nil:
		return p.quota.Full()
	case p.halt != nil:
		return p.halt
	case p.damaged:
		return exit.Errorf(exit.Data, "messages in the plan are damaged; the receipts name them")
	case short != nil:
		return short
	case s.Rejected+s.Failed+s.Skipped+s.Folders > 0 && !p.opt.DryRun, s.Rejected+s.Failed+s.Folders > 0:
		return exit.Errorf(exit.Partial, "%s and %s were not carried over; the receipts name them", text.Count(s.Rejected+s.Failed+s.Skipped, "message"), text.Count(s.Folders, "folder"))
	case s.Rekeyed > 0:
		return exit.Errorf(exit.Partial, "%s of the messages appended have another key at the destination; the receipts name them", thousands(s.Rekeyed)).WithHint("%s", rekeyedHint)
	case p.doubled > 0:
		return exit.Errorf(exit.Partial, "%s may be twice at the destination", text.Count(p.doubled, "message")).WithHint("imap-diff --duplicates lists them")
	}
	return nil
}

// complete carries out what is done last, when all of the plan has been read: flags
// are taken away, then messages are deleted, then folders.
func (p *pusher) complete() error {
	verdict := p.verdict()
	if p.aborted != nil || verdict != nil && exit.CodeOf(verdict) != exit.Partial {
		return verdict
	}
	const filteredText = "the plan has been filtered since it was made"
	reason, why := "", ""
	if p.filtered || p.opt.Edited {
		reason, why = "filtered", filteredText
	}
	if err := p.changer.Finish(reason, why); err != nil {
		return err
	}
	var err error
	if why != "" {
		err = p.remover.Keep(reason, why)
	} else {
		err = p.remover.Execute((p.verdict() == nil || p.onlyUntold()) && p.changer.Undone() == 0)
	}
	if err != nil {
		return err
	}
	if verdict := p.verdict(); verdict != nil {
		return verdict
	}
	return p.undone()
}

// onlyUntold reports whether nothing is wrong but that messages have failed of which
// imap-diff could not tell which they are. These stay where they are.
func (p *pusher) onlyUntold() bool {
	s := &p.receipts.Sums
	return p.untold > 0 && p.doubled == 0 && exit.CodeOf(p.verdict()) == exit.Partial &&
		s.Failed == p.untold && s.Rejected+s.Skipped+s.Folders+s.Rekeyed == 0
}

// undone is the outcome of a plan whose messages are all carried over, and not
// all of the rest.
func (p *pusher) undone() error {
	kept, hint := p.remover.Kept()
	switch undid := p.changer.Undone(); {
	case kept > 0:
		return exit.Errorf(exit.Partial, "%s %s not removed; the receipts say why",
			text.Count(kept, "message or folder"), text.Either(kept, "was", "were")).WithHint("%s", hint)
	case undid > 0:
		return exit.Errorf(exit.Partial, "the flags of %s were not changed; the receipts name %s",
			text.Count(undid, "message"), text.Either(undid, "it", "them"))
	}
	return nil
}

// sayUnknown says what the destination did not keep and what the source did not tell.
func (p *pusher) sayUnknown() {
	if dropped := p.keeper.Dropped(); dropped != "" {
		p.say("flags that %s does not keep: %s", p.session.Conn.Host, dropped)
	}
	if n := p.receipts.Sums.Unknown; n > 0 {
		p.say("messages appended without flags, date or labels, because the source does not tell them: %s; "+
			"the receipts name what is unknown", text.Thousands(n))
	}
}

// finish ends the receipts and the rejects.
func (p *pusher) finish(err error) (*Outcome, error) {
	const notWhole = "the plan was not read to a good end, or what comes before failed"
	if told := p.retries.Skip(); err == nil {
		err = told
	}
	if skipErr := p.skipPending("incomplete-plan", notWhole); err == nil {
		err = skipErr
	}
	if skipErr := p.changer.Finish("incomplete-plan", notWhole); err == nil {
		err = skipErr
	}
	if skipErr := p.remover.Keep("incomplete-plan", notWhole); err == nil {
		err = skipErr
	}
	o := &Outcome{Sums: p.receipts.Sums, Begun: p.receipts.Begun() != nil, Whole: (p.ended || p.read) && p.aborted == nil, Destination: p.session.Conn.Account().String(), Source: "?"}
	if p.begin != nil {
		o.Source = p.begin.Account().String()
	}
	s := &o.Sums
	s.Listed = s.Total()
	p.sayUnknown()
	if p.rejects != nil && p.rejects.begin != nil && (err == nil || exit.CodeOf(err) != exit.IO) {
		if rejErr := p.rejects.end(); err == nil {
			err = rejErr
		}
	}
	if p.receipts.Begun() != nil {
		p.receipts.Sums.Listed = s.Listed
		end := receipt.End{Plan: p.planned, Exit: int(exit.CodeOf(err))}
		if err != nil {
			end.Text = err.Error()
		}
		if endErr := p.receipts.End(end); err == nil {
			err = endErr
		}
	}
	return o, err
}
