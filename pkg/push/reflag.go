package push

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
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// reflagBatch is how many changes of flags in one folder are carried out
// together.
const reflagBatch = 500

// reflags are changes of flags that are not carried out yet.
type reflags struct {
	batch []*stream.FlagChange // of one target
	held  []heldChange         // those that take flags away: until the plan has come to a good end
	names []string             // the folders and lists of flags of held
	known map[string]uint32    // where they stand in names
	undid int64                // that could not be carried out
}

// heldChange is a FlagChange in little room; lists and names are numbers.
type heldChange struct {
	folder, target, add, remove              uint32
	validity, uid, targetValidity, targetUID uint64
}

func (f *reflags) number(name string) uint32 {
	n, ok := f.known[name]
	if !ok {
		if f.known == nil {
			f.known = map[string]uint32{}
		}
		n = uint32(len(f.names))
		f.names, f.known[name] = append(f.names, name), n
	}
	return n
}

func (f *reflags) hold(r *stream.FlagChange) {
	f.held = append(f.held, heldChange{
		f.number(r.Folder), f.number(r.Target), f.number(strings.Join(r.Add, "\n")), f.number(strings.Join(r.Remove, "\n")),
		r.UIDValidity, r.UID, r.TargetUIDValidity, r.TargetUID,
	})
}

func (f *reflags) change(h *heldChange) *stream.FlagChange {
	list := func(n uint32) []string {
		if f.names[n] == "" {
			return nil
		}
		return strings.Split(f.names[n], "\n")
	}
	return &stream.FlagChange{
		Folder: f.names[h.folder], UIDValidity: h.validity, UID: h.uid, Target: f.names[h.target], TargetUIDValidity: h.targetValidity, TargetUID: h.targetUID,
		Add: list(h.add), Remove: list(h.remove),
	}
}

// reflag takes a change of flags. What only adds is done soon, in batches.
func (p *pusher) reflag(r *stream.FlagChange) error {
	if len(r.Remove) > 0 {
		p.reflags.hold(r)
		return nil
	}
	return p.gather(r)
}

// gather carries out a batch when it is full or of another folder.
func (p *pusher) gather(r *stream.FlagChange) error {
	f := &p.reflags
	if len(f.batch) > 0 && (len(f.batch) == reflagBatch || f.batch[0].Target != r.Target) {
		if err := p.reflagAll(); err != nil {
			return err
		}
	}
	f.batch = append(f.batch, r)
	return nil
}

// reflagHeld carries out what was held back, unless why says that it must not
// be done.
func (p *pusher) reflagHeld(reason, why string) error {
	f := &p.reflags
	held := f.held
	f.held = nil
	for i := range held {
		r := f.change(&held[i])
		reason, why := reason, why
		if why == "" && p.unsure[r.Target] {
			reason, why = "incomplete", "a source folder that goes there has failed"
		}
		if why == "" {
			if err := p.gather(r); err != nil {
				return err
			}
			continue
		}
		f.undid++
		x := ofChange(r, receipt.Skipped)
		x.Reason, x.Text = reason, why
		if err := p.receipts.Folder(x); err != nil {
			return err
		}
	}
	return p.reflagAll()
}

// keepFlags notes that a source folder has failed: no flag is taken away where
// it goes.
func (p *pusher) keepFlags(folder string) {
	if p.unsure == nil {
		p.unsure = map[string]bool{}
	}
	for _, f := range p.toc {
		if f.Name == folder {
			p.unsure[p.targetOf(f)] = true
		}
	}
}

// ofChange begins the receipt of a change of flags.
func ofChange(r *stream.FlagChange, result receipt.Result) receipt.Receipt {
	return receipt.Receipt{Result: result, Folder: r.Folder, UIDValidity: jsonnum.Uint64(r.UIDValidity), UID: jsonnum.Uint64(r.UID), Target: r.Target, TargetUIDValidity: jsonnum.Uint64(r.TargetUIDValidity), TargetUID: jsonnum.Uint64(r.TargetUID)}
}

// reflagAll carries out the batch and writes its receipts.
func (p *pusher) reflagAll() error {
	changes := p.reflags.batch
	if len(changes) == 0 {
		return nil
	}
	err := p.reflagBatch(changes)
	if err == nil || p.receipts.Broken() {
		p.reflags.batch = nil // else they get receipts at the end of the run
	}
	return err
}

// reflagBatch carries out changes of one folder.
func (p *pusher) reflagBatch(changes []*stream.FlagChange) error {
	if p.opt.DryRun {
		return p.answerAll(changes, receipt.Skipped, "dry-run", "")
	}
	if err := p.session.Connect(); err != nil {
		return err
	}
	t := p.session.Folder(changes[0].Target)
	if !t.Exists {
		return p.answerAll(changes, receipt.Failed, "no-folder", "the folder is not there")
	}
	if err := p.session.Prepare(t, !p.opt.Unconditional); err != nil {
		return err
	}
	if t.Refused != nil {
		return p.answerAll(changes, receipt.Failed, "no-folder", t.Refused.Error())
	}
	if err := t.Refuse(p.session.Open(t)); err != nil {
		return err
	}
	if t.Refused != nil {
		return p.answerAll(changes, receipt.Failed, "no-folder", t.Refused.Error())
	}
	for _, r := range changes {
		if r.TargetUIDValidity != p.session.Box.UIDValidity {
			return p.answerAll(changes, receipt.Failed, string(imapconn.UIDValidityChanged), fmt.Sprintf("the folder's UIDVALIDITY is %d now: make a new plan", p.session.Box.UIDValidity))
		}
	}
	return p.store(t, changes)
}

