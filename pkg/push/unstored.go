package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A server may answer OK to an APPEND or COPY and store nothing, or less. So
// EXISTS has to grow by what was sent. Where it does not, or where a message that
// is read back is not there, all messages of the batch are looked for.

// lastBatch is what the server says that it has stored of the last batch.
type lastBatch struct {
	messages []destination.Stored
	from     uint64 // UIDNEXT before it
	doubted  bool   // one that was read back is not there
}

// unstored looks for the messages of a batch if the folder shows less than it
// should. One that is not there has a second receipt, failed. It is not sent
// again: the next run finds out whether it has come after all.
func (p *pusher) unstored(t *destination.Folder) error {
	last := p.last
	p.last = lastBatch{from: last.from}
	if len(last.messages) == 0 || t.Refused != nil {
		return nil
	}
	if !last.doubted && !t.Arrivals.Gap() {
		short, err := t.Arrivals.Short(p.session)
		if err != nil || !short {
			return t.Refuse(err)
		}
	}
	missing, moved, err := t.Arrivals.Absent(p.session, last.messages, last.from)
	if err != nil {
		return t.Refuse(err)
	}
	for _, s := range moved {
		x := s.Receipt(t.Name, receipt.Appended)
		x.TargetUIDValidity, x.TargetUID = jsonnum.Uint64(t.Shown), jsonnum.Uint64(s.UID)
		if err := p.receipts.Put(x); err != nil {
			return err
		}
	}
	for _, s := range missing {
		x := s.Receipt(t.Name, receipt.Failed)
		x.Reason, x.Text = "not-stored", "the server says that it has stored the message, and it is not there"
		if err := p.receipts.Retract(x, s.Size); err != nil {
			return err
		}
		if p.rejects != nil && p.rejects.err == nil {
			p.rejects.err = p.rejects.add(s.Source(), x.Reason, x.Text)
		}
	}
	if len(missing) > 0 {
		p.giveUp(len(missing))
		p.warnOnce(folder.Quote(t.Name) + ": the server says that it has stored messages that are not there")
	}
	return p.receipts.Flush()
}
