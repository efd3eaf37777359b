package push

import (
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/labels"
	"github.com/imap-pipe/imap-pipe/pkg/push/quota"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/rejects"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// answers writes the receipts of messages, and tells all who keep count of these.
type answers struct {
	receipts *receipts.Writer
	rejects  *rejects.Plan // or nil
	progress *position
	limiter  *limiter
	keeper   *setflags.Keeper
	labeler  *labels.Labeler // or nil
	quota    *quota.Guard
	rewrite  *rewrite.Check
	server   *serverRecord
	warnOnce func(format string, args ...any)
}

// attempt is a batch that is being appended, and what the server says that it has
// stored of it.
type attempt struct {
	target  *destination.Folder
	from    uint64 // UIDNEXT before it
	stored  []destination.Stored
	doubted bool // one that was read back is not there
}

// refusedByServer is the reason of a message that a server has seen and does not
// want.
const refusedByServer = "refused"

// single writes the receipt of a message that is in no batch.
func (a *answers) single(x receipt.Receipt) error {
	a.progress.count(0)
	if err := a.receipts.Message(x, 0); err != nil {
		return err
	}
	return a.receipts.Flush()
}

// answer writes the receipt of a message that the server has answered for.
func (a *answers) answer(b *attempt, m *batch.Message, r imapconn.AppendResult) error {
	if r.Err == nil {
		b.target.Arrivals.Appended(m.Key, r.UID)
		b.stored = append(b.stored, destination.Stored{Message: m, UID: r.UID})
		return a.appended(b, m, r)
	}
	reason, text := refusedByServer, r.Err.Error()
	var no *imap.Error
	switch {
	case errors.Is(r.Err, imapconn.ErrEmpty):
		reason = "empty"
	case errors.Is(r.Err, imapconn.ErrTooBig):
		reason = "too-large"
		a.limiter.budget.Spend(-m.Size) // it was not sent
	case errors.As(r.Err, &no):
		text = no.Text
		if no.Code != "" {
			text = "[" + string(no.Code) + "] " + text
		}
	}
	a.server.doubts[b.target].rejected(m.Key)
	return a.refuse([]*batch.Message{m}, receipt.Rejected, reason, text)
}

// appended writes the receipt of a message that was appended.
func (a *answers) appended(b *attempt, m *batch.Message, r imapconn.AppendResult) error {
	a.server.taken |= m.Oddity
	a.quota.Spend(b.target.Name, m.Size)
	a.rewrite.Add(m, r.UID, b.from)
	x := m.Receipt(b.target.Name, receipt.Appended)
	x.Unknown = m.UnknownItems()
	x.DroppedDate = r.DroppedDate || slices.Contains(x.Unknown, stream.ItemDate)
	if r.UID == 0 { // what else tells which message of the key it is
		r.UIDValidity = b.target.Shown
		x.TargetUIDFrom = jsonnum.Uint64(b.from)
		if x.SentSHA256 == "" {
			x.SentSHA256 = m.SHA256
		}
	}
	return a.stored(b.target, m, x, r)
}

// present writes the receipt of a message that has come to the folder before.
func (a *answers) present(t *destination.Folder, m *batch.Message, uid uint64) error {
	return a.stored(t, m, m.Receipt(t.Name, receipt.Present), imapconn.AppendResult{UIDValidity: t.Shown, UID: uid})
}

// stored completes and writes the receipt of a message that is at the destination.
func (a *answers) stored(t *destination.Folder, m *batch.Message, x receipt.Receipt, r imapconn.AppendResult) error {
	x.TargetUIDValidity, x.TargetUID = jsonnum.Uint64(r.UIDValidity), jsonnum.Uint64(r.UID)
	x.DroppedFlags = r.DroppedFlags
	a.server.doubts[t].stored(m.Key, r.UID)
	a.keeper.CountDropped(r.DroppedFlags)
	a.labeler.Remember(t, m, r.UID)
	a.progress.count(m.Size)
	m.Answered = true
	return a.receipts.Message(x, m.Size)
}

// tied writes the receipt of a message of a tie that is there already.
func (a *answers) tied(t *destination.Folder, m *batch.Message) error {
	x := m.Receipt(t.Name, receipt.Present)
	x.Reason = "tie"
	a.progress.count(m.Size)
	m.Answered = true
	return a.receipts.Message(x, 0)
}

// refuseOne is refuse for one message.
func (a *answers) refuseOne(m *batch.Message, result receipt.Result, reason, text string) error {
	return a.refuse([]*batch.Message{m}, result, reason, text)
}

// refuse writes the receipts of messages that do not arrive, and keeps their content
// if there is a place for it.
func (a *answers) refuse(ms []*batch.Message, result receipt.Result, reason, text string) error {
	if result != receipt.Skipped {
		a.limiter.giveUp(len(ms))
	}
	for _, m := range ms {
		x := m.Receipt(m.Target, result)
		x.Reason, x.Text = reason, text
		if reason == refusedByServer {
			if err := m.Examine(&x); err != nil {
				return err
			}
		}
		a.progress.count(0)
		m.Answered = true
		if err := a.receipts.Message(x, 0); err != nil {
			return err
		}
		a.rejects.Add(m.Source(), reason, text)
	}
	if err := a.receipts.Flush(); err != nil {
		return err
	}
	return a.rejects.Failed()
}

// noFolder is refuse for messages whose folder cannot take them.
func (a *answers) noFolder(t *destination.Folder, ms []*batch.Message) error {
	return a.refuse(ms, receipt.Rejected, "no-folder", t.Refused.Error())
}

// inDoubt is refuse for messages of which nobody knows whether they are there.
func (a *answers) inDoubt(ms []*batch.Message, why string) error {
	return a.refuse(ms, receipt.Failed, "in-doubt", why)
}

// overLimit writes the receipts of messages that the limits leave out, and returns
// the others: all but the first may fit where that never can.
func (a *answers) overLimit(rest []*batch.Message) ([]*batch.Message, error) {
	l := a.limiter
	if l.halt == nil {
		return rest[1:], a.refuseOne(rest[0], receipt.Skipped, "too-large", l.budget.TooLarge(rest[0].Size))
	}
	return nil, a.refuse(rest, receipt.Skipped, "limit", l.halt.Error())
}

// notStored retracts the receipts of messages that are not there though the server
// says that it has stored them. They are not sent again: the next run finds out
// whether they have come after all.
func (a *answers) notStored(t *destination.Folder, missing []destination.Stored) error {
	for _, m := range missing {
		x := m.Receipt(t.Name, receipt.Failed)
		x.Reason, x.Text = "not-stored", "the server says that it has stored the message, and it is not there"
		if err := a.receipts.Retract(x, m.Size); err != nil {
			return err
		}
		a.rejects.Add(m.Source(), x.Reason, x.Text)
	}
	if len(missing) > 0 {
		a.limiter.giveUp(len(missing))
		a.warnOnce("%s: the server says that it has stored messages that are not there", folder.Quote(t.Name))
	}
	return a.receipts.Flush()
}

// moved corrects the receipts of messages that have another UID than the server has
// told.
func (a *answers) moved(t *destination.Folder, moved []destination.Stored) error {
	for _, m := range moved {
		x := m.Receipt(t.Name, receipt.Appended)
		x.TargetUIDValidity, x.TargetUID = jsonnum.Uint64(t.Shown), jsonnum.Uint64(m.UID)
		if err := a.receipts.Put(x); err != nil {
			return err
		}
	}
	return nil
}

// checkPlace takes away the UID of a message that the server says is in another
// folder than it was told, or that is below one that this run has seen there: in
// this folder it is another message's, or nobody's.
func (a *answers) checkPlace(t *destination.Folder, r *imapconn.AppendResult) {
	if r.UID != 0 && t.Shown != 0 && r.UIDValidity != t.Shown { // another folder may be open
		a.warnOnce("%q: the server says that it has stored messages in a folder with the UIDVALIDITY "+
			"%d, and this one's is %d: compare again, they may be in another folder", t.Name, r.UIDValidity, t.Shown)
		r.UIDValidity, r.UID = 0, 0
	}
	if r.UID < t.Arrivals.UIDNext() {
		r.UIDValidity, r.UID = 0, 0
	}
}

// rekeyed answers for the weak ones of the messages whose key is another now,
// and returns the others. The weak ones are few, so that the run goes on.
func (a *answers) rekeyed(t *destination.Folder, changed []destination.Stored) (
	strong []destination.Stored, err error) {
	for _, s := range changed {
		if !rewrite.Weak(s.Message) {
			strong = append(strong, s)
			continue
		}
		x := s.Receipt(t.Name, receipt.Rekeyed)
		x.TargetUID, x.Reason = jsonnum.Uint64(s.UID), "key-changed"
		if s.UID != 0 {
			x.TargetUIDValidity = jsonnum.Uint64(t.Shown)
		}
		if err := a.receipts.Message(x, 0); err != nil {
			return nil, err
		}
	}
	if len(strong) < len(changed) {
		a.warnOnce("%v", fault.Errorf(fault.None, "%q: the server changes messages that have no field of the key, and no "+
			"Date, From, To or Subject", t.Name).Because(ErrRekeyed))
	}
	return strong, a.receipts.Flush()
}
