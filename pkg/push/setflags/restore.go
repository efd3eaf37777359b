package setflags

import (
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
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
	// maxRefused bounds how many messages are remembered. When there are so
	// many, their flags are set at once.
	maxRefused = 10000
	// restoreBatchSize is how many messages are looked at together.
	restoreBatchSize = 500
	// maxSplits bounds how often, in all, messages are divided to find those
	// whose flags the server refuses.
	maxSplits = 64
)

// ErrRefused is that messages lack flags which their folder keeps.
var ErrRefused = errors.New("the server refused flags that it keeps")

// refused are flags that a message at the destination lacks because the
// server refused them, though its folder keeps them.
type refused struct {
	target   *destination.Folder
	validity uint64 // of the target
	uid      uint64 // there, 0: unknown
	source   stream.Message
	key      string // that it has there
	flags    []string
}

// Lack notes flags that the server refused. uid is 0 where it did not tell it.
func (k *Keeper) Lack(t *destination.Folder, m *batch.Message, validity, uid uint64, list []string) {
	keep, _ := t.Allowed(list)
	if len(keep) == 0 || k.restoring {
		return
	}
	if validity == 0 {
		validity = t.Shown
	}
	source := &m.Source().Message
	k.refused = append(k.refused, refused{
		t, validity, uid,
		stream.Message{Folder: source.Folder, UIDValidity: source.UIDValidity, UID: source.UID, Key: source.Key},
		m.Key, keep,
	})
}

// Full reports whether so many messages are remembered that their flags should be set
// now.
func (k *Keeper) Full() bool { return len(k.refused) >= maxRefused }

// SetRefused sets the flags that were refused. What fails stays as it is: the
// receipts have it.
func (k *Keeper) SetRefused(s *destination.Session) error {
	list := k.refused
	k.refused = nil
	k.restoring, k.splits = true, maxSplits
	defer func() { k.restoring = false }()
	for len(list) > 0 {
		t := list[0].target
		var mine []refused
		list = slices.DeleteFunc(list, func(r refused) bool {
			if r.target == t {
				mine = append(mine, r)
			}
			return r.target == t
		})
		if err := k.restoreIn(s, t, mine); err != nil {
			return err
		}
	}
	if k.unrestored > 0 {
		k.warn("%v", fault.Errorf(fault.None, "%s %s flags that %s refused, though it says that it keeps them",
			text.Count(k.unrestored, "message"), text.Either(k.unrestored, "lacks", "lack"), k.host).Because(ErrRefused))
		k.unrestored = 0
	}
	return k.receipts.Flush()
}

// restoreIn sets flags in one folder.
func (k *Keeper) restoreIn(s *destination.Session, t *destination.Folder, list []refused) error {
	if t.Refused == nil {
		if err := t.Refuse(s.Reopen(t)); err != nil {
			return err
		}
	}
	if t.Refused == nil {
		if err := t.Refuse(locate(s, t, list)); err != nil {
			return err
		}
	}
	if t.Refused != nil {
		k.unrestored += int64(len(list))
		return nil
	}
	for some := range slices.Chunk(list, restoreBatchSize) {
		if err := k.restoreBatch(s, t, some); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the messages whose UIDs the server has not told among those that
// came since the plan was made. Those of one key that are not as many as there
// should be stay unknown.
func locate(s *destination.Session, t *destination.Folder, list []refused) error {
	wanted := map[string][]*refused{}
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

// restoreBatch sets flags of messages in the open folder.
func (k *Keeper) restoreBatch(s *destination.Session, t *destination.Folder, list []refused) error {
	byUID := map[uint64]*refused{}
	var uids []uint64
	for i := range list {
		if r := &list[i]; r.uid != 0 && r.validity == s.Box.UIDValidity {
			byUID[r.uid] = r
			uids = append(uids, r.uid)
		} else {
			k.unrestored++
		}
	}
	have, unknown, err := s.FlagsOf(uids)
	if err != nil {
		k.unrestored += int64(len(uids))
		return t.Refuse(err)
	}
	k.unrestored += int64(len(unknown))
	groups := storeGroups{}
	for _, uid := range uids {
		if now, there := have[uid]; there {
			r := byUID[uid]
			groups.take(flags.Without(r.flags, now), uid, int(uid))
			if len(flags.Without(r.flags, now)) == 0 { // it was kept all the same
				if err := k.restored(t, r, nil); err != nil {
					return err
				}
			}
		}
	}
	for _, g := range groups {
		if err := k.restoreGroup(s, t, g.uids, g.flags, byUID); err != nil {
			return err
		}
	}
	return k.receipts.Flush()
}

// restoreGroup sets flags of messages, of fewer at a time where the server
// refuses that.
func (k *Keeper) restoreGroup(s *destination.Session, t *destination.Folder, uids []uint64, list []string,
	byUID map[uint64]*refused) error {
	dropped, err := s.Box.Store(s.Ctx, uids, imapconn.AddFlags, list)
	if err != nil {
		if !destination.Refused(err) {
			return err
		}
		dropped = list
	}
	if len(dropped) > 0 && len(uids) > 1 && k.splits > 0 {
		k.splits--
		middle := len(uids) / 2
		if err := k.restoreGroup(s, t, uids[:middle], list, byUID); err != nil {
			return err
		}
		return k.restoreGroup(s, t, uids[middle:], list, byUID)
	}
	for _, uid := range uids {
		if err := k.restored(t, byUID[uid], dropped); err != nil {
			return err
		}
	}
	return nil
}

// restored writes the second receipt of a message, if it has gained any flags.
// still are those that it lacks.
func (k *Keeper) restored(t *destination.Folder, r *refused, still []string) error {
	if len(still) > 0 {
		k.unrestored++
	}
	gained := flags.Without(r.flags, still)
	if len(gained) == 0 {
		return nil
	}
	for _, f := range gained {
		if k.dropped[f]--; k.dropped[f] <= 0 {
			delete(k.dropped, f)
		}
	}
	x := receipts.Of(&r.source, t.Name, receipt.Flagged)
	x.TargetUIDValidity, x.TargetUID, x.DroppedFlags = jsonnum.Uint64(r.validity), jsonnum.Uint64(r.uid), still
	return k.receipts.Put(x)
}
