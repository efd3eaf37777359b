// Package setflags gives messages at the destination their flags.
package setflags

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// maxFlagNames bounds how many names of flags are remembered.
const maxFlagNames = 1000

// Keeper sees to it that messages get the flags that they should have. It learns how
// the destination treats flags.
type Keeper struct {
	receipts *receipts.Writer
	policy   *flags.Policy
	host     string // of the destination, for messages to the user
	warn     func(format string, args ...any)

	kept    map[string]bool  // seen to be there after an APPEND, in lower case
	forgets bool             // flags given to APPEND were not: all are looked at
	dropped map[string]int64 // how often a flag could not be kept

	refused    []refused // that are to be set again
	restoring  bool      // they are being set
	splits     int       // how often messages may yet be divided for that
	unrestored int64     // messages of which some could not be set
}

// NewKeeper makes a Keeper.
func NewKeeper(writer *receipts.Writer, policy *flags.Policy, host string, warn func(string, ...any)) *Keeper {
	return &Keeper{
		receipts: writer, policy: policy, host: host, warn: warn,
		kept: map[string]bool{}, dropped: map[string]int64{},
	}
}

// CountDropped counts flags that could not be kept.
func (k *Keeper) CountDropped(list []string) {
	for _, f := range list {
		if _, known := k.dropped[f]; known || len(k.dropped) < maxFlagNames {
			k.dropped[f]++
		}
	}
}

// Dropped names the flags that could not be kept, and how often; "" if there are none.
func (k *Keeper) Dropped() string {
	var list []string
	for _, f := range slices.Sorted(maps.Keys(k.dropped)) {
		list = append(list, fmt.Sprintf("%s %s times", f, text.Thousands(k.dropped[f])))
	}
	if len(list) > 10 {
		list = append(list[:10], fmt.Sprintf("and %d others", len(list)-10))
	}
	return strings.Join(list, ", ")
}

// Wanted splits the flags of a message into those to send with it and those
// that the folder does not keep; what the user leaves out is in neither.
func (k *Keeper) Wanted(t *destination.Folder, m *batch.Message) (send, dropped []string) {
	if m.Copied {
		return t.Allowed(m.SourceFlags)
	}
	set, _ := k.policy.Apply(m.Flags)
	return t.Allowed(set)
}

// Sent are messages that were appended, by UID, with their flags.
type Sent map[uint64]*Flagged

type Flagged struct {
	Message *batch.Message
	Want    []string
}

// Watch decides whether what was sent with a message is looked at: each flag
// is, until it has been seen to be kept.
func (k *Keeper) Watch(list []string) bool {
	unseen := func(f string) bool { return !k.kept[strings.ToLower(f)] }
	return len(list) > 0 && (k.forgets || slices.ContainsFunc(list, unseen))
}

// Restore looks at the flags of messages that were just appended, and sets
// again those that the server has forgotten.
func (k *Keeper) Restore(s *destination.Session, t *destination.Folder, sent Sent) error {
	forgotten, err := k.SetMissing(s, t, sent)
	if forgotten && !k.forgets {
		k.forgets = true
		k.warn("%s forgets flags that it is given with a message: they are set again", k.host)
	}
	return err
}

// SetMissing sets the flags that messages at the destination should have and do
// not have.
func (k *Keeper) SetMissing(s *destination.Session, t *destination.Folder, sent Sent) (missing bool, err error) {
	if len(sent) == 0 {
		return false, nil
	}
	if err := s.Open(t); err != nil {
		return false, t.Refuse(err)
	}
	have, _, err := s.FlagsOf(slices.Sorted(maps.Keys(sent)))
	if err != nil {
		return false, t.Refuse(err)
	}
	groups := storeGroups{}
	for uid, now := range have {
		lost := flags.Without(sent[uid].Want, now)
		for _, f := range flags.Without(sent[uid].Want, lost) {
			k.seenKept(f)
		}
		groups.take(lost, uid, int(uid))
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if err := k.setAgain(s, t, groups[name], sent); err != nil {
			return true, err
		}
	}
	return len(groups) > 0, k.receipts.Flush()
}

func (k *Keeper) seenKept(f string) {
	if len(k.kept) < maxFlagNames {
		k.kept[strings.ToLower(f)] = true
	}
}

// setAgain stores flags that were forgotten; each message gets a second
// receipt.
func (k *Keeper) setAgain(s *destination.Session, t *destination.Folder, g *storeGroup, sent Sent) error {
	dropped, err := s.Box.Store(s.Ctx, g.uids, imapconn.AddFlags, g.flags)
	if err != nil && !destination.Refused(err) {
		return err
	}
	if err != nil {
		dropped = g.flags
	}
	for _, uid := range g.uids {
		x := receipts.Of(&sent[uid].Message.Message, t.Name, receipt.Flagged)
		x.TargetUIDValidity, x.TargetUID, x.DroppedFlags = jsonnum.Uint64(t.Shown), jsonnum.Uint64(uid), dropped
		k.CountDropped(dropped)
		k.Lack(t, sent[uid].Message, t.Shown, uid, dropped)
		if err := k.receipts.Put(x); err != nil {
			return err
		}
	}
	return nil
}
