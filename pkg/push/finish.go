package push

import (
	"io"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// remainderTime is how long the rest of the plan is read for its receipts when a run
// had to stop: the plan may come from a pipe that takes hours.
const remainderTime = 30 * time.Second

// endPlan takes the plan's end record.
func (r *run) endPlan(e *stream.End) error {
	p := &r.plan
	if err := r.folders.run(p); err != nil {
		return err
	}
	if err := r.changer.Flush(); err != nil {
		return err
	}
	if err := r.folders.retries.Run(); err != nil {
		return err
	}
	p.ended, p.planned = true, e.Hash
	r.answers.progress.finish()
	r.count(e)
	return nil
}

// count counts what imap-diff found present. It has no record of its own, unless it
// is one of several that are told apart here.
func (r *run) count(e *stream.End) {
	r.plan.listed += e.Listed
	r.receipts.Sums.Present += e.Present - e.Spare
}

// end carries out what is left when the plan was read to its end.
func (r *run) end() error {
	if err := r.appender.endTies(); err != nil {
		return err
	}
	if err := r.answers.keeper.SetRefused(r.session); err != nil {
		return err
	}
	r.doubled = r.appender.resolver.findLate(r.opt.Warn)
	if r.opt.GmailLabels && !r.answers.labeler.Seen() && r.receipts.Sums.Appended > 0 {
		r.opt.Warn("Gmail labels: the plan has no labels; imap-fetch finds them at Gmail")
	}
	return r.complete()
}

// complete carries out what is done last, when all of the plan has been read: flags
// are taken away, then messages are deleted, then folders.
func (r *run) complete() error {
	verdict := r.verdict()
	if r.plan.aborted != nil || verdict != nil && fault.KindOf(verdict) != fault.Partial {
		return verdict
	}
	const filteredText = "the plan has been filtered since it was made"
	reason, why := "", ""
	if r.plan.filtered || r.opt.Edited {
		reason, why = "filtered", filteredText
	}
	if err := r.changer.Finish(reason, why); err != nil {
		return err
	}
	var err error
	if why != "" {
		err = r.remover.Keep(reason, why)
	} else {
		err = r.remover.Execute((r.verdict() == nil || r.onlyUntold()) && r.changer.Undone() == 0)
	}
	if err != nil {
		return err
	}
	if verdict := r.verdict(); verdict != nil {
		return verdict
	}
	return r.undone()
}

// onlyUntold reports whether nothing is wrong but that messages have failed of which
// imap-diff could not tell which they are. These stay where they are.
func (r *run) onlyUntold() bool {
	s := &r.receipts.Sums
	return r.plan.untold > 0 && r.doubled == 0 && fault.KindOf(r.verdict()) == fault.Partial &&
		s.Failed == r.plan.untold && s.Rejected+s.Skipped+s.Folders+s.Rekeyed == 0
}

// undone is the outcome of a plan whose messages are all carried over, and not
// all of the rest.
func (r *run) undone() error {
	kept := r.remover.Kept()
	switch undid := r.changer.Undone(); {
	case kept > 0:
		return fault.Errorf(fault.Partial, "%s %s not removed; the receipts say why",
			text.Count(kept, "message or folder"), text.Either(kept, "was", "were"))
	case undid > 0:
		return fault.Errorf(fault.Partial, "the flags of %s were not changed; the receipts name %s",
			text.Count(undid, "message"), text.Either(undid, "it", "them"))
	}
	return nil
}

// verdict is the outcome of a plan that was read to its end.
func (r *run) verdict() error {
	s := &r.receipts.Sums
	short := r.rehearsal.quotaShort(&r.plan, r.opt)
	switch sum := s.Total(); {
	case r.plan.aborted != nil:
		return r.plan.aborted.Err()
	case sum != r.plan.listed && !r.opt.Edited && r.plan.begin.Plan:
		return fault.Errorf(fault.Bug, "the plan lists %s messages, and the receipts account for %s",
			text.Thousands(r.plan.listed), text.Thousands(sum))
	case r.answers.quota.Full() != nil:
		return r.answers.quota.Full()
	case r.answers.limiter.halt != nil:
		return r.answers.limiter.halt
	case r.plan.damaged:
		return fault.Errorf(fault.Data, "messages in the plan are damaged; the receipts name them")
	case short != nil:
		return short
	case s.Rejected+s.Failed+s.Skipped+s.Folders > 0 && !r.opt.DryRun, s.Rejected+s.Failed+s.Folders > 0:
		return fault.Errorf(fault.Partial, "%s and %s were not carried over; the receipts name them",
			text.Count(s.Rejected+s.Failed+s.Skipped, "message"), text.Count(s.Folders, "folder"))
	case s.Rekeyed > 0:
		return fault.Errorf(fault.Partial, "%s of the messages appended have another key at the destination; the "+
			"receipts name them", text.Thousands(s.Rekeyed)).Because(ErrRekeyed)
	case r.doubled > 0:
		return fault.Errorf(fault.Partial, "%s may be twice at the destination", text.Count(r.doubled, "message")).
			Because(ErrDoubled)
	}
	return nil
}

// skipRest writes receipts for what has none of the piece of work that was
// under way when the run had to stop, and for the rest of the plan, as far as it
// can be read in time. It returns cause.
func (r *run) skipRest(item *batch.Item, cause error) error {
	r.appender.ahead.dropAll()
	if r.receipts.Begun() == nil || r.receipts.Broken() || item.Err != nil {
		return cause
	}
	if r.appender.skipTies(cause) != nil && r.receipts.Broken() {
		return cause
	}
	timeout := time.NewTimer(remainderTime)
	defer timeout.Stop()
	for item != nil && item.Err == nil {
		if r.skipItem(item, cause) != nil && r.receipts.Broken() {
			return cause
		}
		r.in.Done(item)
		if r.ctx.Err() != nil {
			return cause
		}
		item = r.in.Next(r.session.Keep, timeout.C)
	}
	r.plan.read = item != nil && item.Err == io.EOF
	return cause
}

// skipItem writes the receipts of a piece of work that is not carried out.
func (r *run) skipItem(item *batch.Item, cause error) error {
	switch rec := item.Record.(type) {
	case nil:
		return r.appender.skip(item.Messages, cause)
	case *stream.Begin, *stream.Folder, *stream.Abort:
		return nil
	case *stream.Create:
		r.folders.creator.Add(rec)
	case *stream.Subscribe:
		r.folders.subscriber.Add(rec)
	case *stream.FlagChange:
		r.changer.Skip(rec)
	case *stream.End:
		r.count(rec)
	default:
		return r.record(rec)
	}
	return nil
}

// finish answers for all that has no receipt, and ends the receipts and the rejects.
func (r *run) finish(err error) (*Outcome, error) {
	const reason, notWhole = "incomplete-plan", "the plan was not read to a good end, or what comes before failed"
	for _, step := range []func() error{
		r.folders.retries.Skip,
		func() error { return r.folders.skip(reason, notWhole) },
		func() error { return r.changer.SkipAll(reason, notWhole) },
		func() error { return r.changer.Finish(reason, notWhole) },
		func() error { return r.remover.Keep(reason, notWhole) },
	} {
		if failed := step(); err == nil {
			err = failed
		}
	}
	s, p := &r.receipts.Sums, &r.plan
	s.Listed = s.Total()
	o := &Outcome{
		Sums: *s, Begun: r.receipts.Begun() != nil, Whole: (p.ended || p.read) && p.aborted == nil,
		Destination: r.session.Conn.Account().String(), Source: "?",
	}
	if p.begin != nil {
		o.Source = p.begin.Account().String()
	}
	r.sayUnknown()
	if fault.KindOf(err) != fault.IO {
		if failed := r.answers.rejects.End(); err == nil {
			err = failed
		}
	}
	if o.Begun {
		end := receipt.End{Plan: p.planned, Exit: r.opt.ExitCode.Of(err)}
		if err != nil {
			end.Text = err.Error()
		}
		if failed := r.receipts.End(end); err == nil {
			err = failed
		}
	}
	return o, err
}

// sayUnknown says what the destination did not keep and what the source did not tell.
func (r *run) sayUnknown() {
	if dropped := r.answers.keeper.Dropped(); dropped != "" {
		r.opt.say("flags that %s does not keep: %s", r.session.Conn.Host, dropped)
	}
	if n := r.receipts.Sums.Unknown; n > 0 {
		r.opt.say("messages appended without flags, date or labels, because the source does not tell them: %s; "+
			"the receipts name what is unknown", text.Thousands(n))
	}
}
