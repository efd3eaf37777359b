package push

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// aloneTries is how often a message may end the connection by itself, and
	// deadlyMessages how many such messages there may be: more are an outage.
	aloneTries     = 3
	deadlyMessages = 5
)

// batch appends messages of one target, and adds their labels.
func (p *pusher) batch(w *batch.Item) error {
	t := p.session.Folder(w.Messages[0].Target)
	err := p.deliver(t, w)
	if err == nil {
		err = p.label(t)
	}
	if err == nil && p.keeper.Full() {
		err = p.keeper.SetRefused(p.session)
	}
	return p.folderFailed(t, w, err)
}

// deliver appends messages of one target, in order, and writes their receipts.
func (p *pusher) deliver(t *destination.Folder, w *batch.Item) error {
	if err := p.quota.FullOf(t.Name); err != nil {
		return p.refuseAll(w.Messages, receipt.Skipped, "over-quota", err.Error())
	}
	if p.halt != nil {
		_, err := p.leave(w.Messages)
		return err
	}
	if err := p.session.Prepare(t, !p.opt.Unconditional); err != nil {
		return err
	}
	if t.Refused != nil {
		return p.refuseAll(w.Messages, receipt.Rejected, "no-folder", t.Refused.Error())
	}
	messages, err := p.transform(t, w)
	if err == nil {
		messages, err = p.unclear(t, messages)
	}
	if err != nil {
		return err
	}
	rest, late, err := p.tied(t, messages)
	if err == nil {
		err = p.late(t, w, late)
	}
	if err == nil {
		err = p.arrive(t, rest)
	}
	return err
}

// arrive appends those of the messages that have not come since the plan was made.
func (p *pusher) arrive(t *destination.Folder, rest []*batch.Message) error {
	if len(rest) == 0 {
		return p.receipts.Flush()
	}
	before := len(rest)
	rest, err := p.found(t, rest, receipt.Present)
	if err == nil && len(rest) < before {
		rest, err = p.resume(t, rest)
	}
	if err != nil {
		return err
	}
	if t.Refused != nil {
		return p.refuseAll(rest, receipt.Rejected, "no-folder", t.Refused.Error())
	}
	p.quota.Expect(t.Name, batch.Total(rest))
	return p.sendAll(t, rest)
}

// sendAll appends messages batch by batch, as the limits allow.
func (p *pusher) sendAll(t *destination.Folder, rest []*batch.Message) (err error) {
	for len(rest) > 0 {
		if err = p.pause(rest[0]); err != nil {
			break
		}
		if rest, err = p.others(t, rest); err != nil || len(rest) == 0 {
			break
		}
		if t.Refused != nil {
			return p.refuseAll(rest, receipt.Rejected, "no-folder", t.Refused.Error())
		}
		n, err := p.may(rest, p.atMost(rest))
		if err != nil {
			return err
		}
		if n == 0 {
			if rest, err = p.leave(rest); err != nil {
				return err
			}
			continue
		}
		p.last = lastBatch{from: t.Arrivals.UIDNext()}
		if err := p.append(t, rest[:n]); err != nil {
			return err
		}
		if err := p.proofread(t); err != nil {
			return err
		}
		if err := p.unstored(t); err != nil {
			return err
		}
		if err := p.appended(t); err != nil {
			return err
		}
		rest = rest[n:]
		if err := p.quota.FullOf(t.Name); err != nil {
			return p.refuseAll(rest, receipt.Skipped, "over-quota", err.Error())
		}
	}
	if err != nil {
		return err
	}
	return p.receipts.Flush()
}

// atMost bounds the next batch.
func (p *pusher) atMost(rest []*batch.Message) int {
	n := p.proof.atMost(p.together(rest))
	switch {
	case p.probes:
		return 1
	case p.begins && !p.opt.Unconditional:
		return min(n, proofMessages)
	}
	return n
}

// together returns how many messages go in one command: an odd one goes alone while the
// server has not been seen to take its kind.
func (p *pusher) together(rest []*batch.Message) int {
	for i, m := range rest {
		if m.Oddity&^p.taken != 0 {
			return max(i, 1)
		}
	}
	return len(rest)
}

