package push

import (
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A server may answer OK to an APPEND or COPY and store nothing, or less. So
// EXISTS has to grow by what was sent. Where it does not, or where a message that
// is read back is not there, all messages of the batch are looked for.

// unstored looks for the messages of a batch if the folder shows less than it
// should. One that is not there has a second receipt, failed. It is not sent
// again: the next run finds out whether it has come after all.
func (p *pusher) unstored(t *target) error {
	batch, doubted := t.batch, t.doubted
	t.batch, t.doubted = nil, false
	if len(batch) == 0 || t.refused != nil {
		return nil
	}
	if !doubted && t.gapFrom == 0 {
		short, err := p.desk.short(t)
		if err != nil || !short {
			return t.refuse(err)
		}
	}
	missing, moved, err := p.desk.absent(t, batch)
	if err != nil {
		return t.refuse(err)
	}
	for _, s := range moved {
		x := s.Receipt(t.name, receipt.Appended)
		x.TargetUIDValidity, x.TargetUID = jsonnum.Uint64(t.shown), jsonnum.Uint64(s.uid)
		if err := p.receipts.Put(x); err != nil {
			return err
		}
	}
	for _, s := range missing {
		x := s.Receipt(t.name, receipt.Failed)
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
		p.warnOnce(folder.Quote(t.name) + ": the server says that it has stored messages that are not there")
	}
	return p.receipts.Flush()
}

// short reports whether the folder shows fewer messages than it should after
// what this run has appended.
func (d *desk) short(t *target) (bool, error) {
	if d.open != t {
		if err := d.selectBox(t); err != nil {
			return false, err
		}
	}
	fewer := func() bool {
		messages, expunged, ok := d.box.Count()
		return !ok || int64(messages)+int64(expunged-t.expunged) < int64(t.expected)
	}
	if !fewer() {
		return false, nil
	}
	err := d.box.Poll(d.ctx)
	return err == nil && fewer(), err
}

// absent opens a folder anew and returns those messages that it does not hold:
// none has the UID that the server has told, and none that came has the key. moved
// are those that have another UID than the server has told.
func (d *desk) absent(t *target, batch []specimen) (missing, moved []specimen, err error) {
	there, err := d.keysOf(t, batch)
	if err != nil {
		return nil, nil, err
	}
	var rest []specimen
	for _, s := range batch {
		if _, found := there[s.uid]; !found {
			rest = append(rest, s)
		}
		delete(there, s.uid)
	}
	byKey := map[string][]uint64{}
	for _, uid := range slices.Sorted(maps.Keys(there)) {
		if key := there[uid]; uid >= t.batchFrom {
			byKey[key] = append(byKey[key], uid)
		}
	}
	for _, s := range rest {
		same := byKey[s.Key]
		if len(same) == 0 {
			missing = append(missing, s)
			continue
		}
		if byKey[s.Key] = same[1:]; s.uid != 0 {
			s.uid = same[0]
			t.recent.add(s.Key, s.uid)
			moved = append(moved, s)
		}
	}
	if len(moved) == 0 {
		return missing, nil, nil
	}
	// What the server has told of UIDs says nothing of what has come.
	t.uidNext, t.gapFrom, t.gapTo = t.batchFrom, 0, 0
	return missing, moved, d.readRange(t, t.batchFrom, 0)
}

// keysOf opens a folder anew and returns the keys of what came since the batch, and
// of what the server has told the UIDs of: "" where a message cannot be read.
func (d *desk) keysOf(t *target, batch []specimen) (there map[uint64]string, err error) {
	d.open = nil
	if err := d.selectBox(t); err != nil {
		return nil, err
	}
	there = map[uint64]string{}
	take := func(m *imapconn.Message, id *headerkey.Identity) error {
		switch {
		case id != nil:
			there[m.UID] = id.Key
		case m.State != imapconn.Expunged:
			there[m.UID] = ""
		}
		return nil
	}
	uids, _ := toldUIDs(batch)
	if err = keys.Of(d.ctx, d.box, uids, d.recipe, take); err == nil {
		err = keys.Each(d.ctx, d.box, t.batchFrom, 0, d.recipe, take)
	}
	return there, err
}
