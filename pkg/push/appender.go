package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

const (
	// aloneTries is how often a message may end the connection by itself, and
	// maxDeadly how many such messages there may be: more are an outage.
	aloneTries = 3
	maxDeadly  = 5
)

// appender appends messages over one connection. What it shares with others of the
// same run are answers with all that they tell, and what is known of other runs.
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
	rest, err := a.finder.ofOthers(t, rest)
	if err != nil || len(rest) == 0 {
		return nil, err
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
	err = a.append(b, rest[:n])
	if err == nil {
		err = a.readBack(b)
	}
	if err == nil {
		err = a.checkStored(b)
	}
	if err == nil {
		err = a.finder.lookBeside(t)
	}
	if err != nil {
		return nil, err
	}
	rest = rest[n:]
	if err := a.answers.quota.FullOf(t.Name); err != nil {
		return nil, a.answers.refuse(rest, receipt.Skipped, "over-quota", err.Error())
	}
	return rest, nil
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

// append sends messages until the fate of each is known. A message that ends
// the connection is looked for by sending fewer at a time.
func (a *appender) append(b *attempt, ms []*batch.Message) error {
	t := b.target
	n, alone, missing := len(ms), 0, 0
	for len(ms) > 0 {
		if a.limiter.halt != nil {
			_, err := a.answers.overLimit(ms)
			return err
		}
		if t.Refused != nil {
			return a.answers.noFolder(t, ms)
		}
		n = min(n, len(ms))
		tail := ms[n:]
		rest, err := a.send(b, ms[:n])
		var doubt *imapconn.InDoubt
		var no *imap.Error
		if errors.As(err, &doubt) {
			var failed error
			setInDoubt(rest, true)
			if rest, failed = a.resolver.resolve(b, rest, unanswered); failed != nil {
				return failed
			}
			setInDoubt(rest, t.Refused != nil)
		}
		switch {
		case err != nil && t.Refused != nil:
			if err := a.answers.inDoubt(rest, t.Refused.Error()); err != nil {
				return err
			}
			return a.answers.noFolder(t, tail)
		case err == nil:
			n = len(rest) + len(tail)
		case doubt != nil, imapconn.IsGarbled(err), exit.CodeOf(err) == exit.Temporary && !errors.As(err, &no):
			switch {
			case len(rest) < n: // it goes on
				alone = 0
			case n > 1:
				n = (n + 1) / 2
			default:
				alone++
			}
		case errors.Is(err, imapconn.ErrNoMailbox) && missing < 2:
			missing++
			done, err := a.recreate(t, slices.Concat(rest, tail))
			if errors.Is(err, imapconn.ErrExists) { // it was not missing: the refusal says nothing
				before := len(rest)
				if rest, err = a.resolver.resolve(b, rest, refusal); len(rest) < before {
					missing = 0
				}
			}
			if done || err != nil {
				return err
			}
		case errors.Is(err, imapconn.ErrNoMailbox):
			var failed error
			if rest, failed = a.resolver.resolve(b, rest, refusal); failed != nil {
				return failed
			}
			return a.answers.refuse(slices.Concat(rest, tail), receipt.Rejected, "no-folder", err.Error())
		case exit.CodeOf(err) == exit.CantCreate:
			a.answers.quota.Exceeded(t.Name, err)
			return a.answers.refuse(slices.Concat(rest, tail), receipt.Skipped, "over-quota", err.Error())
		default:
			return err
		}
		ms = slices.Concat(rest, tail)
		if alone == aloneTries {
			if a.deadly++; a.deadly > maxDeadly {
				const lost = "append to %q: the connection is lost again and again: %w"
				return exit.Errorf(exit.Temporary, lost, t.Name, err).WithHint("run the same pipeline again")
			}
			const text = "the connection is lost whenever this message is sent"
			if err := a.answers.refuseOne(ms[0], receipt.Failed, "connection-lost", text); err != nil {
				return err
			}
			ms, n, alone = ms[1:], len(ms), 0
		}
	}
	return nil
}

// setInDoubt notes of messages whether it is unknown what became of them.
func setInDoubt(ms []*batch.Message, unknown bool) {
	for _, m := range ms {
		m.InDoubt = unknown
	}
}

// recreate makes a folder that is not there. done means that it cannot be made,
// or that this run has seen it and put messages into it, so that somebody has
// renamed or deleted it: the receipts say so.
func (a *appender) recreate(t *destination.Folder, ms []*batch.Message) (done bool, err error) {
	if t.Arrivals.Any() {
		if there, err := a.session.IMAP.Exists(a.session.Ctx, t.Wire); err != nil || there {
			return false, cmp.Or(err, imapconn.ErrExists)
		}
		t.Refused = fmt.Errorf("the folder was renamed or deleted while messages were appended: make a new plan")
		return true, a.answers.noFolder(t, ms)
	}
	t.Exists = false
	err = a.session.Create(t)
	switch {
	case t.Refused != nil:
		return true, a.answers.noFolder(t, ms)
	case err == nil:
		t.Recreated(a.session)
		return false, nil
	case errors.Is(err, imapconn.ErrExists):
		return false, err
	case destination.Refused(err):
		return true, a.answers.refuse(ms, receipt.Rejected, "no-folder", err.Error())
	}
	return true, err
}

// send makes one attempt and returns the messages whose fate is not known.
func (a *appender) send(b *attempt, ms []*batch.Message) (rest []*batch.Message, err error) {
	t := b.target
	if a.copier != nil {
		return a.copier.copy(b, ms)
	}
	out := make([]imapconn.AppendMessage, len(ms))
	dropped := make([][]string, len(ms))
	rest = slices.Clone(ms)
	for i, m := range ms {
		out[i] = imapconn.AppendMessage{InternalDate: m.InternalDate, Size: m.Size, Body: m}
		out[i].Flags, dropped[i] = a.answers.keeper.Wanted(t, m)
	}
	var failed error
	sent := setflags.Sent{}
	lookUp := func(refused []int) (missing []int, err error) {
		missing, err = a.missing(b, ms, refused)
		for _, i := range refused {
			if !slices.Contains(missing, i) {
				rest[i] = nil
			}
		}
		return missing, err
	}
	started := time.Now()
	err = a.session.IMAP.Append(a.session.Ctx, t.Wire, out, func(i int, r imapconn.AppendResult) {
		rest[i] = nil
		a.answers.checkPlace(t, &r)
		if want := flags.Without(out[i].Flags, r.DroppedFlags); r.Err == nil && r.UID != 0 &&
			a.answers.keeper.Watch(want) {
			sent[r.UID] = &setflags.Flagged{Message: ms[i], Want: want}
		}
		r.DroppedFlags = append(slices.Clone(dropped[i]), r.DroppedFlags...)
		if r.Err == nil {
			a.answers.keeper.Lack(t, ms[i], r.UIDValidity, r.UID, r.RefusedFlags)
		}
		if err := a.answers.answer(b, ms[i], r); err != nil && failed == nil {
			failed = err
		}
	}, lookUp)
	if err == nil {
		err = failed
		a.answers.server.took(time.Since(started))
	}
	if err == nil {
		err = a.answers.keeper.Restore(a.session, t, sent)
	}
	if flushErr := a.answers.receipts.Flush(); err == nil {
		err = flushErr
	}
	return slices.DeleteFunc(rest, func(m *batch.Message) bool { return m == nil }), err
}

// missing resolves messages that the server refused, by their places in ms, and
// returns the places of those that are not there.
func (a *appender) missing(b *attempt, ms []*batch.Message, refused []int) (missing []int, err error) {
	list := make([]*batch.Message, len(refused))
	for k, i := range refused {
		list[k] = ms[i]
	}
	left, err := a.resolver.resolve(b, list, refusal)
	for _, i := range refused {
		if slices.Contains(left, ms[i]) {
			missing = append(missing, i)
		}
	}
	if err == nil && b.target.Refused != nil {
		err = fmt.Errorf("cannot look for messages that were refused: %w", b.target.Refused)
	}
	return missing, err
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