// append sends messages until the fate of each is known. A message that ends
// the connection is looked for by sending fewer at a time.
func (p *pusher) append(t *destination.Folder, ms []*batch.Message) error {
	n, alone, missing := len(ms), 0, 0
	for len(ms) > 0 {
		if p.halt != nil {
			_, err := p.leave(ms)
			return err
		}
		if t.Refused != nil {
			return p.refuseAll(ms, receipt.Rejected, "no-folder", t.Refused.Error())
		}
		n = min(n, len(ms))
		tail := ms[n:]
		rest, err := p.send(t, ms[:n])
		var doubt *imapconn.InDoubt
		var no *imap.Error
		if errors.As(err, &doubt) {
			var failed error
			inDoubt(rest, true)
			if rest, failed = p.resolve(t, rest, unanswered); failed != nil {
				return failed
			}
			inDoubt(rest, t.Refused != nil)
		}
		switch {
		case err != nil && t.Refused != nil:
			if err := p.refuseAll(rest, receipt.Failed, "in-doubt", t.Refused.Error()); err != nil {
				return err
			}
			return p.refuseAll(tail, receipt.Rejected, "no-folder", t.Refused.Error())
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
			done, err := p.recreate(t, slices.Concat(rest, tail))
			if errors.Is(err, imapconn.ErrExists) { // it was not missing: the refusal says nothing
				before := len(rest)
				if rest, err = p.resolve(t, rest, refusal); len(rest) < before {
					missing = 0
				}
			}
			if done || err != nil {
				return err
			}
		case errors.Is(err, imapconn.ErrNoMailbox):
			var failed error
			if rest, failed = p.resolve(t, rest, refusal); failed != nil {
				return failed
			}
			return p.refuseAll(slices.Concat(rest, tail), receipt.Rejected, "no-folder", err.Error())
		case exit.CodeOf(err) == exit.CantCreate:
			p.quota.Exceeded(t.Name, err)
			return p.refuseAll(slices.Concat(rest, tail), receipt.Skipped, "over-quota", err.Error())
		default:
			return err
		}
		ms = slices.Concat(rest, tail)
		if alone == aloneTries {
			if p.deadly++; p.deadly > deadlyMessages {
				return exit.Errorf(exit.Temporary, "append to %q: the connection is lost again and again: %w", t.Name, err).WithHint("run the same pipeline again")
			}
			if err := p.refuseAll(ms[:1], receipt.Failed, "connection-lost", "the connection is lost whenever this message is sent"); err != nil {
				return err
			}
			ms, n, alone = ms[1:], len(ms), 0
		}
	}
	return nil
}

// inDoubt notes of messages whether it is unknown what became of them.
func inDoubt(ms []*batch.Message, unknown bool) {
	for _, m := range ms {
		m.InDoubt = unknown
	}
}

// recreate makes a folder that is not there. done means that it cannot be made,
// or that this run has seen it and put messages into it, so that somebody has
// renamed or deleted it: the receipts say so.
func (p *pusher) recreate(t *destination.Folder, ms []*batch.Message) (done bool, err error) {
	if t.Arrivals.Any() {
		if there, err := p.session.IMAP.Exists(p.session.Ctx, t.Wire); err != nil || there {
			return false, cmp.Or(err, imapconn.ErrExists)
		}
		t.Refused = fmt.Errorf("the folder was renamed or deleted while messages were appended: make a new plan")
		return true, p.refuseAll(ms, receipt.Rejected, "no-folder", t.Refused.Error())
	}
	t.Exists = false
	err = p.session.Create(t)
	switch {
	case t.Refused != nil:
		return true, p.refuseAll(ms, receipt.Rejected, "no-folder", t.Refused.Error())
	case err == nil:
		t.Recreated(p.session)
		return false, nil
	case errors.Is(err, imapconn.ErrExists):
		return false, err
	case destination.Refused(err):
		return true, p.refuseAll(ms, receipt.Rejected, "no-folder", err.Error())
	}
	return true, err
}

