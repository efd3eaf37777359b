package push

import (
	"io"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A run that must stop still answers for every record of the plan: what was not
// tried is skipped (run-ended). What the server has not answered is in doubt.

// remainderTime is how long the rest of the plan is read for its receipts: it
// may come from a pipe that takes hours.
const remainderTime = 30 * time.Second

// answerRest writes receipts for what has none of the piece of work that was
// under way when the run had to stop, and for the rest of the plan, as far as it
// can be read in time. It returns cause.
func (p *pusher) answerRest(w *batch.Item, cause error) error {
	if p.receipts.Begun() == nil || p.receipts.Broken() || w.Err != nil {
		return cause
	}
	if p.skipTies(cause) != nil && p.receipts.Broken() {
		return cause
	}
	late := time.NewTimer(remainderTime)
	defer late.Stop()
	for w != nil && w.Err == nil {
		if p.skipWork(w, cause) != nil && p.receipts.Broken() {
			return cause
		}
		p.in.Done(w)
		if p.ctx.Err() != nil {
			return cause
		}
		w = p.in.Next(p.session.Keep, late.C)
	}
	p.read = w != nil && w.Err == io.EOF
	return cause
}

// skipWork writes the receipts of a piece of work that is not carried out.
func (p *pusher) skipWork(w *batch.Item, cause error) error {
	switch r := w.Record.(type) {
	case nil:
		return p.skipMessages(w.Messages, cause)
	case *stream.Begin, *stream.Folder, *stream.Abort:
		return nil
	case *stream.Create:
		p.creator.Add(r)
	case *stream.Subscribe:
		p.subscriber.Add(r)
	case *stream.FlagChange:
		p.changer.Skip(r)
	case *stream.End:
		p.listed += r.Listed
		p.receipts.Sums.Present += r.Present - r.Spare
	default:
		return p.record(r)
	}
	return nil
}

// skipMessages answers for those messages of a batch that have no receipt.
func (p *pusher) skipMessages(ms []*batch.Message, cause error) (err error) {
	for i, m := range ms {
		if m.Answered {
			continue
		}
		if m.InDoubt {
			err = p.refuseAll(ms[i:i+1], receipt.Failed, "in-doubt", "the run ended before it was known whether the server has stored it: "+cause.Error())
		} else {
			err = p.refuseAll(ms[i:i+1], receipt.Skipped, receipts.RunEnded, cause.Error())
		}
		if err != nil && p.receipts.Broken() {
			return err
		}
	}
	return err
}

// skipPending answers for folders that were not created or subscribed, and for
// flags that were not changed.
func (p *pusher) skipPending(reason, text string) error {
	err := p.creator.Skip(reason, text)
	if failed := p.subscriber.Skip(reason, text); err == nil {
		err = failed
	}
	if failed := p.changer.SkipAll(reason, text); err == nil {
		err = failed
	}
	return err
}

// folderFailed keeps an error with the folder that it is about: the messages of
// the batch that have no receipt are refused, and the run goes on. What ends the
// run is returned.
func (p *pusher) folderFailed(t *destination.Folder, w *batch.Item, err error) error {
	if err == nil || !destination.OfFolder(err) {
		return err
	}
	if t.Refused == nil {
		t.Refused = err
	}
	for i, m := range w.Messages {
		if m.Answered {
			continue
		}
		result, reason := receipt.Rejected, "no-folder"
		if m.InDoubt {
			result, reason = receipt.Failed, "in-doubt"
		}
		if err := p.refuseAll(w.Messages[i:i+1], result, reason, t.Refused.Error()); err != nil {
			return err
		}
	}
	return nil
}
