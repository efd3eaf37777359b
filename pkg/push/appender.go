package push

import (
	"context"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// appender appends messages over the session's current connection.
type appender struct {
	ctx         context.Context // between two batches
	opt         *Options
	session     *destination.Session
	transformer *batch.Transformer // of the plan that is read
	answers     *answers
	resolver    *resolver
	copier      *copier // nil: messages are appended, not copied
	finder      *finder
	ties        *tieResolver
	limiter     *limiter
	rewrite     *rewrite.Check
	ahead       *ahead
	deadly      int // messages at which the connection ends
}

func newAppender(ctx context.Context, opt *Options, session *destination.Session, answers *answers) *appender {
	a := &appender{
		ctx: ctx, opt: opt, session: session, answers: answers, limiter: answers.limiter, rewrite: answers.rewrite,
		resolver: &resolver{session, answers, opt.sleep},
		finder:   &finder{ctx, session, answers, &otherRuns{begins: true}, opt.sleep, opt.Unconditional},
		ties:     &tieResolver{session: session, answers: answers, byTie: map[*tie.Tie]*undecided{}},
	}
	if opt.ServerCopy {
		a.copier = &copier{session, answers, a.resolver}
	}
	return a
}

// batch appends messages of one target, and adds their labels.
func (a *appender) batch(w *batch.Item) error {
	t := a.session.Folder(w.Messages[0].Target)
	err := a.deliver(t, w)
	if err == nil {
		err = a.answers.labeler.Add(a.session, t)
	}
	if err == nil && a.answers.keeper.Full() {
		err = a.answers.keeper.SetRefused(a.session)
	}
	return a.folderFailed(t, w, err)
}

// folderFailed keeps an error with the folder that it is about: the messages of
// the batch that have no receipt are refused, and the run goes on. What ends the
// run is returned.
func (a *appender) folderFailed(t *destination.Folder, w *batch.Item, err error) error {
	if err == nil || !destination.OfFolder(err) {
		return err
	}
	if t.Refused == nil {
		t.Refused = err
	}
	for i, m := range w.Messages {
		one := w.Messages[i : i+1]
		switch {
		case m.Answered:
			continue
		case m.InDoubt:
			err = a.answers.inDoubt(one, t.Refused.Error())
		default:
			err = a.answers.noFolder(t, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver appends messages of one target, in order, and writes their receipts.
func (a *appender) deliver(t *destination.Folder, w *batch.Item) error {
	if err := a.answers.quota.FullOf(t.Name); err != nil {
		return a.answers.refuse(w.Messages, receipt.Skipped, "over-quota", err.Error())
	}
	if a.limiter.halt != nil {
		_, err := a.answers.overLimit(w.Messages)
		return err
	}
	if err := a.session.Prepare(t, !a.opt.Unconditional); err != nil {
		return err
	}
	if t.Refused != nil {
		return a.answers.noFolder(t, w.Messages)
	}
	messages, err := a.transform(w)
	if err == nil {
		messages, err = a.clear(t, messages)
	}
	if err != nil {
		return err
	}
	rest, waited, err := a.ties.answer(t, messages)
	if err == nil {
		err = a.deliverWaited(t, w, waited)
	}
	if err == nil {
		err = a.arrive(t, rest)
	}
	return err
}

// transform changes the messages of a batch as the rules say, and returns those
// that are to be sent. The others get receipts.
func (a *appender) transform(w *batch.Item) (out []*batch.Message, err error) {
	if !a.opt.Transform.Any() {
		return w.Messages, nil
	}
	began := time.Now()
	for i, m := range w.Messages {
		if a.limiter.halt != nil {
			_, err := a.answers.overLimit(w.Messages[i:])
			return out, err
		}
		if time.Since(began) > batch.KeepAlive {
			a.session.Keep()
			began = time.Now()
		}
		made, err := a.transformer.Apply(a.ctx, m)
		switch refusal, no := transform.IsRefusal(err); {
		case no && refusal.Skip:
			err = a.answers.refuseOne(m, receipt.Skipped, refusal.Reason, refusal.Text)
		case no:
			if refusal.Cause != nil {
				a.answers.warnOnce("a message is not appended: %v", refusal)
			}
			err = a.answers.refuseOne(m, receipt.Rejected, refusal.Reason, refusal.Text)
		case err == nil:
			w.Messages[i] = made // so that it is closed with the others
			out = append(out, made)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// clear answers for the messages of which a folder whose UIDVALIDITY settled holds
// the key, and returns the others.
func (a *appender) clear(t *destination.Folder, ms []*batch.Message) (rest []*batch.Message, err error) {
	var unclear []*batch.Message
	for _, m := range ms {
		if t.Unclear[m.Key] || t.Unclear[m.Source().Key] {
			unclear = append(unclear, m)
		} else {
			rest = append(rest, m)
		}
	}
	if len(unclear) == 0 {
		return rest, nil
	}
	return rest, a.answers.inDoubt(unclear, "the server has given the folder its UIDVALIDITY just now, "+
		"and a message of the same key is there: run the same pipeline again")
}

// arrive appends those of the messages that have not come since the plan was made.
func (a *appender) arrive(t *destination.Folder, ms []*batch.Message) error {
	if len(ms) == 0 {
		return a.answers.receipts.Flush()
	}
	rest, err := a.finder.found(t, ms)
	if err == nil && len(rest) < len(ms) {
		rest, err = a.finder.resume(t, rest)
	}
	if err != nil {
		return err
	}
	if t.Refused != nil {
		return a.answers.noFolder(t, rest)
	}
	a.answers.quota.Expect(t.Name, batch.Total(rest))
	for len(rest) > 0 {
		if rest, err = a.next(t, rest); err != nil {
			return err
		}
	}
	return a.answers.receipts.Flush()
}

// next appends the next batch of messages, as the limits allow, and returns those
// that are left.
func (a *appender) next(t *destination.Folder, rest []*batch.Message) ([]*batch.Message, error) {
	if err := a.limiter.pause(a.ctx, rest[0], a.session.Keep); err != nil {
		return nil, err
	}
	a.ahead.prepare()
	for first := true; first || a.ahead.dropUnlike(rest[:a.atMost(rest)]); first = false {
		var err error
		if rest, err = a.finder.ofOthers(t, rest); err != nil || len(rest) == 0 {
			return nil, err
		}
	}
	if t.Refused != nil {
		return nil, a.answers.noFolder(t, rest)
	}
	n, err := a.limiter.allow(a.ctx, rest, a.atMost(rest), a.session.Keep)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return a.answers.overLimit(rest)
	}
	b := &attempt{target: t, from: t.Arrivals.UIDNext()}
	if err := a.append(b, rest[:n]); err != nil {
		return nil, err
	}
	if err := a.settle(b); err != nil {
		return nil, err
	}
	rest = rest[n:]
	if err := a.answers.quota.FullOf(t.Name); err != nil {
		return nil, a.answers.refuse(rest, receipt.Skipped, "over-quota", err.Error())
	}
	return rest, nil
}

// settle finds out whether the folder holds what the server says that it has stored,
// and what others have put there meanwhile.
func (a *appender) settle(b *attempt) error {
	for _, step := range []func(*attempt) error{a.readBack, a.checkStored, a.finder.lookBeside} {
		if err := step(b); err != nil {
			return err
		}
	}
	return nil
}

// atMost bounds the next batch. The first of a run is small, so that two runs see
// each other.
func (a *appender) atMost(rest []*batch.Message) int {
	n := a.rewrite.AtMost(a.together(rest))
	switch {
	case a.finder.others.probes:
		return 1
	case a.finder.others.begins && !a.finder.ignore:
		return min(n, rewrite.MaxMessages)
	}
	return n
}

// together returns how many messages go in one command: an odd one goes alone while
// the server has not been seen to take its kind.
func (a *appender) together(rest []*batch.Message) int {
	odd := func(m *batch.Message) bool { return m.Oddity&^a.answers.server.taken != 0 }
	if i := slices.IndexFunc(rest, odd); i >= 0 {
		return max(i, 1)
	}
	return len(rest)
}

// readBack reads back what was appended. The error says that the server changes keys.
func (a *appender) readBack(b *attempt) (err error) {
	var changed []destination.Stored
	if changed, b.doubted, err = a.rewrite.ReadBack(a.session, b.target); err != nil {
		return err
	}
	if changed, err = a.answers.rekeyed(b.target, changed); err != nil || len(changed) == 0 {
		return err
	}
	return a.rewrite.Explain(a.session, b.target, changed)
}

// checkStored looks for the messages of a batch if the folder shows less than it
// should: a server may answer OK to an APPEND or COPY and store nothing, or less. So
// EXISTS has to grow by what was sent. Where it does not, or where a message that is
// read back is not there, all messages of the batch are looked for.
func (a *appender) checkStored(b *attempt) error {
	t := b.target
	if len(b.stored) == 0 || t.Refused != nil {
		return nil
	}
	if !b.doubted && !t.Arrivals.Gap() {
		short, err := t.Arrivals.Short(a.session)
		if err != nil || !short {
			return t.Refuse(err)
		}
	}
	missing, moved, err := t.Arrivals.Absent(a.session, b.stored, b.from)
	if err != nil {
		return t.Refuse(err)
	}
	if err := a.answers.moved(t, moved); err != nil {
		return err
	}
	return a.answers.notStored(t, missing)
}

// deliverWaited appends messages that have waited.
func (a *appender) deliverWaited(t *destination.Folder, w *batch.Item, ms []*batch.Message) error {
	for some := range slices.Chunk(ms, imapconn.MaxBatchMessages) {
		if t.Refused != nil {
			if err := a.answers.noFolder(t, some); err != nil {
				return err
			}
			continue
		}
		own := &batch.Item{Messages: some}
		out, err := a.transform(own)
		w.Messages = append(w.Messages, own.Messages...) // so that they are closed and answered with the others
		if err == nil {
			err = a.arrive(t, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endTies answers for the messages that wait for others which do not come any more.
func (a *appender) endTies() error {
	for _, u := range a.ties.takeAll() {
		missing, err := a.ties.decided(u.target, u.messages, u.tie.Abandon(u.forms),
			noneFits+"; others that look the same could not be read, or were left out")
		if err == nil {
			w := &batch.Item{}
			if err = a.deliverWaited(u.target, w, missing); err == nil {
				err = a.answers.labeler.Add(a.session, u.target)
			}
			err = a.folderFailed(u.target, w, err)
			for _, m := range w.Messages {
				m.Close()
			}
		}
		if err != nil {
			return err
		}
	}
	return a.answers.receipts.Flush()
}

// skipTies answers for the messages that wait when the run had to stop.
func (a *appender) skipTies(cause error) error {
	for _, u := range a.ties.takeAll() {
		if err := a.skip(u.messages, cause); err != nil {
			return err
		}
	}
	return nil
}

// skip answers for those messages of a batch that have no receipt when the run had to
// stop.
func (a *appender) skip(ms []*batch.Message, cause error) (err error) {
	for _, m := range ms {
		switch {
		case m.Answered:
			continue
		case m.InDoubt:
			err = a.answers.inDoubt([]*batch.Message{m},
				"the run ended before it was known whether the server has stored it: "+cause.Error())
		default:
			err = a.answers.refuseOne(m, receipt.Skipped, receipts.RunEnded, cause.Error())
		}
		if err != nil && a.answers.receipts.Broken() {
			return err
		}
	}
	return err
}