// send makes one attempt and returns the messages whose fate is not known.
func (p *pusher) send(t *destination.Folder, ms []*batch.Message) (rest []*batch.Message, err error) {
	if p.opt.ServerCopy {
		return p.copy(t, ms)
	}
	out := make([]imapconn.AppendMessage, len(ms))
	dropped := make([][]string, len(ms))
	rest = slices.Clone(ms)
	for i, m := range ms {
		out[i] = imapconn.AppendMessage{InternalDate: m.InternalDate, Size: m.Size, Body: m}
		out[i].Flags, dropped[i] = p.keeper.Wanted(t, m)
	}
	var failed error
	sent := setflags.Sent{}
	lookUp := func(refused []int) (missing []int, err error) {
		missing, err = p.missing(t, ms, refused)
		for _, i := range refused {
			if !slices.Contains(missing, i) {
				rest[i] = nil
			}
		}
		return missing, err
	}
	started := time.Now()
	err = p.session.IMAP.Append(p.session.Ctx, t.Wire, out, func(i int, r imapconn.AppendResult) {
		rest[i] = nil
		p.checkPlace(t, &r)
		if want := flags.Without(out[i].Flags, r.DroppedFlags); r.Err == nil && r.UID != 0 && p.keeper.Watch(want) {
			sent[r.UID] = &setflags.Flagged{Message: ms[i], Want: want}
		}
		r.DroppedFlags = append(slices.Clone(dropped[i]), r.DroppedFlags...)
		if r.Err == nil {
			p.keeper.Lack(t, ms[i], r.UIDValidity, r.UID, r.RefusedFlags)
		}
		if err := p.answer(t, ms[i], r); err != nil && failed == nil {
			failed = err
		}
	}, lookUp)
	if err == nil {
		err = failed
		p.slowest = max(p.slowest, time.Since(started))
	}
	if err == nil {
		err = p.keeper.Restore(p.session, t, sent)
	}
	if flushErr := p.receipts.Flush(); err == nil {
		err = flushErr
	}
	return slices.DeleteFunc(rest, func(m *batch.Message) bool { return m == nil }), err
}

// missing resolves messages that the server refused, by their places in ms, and
// returns the places of those that are not there.
func (p *pusher) missing(t *destination.Folder, ms []*batch.Message, refused []int) (missing []int, err error) {
	list := make([]*batch.Message, len(refused))
	for k, i := range refused {
		list[k] = ms[i]
	}
	left, err := p.resolve(t, list, refusal)
	for _, i := range refused {
		if slices.Contains(left, ms[i]) {
			missing = append(missing, i)
		}
	}
	if err == nil && t.Refused != nil {
		err = fmt.Errorf("cannot look for messages that were refused: %w", t.Refused)
	}
	return missing, err
}

// checkPlace takes away the UID of a message that the server says is in another
// folder than it was told, or that is below one that this run has seen there: in
// this folder it is another message's, or nobody's.
func (p *pusher) checkPlace(t *destination.Folder, r *imapconn.AppendResult) {
	if r.UID != 0 && t.Shown != 0 && r.UIDValidity != t.Shown { // another folder may be open
		p.warnOnce(fmt.Sprintf("%q: the server says that it has stored messages in a folder with the UIDVALIDITY %d, and this one's is %d: compare again, they may be in another folder", t.Name, r.UIDValidity, t.Shown))
		r.UIDValidity, r.UID = 0, 0
	}
	if r.UID < t.Arrivals.UIDNext() {
		r.UIDValidity, r.UID = 0, 0
	}
}

// refusedByServer is the reason of a message that a server has seen and does
// not want.
const refusedByServer = "refused"

