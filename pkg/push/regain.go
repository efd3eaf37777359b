package push

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A server in trouble refuses flags that its folders keep. What was left out
// because of a refusal is set again at the end of the run. Before that, receipts
// say that it was dropped; a message whose flags could be set has a second receipt
// then.

const (
	// maxRefusedFlags bounds how many messages are remembered. When there are so
	// many, their flags are set at once.
	maxRefusedFlags = 10000
	// regainBatch is how many messages are looked at together.
	regainBatch = 500
	// regainSplits bounds how often, in all, messages are divided to find those
	// whose flags the server refuses.
	regainSplits = 64
)

// refusedFlags are flags that a message at the destination lacks because the
// server refused them, though its folder keeps them.
type refusedFlags struct {
	target   *destination.Folder
	validity uint64 // of the target
	uid      uint64 // there, 0: unknown
	source   stream.Message
	key      string // that it has there
	flags    []string
}

// lack notes flags that the server refused. uid is 0 where it did not tell it.
func (p *pusher) lack(t *destination.Folder, m *batch.Message, validity, uid uint64, refused []string) {
	keep, _ := t.Allowed(refused)
	if len(keep) == 0 || p.regaining {
		return
	}
	if validity == 0 {
		validity = t.Shown
	}
	source := &m.Source().Message
	p.refusedFlags = append(p.refusedFlags, refusedFlags{
		t, validity, uid,
		stream.Message{Folder: source.Folder, UIDValidity: source.UIDValidity, UID: source.UID, Key: source.Key}, m.Key, keep,
	})
}

// regain sets the flags that were refused. What fails stays as it is: the
// receipts have it.
func (p *pusher) regain() error {
	list := p.refusedFlags
	p.refusedFlags = nil
	p.regaining, p.splits = true, regainSplits
	defer func() { p.regaining = false }()
	for len(list) > 0 {
		t := list[0].target
		var mine []refusedFlags
		list = slices.DeleteFunc(list, func(r refusedFlags) bool {
			if r.target == t {
				mine = append(mine, r)
			}
			return r.target == t
		})
		if err := p.regainIn(t, mine); err != nil {
			return err
		}
	}
	if p.unregained > 0 {
		p.opt.Warn("%s %s flags that %s refused, though it says that it keeps them: imap-diff --sync-flags add plans them again", text.Count(p.unregained, "message"), text.Either(p.unregained, "lacks", "lack"), p.session.Conn.Host)
		p.unregained = 0
	}
	return p.receipts.Flush()
}

// regainIn sets flags in one folder.
func (p *pusher) regainIn(t *destination.Folder, list []refusedFlags) error {
	if t.Refused == nil {
		if err := t.Refuse(p.session.Reopen(t)); err != nil {
			return err
		}
	}
	if t.Refused == nil {
		if err := t.Refuse(locate(p.session, t, list)); err != nil {
			return err
		}
	}
	if t.Refused != nil {
		p.unregained += int64(len(list))
		return nil
	}
	for batch := range slices.Chunk(list, regainBatch) {
		if err := p.regainBatch(t, batch); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the messages whose UIDs the server has not told among those that
// came since the plan was made. Those of one key that are not as many as there
// should be stay unknown.
func locate(s *destination.Session, t *destination.Folder, list []refusedFlags) error {
	wanted := map[string][]*refusedFlags{}
	for i := range list {
		if list[i].uid == 0 {
			wanted[list[i].key] = append(wanted[list[i].key], &list[i])
		}
	}
	if len(wanted) == 0 || s.Box.Messages == 0 {
		return nil
	}
	came := map[string][]uint64{}
	from := max(t.Next, 1)
	err := keys.Each(s.Ctx, s.Box, from, 0, s.Recipe, func(m *imapconn.Message, id *headerkey.Identity) error {
		if m.UID >= from && id != nil && len(wanted[id.Key]) > 0 && len(came[id.Key]) <= len(wanted[id.Key]) {
			came[id.Key] = append(came[id.Key], m.UID)
		}
		return nil
	})
	for key, uids := range came {
		if len(uids) == len(wanted[key]) {
			for i, r := range wanted[key] {
				r.uid = uids[i]
			}
		}
	}
	return err
}

// regainBatch sets flags of messages in the open folder.
func (p *pusher) regainBatch(t *destination.Folder, list []refusedFlags) error {
	byUID := map[uint64]*refusedFlags{}
	var uids []uint64
	for i := range list {
		if r := &list[i]; r.uid != 0 && r.validity == p.session.Box.UIDValidity {
			byUID[r.uid] = r
			uids = append(uids, r.uid)
		} else {
			p.unregained++
		}
	}
	have, unknown, err := p.session.FlagsOf(uids)
	if err != nil {
		p.unregained += int64(len(uids))
		return t.Refuse(err)
	}
	p.unregained += int64(len(unknown))
	groups := storeGroups{}
	for _, uid := range uids {
		if now, there := have[uid]; there {
			r := byUID[uid]
			groups.take(flags.Without(r.flags, now), uid, int(uid))
			if len(flags.Without(r.flags, now)) == 0 { // it was kept all the same
				if err := p.regained(t, r, nil); err != nil {
					return err
				}
			}
		}
	}
	for _, g := range groups {
		if err := p.regainGroup(t, g.uids, g.flags, byUID); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

// regainGroup sets flags of messages, of fewer at a time where the server
// refuses that.
func (p *pusher) regainGroup(t *destination.Folder, uids []uint64, list []string, byUID map[uint64]*refusedFlags) error {
	dropped, err := p.session.Box.Store(p.session.Ctx, uids, imapconn.AddFlags, list)
	if err != nil {
		if !destination.Refused(err) {
			return err
		}
		dropped = list
	}
	if len(dropped) > 0 && len(uids) > 1 && p.splits > 0 {
		p.splits--
		middle := len(uids) / 2
		if err := p.regainGroup(t, uids[:middle], list, byUID); err != nil {
			return err
		}
		return p.regainGroup(t, uids[middle:], list, byUID)
	}
	for _, uid := range uids {
		if err := p.regained(t, byUID[uid], dropped); err != nil {
			return err
		}
	}
	return nil
}

// regained writes the second receipt of a message, if it has gained any flags.
// still are those that it lacks.
func (p *pusher) regained(t *destination.Folder, r *refusedFlags, still []string) error {
	if len(still) > 0 {
		p.unregained++
	}
	gained := flags.Without(r.flags, still)
	if len(gained) == 0 {
		return nil
	}
	for _, f := range gained {
		if p.dropped[f]--; p.dropped[f] <= 0 {
			delete(p.dropped, f)
		}
	}
	x := receipts.Of(&r.source, t.Name, receipt.Flagged)
	x.TargetUIDValidity, x.TargetUID, x.DroppedFlags = jsonnum.Uint64(r.validity), jsonnum.Uint64(r.uid), still
	return p.receipts.Put(x)
}