func (p *pusher) answerAll(changes []*stream.FlagChange, result receipt.Result, reason, text string) error {
	for _, r := range changes {
		x := ofChange(r, result)
		x.Reason, x.Text = reason, text
		if err := p.answerChange(x); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

func (p *pusher) answerChange(x receipt.Receipt) error {
	switch x.Result {
	case receipt.Failed, receipt.Rejected:
		p.reflags.undid++
	case receipt.Flagged:
		p.receipts.Sums.Flagged++
	}
	return p.receipts.Put(x)
}

// store changes the flags of messages in the open folder. What they have by now
// is read first, so that nothing is sent for a message that is as it should be.
func (p *pusher) store(t *destination.Folder, changes []*stream.FlagChange) error {
	have, unknown, err := p.flagsOf(changes)
	if err != nil {
		return p.refuseChanges(changes, err)
	}
	answers := make([]receipt.Receipt, len(changes))
	additions, removals := storeGroups{}, storeGroups{}
	for i, r := range changes {
		x := ofChange(r, receipt.Present)
		now, there := have[r.TargetUID]
		if unknown[r.TargetUID] {
			x.Result, x.Reason, x.Text = receipt.Failed, "flags-unknown", "the server does not tell which flags the message has: nothing is changed"
			answers[i] = x
			continue
		}
		if !there {
			x.Result, x.Reason, x.Text = receipt.Failed, "expunged", "the message is not there any more"
			answers[i] = x
			continue
		}
		wanted, _ := p.opt.Flags.Apply(r.Add)
		add, refused := t.Allowed(flags.Without(wanted, now))
		remove, kept := t.Allowed(flags.Without(flags.Without(now, flags.Without(now, r.Remove)), wanted))
		x.DroppedFlags = append(refused, kept...)
		if len(add)+len(remove) > 0 {
			x.Result = receipt.Flagged
		}
		answers[i] = x
		additions.take(add, r.TargetUID, i)
		removals.take(remove, r.TargetUID, i)
	}
	err = p.storeGroups(imapconn.AddFlags, additions, answers)
	if err == nil {
		err = p.storeGroups(imapconn.RemoveFlags, removals, answers)
	}
	if err != nil {
		return p.refuseChanges(changes, err)
	}
	if err := p.unchanged(changes, answers, additions, removals); err != nil {
		return p.refuseChanges(changes, err)
	}
	for i, x := range answers {
		p.countDropped(x.DroppedFlags)
		r := changes[i]
		p.lack(t, &batch.Message{Message: stream.Message{Folder: r.Folder, UIDValidity: r.UIDValidity, UID: r.UID}}, r.TargetUIDValidity, r.TargetUID, flags.Without(r.Add, flags.Without(r.Add, x.DroppedFlags)))
		if err := p.answerChange(x); err != nil {
			return err
		}
	}
	return p.receipts.Flush()
}

func (p *pusher) storeGroups(action imapconn.StoreAction, groups storeGroups, answers []receipt.Receipt) error {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		dropped, err := p.session.Box.Store(p.session.Ctx, g.uids, action, g.flags)
		if err != nil {
			return err
		}
		for _, i := range g.changes {
			answers[i].DroppedFlags = append(slices.Clone(answers[i].DroppedFlags), dropped...)
		}
	}
	return nil
}

// unchanged finds the changes that the server has answered with OK and not made,
// or not wholly.
func (p *pusher) unchanged(changes []*stream.FlagChange, answers []receipt.Receipt, additions, removals storeGroups) error {
	if len(additions)+len(removals) == 0 {
		return nil
	}
	have, _, err := p.flagsOf(changes)
	if err != nil {
		return err
	}
	check := func(groups storeGroups, left func(asked, now []string) []string) {
		for _, g := range groups {
			for _, i := range g.changes {
				now, told := have[changes[i].TargetUID]
				if told && len(left(flags.Without(g.flags, answers[i].DroppedFlags), now)) > 0 {
					x := &answers[i]
					x.Result, x.Reason, x.Text = receipt.Rejected, "flags", "the server says that it has changed the flags, and has not"
				}
			}
		}
	}
	check(additions, flags.Without)
	check(removals, func(asked, now []string) []string { return flags.Without(asked, flags.Without(asked, now)) })
	return nil
}

// refuseChanges answers for changes that the server refuses; what ends the run
// is returned.
func (p *pusher) refuseChanges(changes []*stream.FlagChange, err error) error {
	if destination.OfFolder(err) {
		return p.answerAll(changes, receipt.Rejected, "flags", err.Error())
	}
	return err
}

// flagsOf reads the flags that messages of the open folder have now.
func (p *pusher) flagsOf(changes []*stream.FlagChange) (have map[uint64][]string, unknown map[uint64]bool, err error) {
	uids := make([]uint64, len(changes))
	for i, r := range changes {
		uids[i] = r.TargetUID
	}
	return p.session.FlagsOf(uids)
}

// storeGroups are messages that get the same flags, by these.
type storeGroups map[string]*storeGroup

type storeGroup struct {
	flags   []string
	uids    []uint64
	changes []int // which changes they are of
}

func (g storeGroups) take(list []string, uid uint64, change int) {
	if len(list) == 0 {
		return
	}
	name := strings.ToLower(strings.Join(list, " "))
	one := g[name]
	if one == nil {
		one = &storeGroup{flags: list}
		g[name] = one
	}
	one.uids, one.changes = append(one.uids, uid), append(one.changes, change)
}