// answer writes the receipt of a message whose fate is known.
func (p *pusher) answer(t *destination.Folder, m *batch.Message, r imapconn.AppendResult) error {
	if r.Err == nil {
		t.Arrivals.Appended(m.Key, r.UID)
		p.last.messages = append(p.last.messages, destination.Stored{Message: m, UID: r.UID})
		p.accept(t, m, r.UID)
		return p.stored(t, m, receipt.Appended, r)
	}
	reason, text := refusedByServer, r.Err.Error()
	var no *imap.Error
	switch {
	case errors.Is(r.Err, imapconn.ErrEmpty):
		reason = "empty"
	case errors.Is(r.Err, imapconn.ErrTooBig):
		reason = "too-large"
		p.budget.Spend(-m.Size) // it was not sent
	case errors.As(r.Err, &no):
		text = no.Text
		if no.Code != "" {
			text = "[" + string(no.Code) + "] " + text
		}
	}
	p.doubts[t].rejected(m.Key)
	return p.refuseAll([]*batch.Message{m}, receipt.Rejected, reason, text)
}

// accept takes note of a message that was appended.
func (p *pusher) accept(t *destination.Folder, m *batch.Message, uid uint64) {
	p.taken |= m.Oddity
	p.quota.Spend(t.Name, m.Size)
	p.proof.take(m, uid)
}

func (p *pusher) stored(t *destination.Folder, m *batch.Message, result receipt.Result, r imapconn.AppendResult) error {
	x := m.Receipt(t.Name, result)
	x.TargetUIDValidity, x.TargetUID, x.DroppedFlags, x.DroppedDate = jsonnum.Uint64(r.UIDValidity), jsonnum.Uint64(r.UID), r.DroppedFlags, r.DroppedDate
	if r.UID == 0 && result == receipt.Appended { // what else tells which message of the key it is
		x.TargetUIDValidity, x.TargetUIDFrom = jsonnum.Uint64(t.Shown), jsonnum.Uint64(p.last.from)
		if x.SentSHA256 == "" {
			x.SentSHA256 = m.SHA256
		}
	}
	if result == receipt.Appended {
		x.Unknown = m.UnknownItems()
		x.DroppedDate = x.DroppedDate || slices.Contains(x.Unknown, stream.ItemDate)
	}
	p.doubts[t].stored(m.Key, r.UID)
	p.keeper.CountDropped(r.DroppedFlags)
	p.remember(t, m, r.UID)
	p.count(m.Size)
	m.Answered = true
	return p.receipts.Message(x, m.Size)
}

// excused writes the receipt of a tied message that is there already.
func (p *pusher) excused(t *destination.Folder, m *batch.Message) error {
	x := m.Receipt(t.Name, receipt.Present)
	x.Reason = "tie"
	p.count(m.Size)
	m.Answered = true
	return p.receipts.Message(x, 0)
}

// found writes receipts for the messages that are known to be at the
// destination and returns the others.
func (p *pusher) found(t *destination.Folder, ms []*batch.Message, result receipt.Result) (rest []*batch.Message, err error) {
	claims, err := t.Arrivals.Claims(p.session, ms)
	if err != nil {
		return nil, err
	}
	for i, m := range ms {
		n := claims[i]
		if n == nil {
			rest = append(rest, m)
			continue
		}
		if err := p.stored(t, m, result, imapconn.AppendResult{UIDValidity: t.Shown, UID: n.UID}); err != nil {
			return nil, err
		}
	}
	return rest, p.receipts.Flush()
}

// refuseAll writes the receipts of messages that do not arrive, and keeps
// their octets if there is a place for them.
func (p *pusher) refuseAll(ms []*batch.Message, result receipt.Result, reason, text string) error {
	if result != receipt.Skipped {
		p.giveUp(len(ms))
	}
	for _, m := range ms {
		x := m.Receipt(m.Target, result)
		x.Reason, x.Text = reason, text
		if reason == refusedByServer {
			if err := m.Examine(&x); err != nil {
				return err
			}
		}
		p.count(0)
		m.Answered = true
		if err := p.receipts.Message(x, 0); err != nil {
			return err
		}
		if p.rejects != nil && p.rejects.err == nil {
			p.rejects.err = p.rejects.add(m.Source(), reason, text)
		}
	}
	if err := p.receipts.Flush(); err != nil || p.rejects == nil {
		return err
	}
	return p.rejects.err
}
