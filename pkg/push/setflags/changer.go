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
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// changeBatchSize is how many changes of flags in one folder are carried out
// together.
const changeBatchSize = 500

// Changer carries out the changes of flags in a plan. What only adds flags is done
// soon, what takes flags away when the plan has come to a good end.
type Changer struct {
	session *destination.Session
	keeper  *Keeper
	dryRun  bool
	look    bool // at folders before anything is done

	batch     []*stream.FlagChange // of one target
	postponed []postponed
	names     []string          // the folders and lists of flags of postponed
	known     map[string]uint32 // where they stand in names
	undone    int64             // that could not be carried out
	unsure    map[string]bool   // destination folders of source folders that have failed
}

// NewChanger makes a Changer. look says whether a folder is looked at before its
// flags are changed.
func NewChanger(session *destination.Session, keeper *Keeper, look, dryRun bool) *Changer {
	return &Changer{
		session: session, keeper: keeper, look: look, dryRun: dryRun,
		known: map[string]uint32{}, unsure: map[string]bool{},
	}
}

// Undone returns how many changes could not be carried out.
func (c *Changer) Undone() int64 { return c.undone }

// Distrust says that a source folder has failed: no flag is taken away where it goes.
func (c *Changer) Distrust(target string) { c.unsure[target] = true }

// postponed is a FlagChange in little room; lists and names are numbers.
type postponed struct {
	folder, target, add, remove              uint32
	validity, uid, targetValidity, targetUID uint64
}

func (c *Changer) number(name string) uint32 {
	n, ok := c.known[name]
	if !ok {
		n = uint32(len(c.names))
		c.names, c.known[name] = append(c.names, name), n
	}
	return n
}

func (c *Changer) numberOf(list []string) uint32 { return c.number(strings.Join(list, "\n")) }

func (c *Changer) postpone(r *stream.FlagChange) {
	c.postponed = append(c.postponed, postponed{
		c.number(r.Folder), c.number(r.Target), c.numberOf(r.Add), c.numberOf(r.Remove),
		r.UIDValidity, r.UID, r.TargetUIDValidity, r.TargetUID,
	})
}

func (c *Changer) change(p *postponed) *stream.FlagChange {
	list := func(n uint32) []string {
		if c.names[n] == "" {
			return nil
		}
		return strings.Split(c.names[n], "\n")
	}
	return &stream.FlagChange{
		Folder: c.names[p.folder], UIDValidity: p.validity, UID: p.uid, Target: c.names[p.target],
		TargetUIDValidity: p.targetValidity, TargetUID: p.targetUID,
		Add: list(p.add), Remove: list(p.remove),
	}
}

// Add takes a change of flags. What only adds is done soon, in batches.
func (c *Changer) Add(r *stream.FlagChange) error {
	if len(r.Remove) > 0 {
		c.postpone(r)
		return nil
	}
	return c.gather(r)
}

// Refuse answers for a change that must not be carried out.
func (c *Changer) Refuse(r *stream.FlagChange, reason, text string) error {
	c.undone++
	return c.answerAll([]*stream.FlagChange{r}, receipt.Skipped, reason, text)
}

// Skip takes a change that is not to be carried out: SkipAll answers for it.
func (c *Changer) Skip(r *stream.FlagChange) { c.batch = append(c.batch, r) }

// SkipAll answers for the changes that were taken and neither carried out nor
// postponed.
func (c *Changer) SkipAll(reason, text string) error {
	changes := c.batch
	c.batch = nil
	c.undone += int64(len(changes))
	return c.answerAll(changes, receipt.Skipped, reason, text)
}

// gather carries out a batch when it is full or of another folder.
func (c *Changer) gather(r *stream.FlagChange) error {
	if len(c.batch) > 0 && (len(c.batch) == changeBatchSize || c.batch[0].Target != r.Target) {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	c.batch = append(c.batch, r)
	return nil
}

// Finish carries out what was postponed, unless why says that it must not
// be done.
func (c *Changer) Finish(reason, why string) error {
	list := c.postponed
	c.postponed = nil
	for i := range list {
		r := c.change(&list[i])
		reason, why := reason, why
		if why == "" && c.unsure[r.Target] {
			reason, why = "incomplete", "a source folder that goes there has failed"
		}
		if why == "" {
			if err := c.gather(r); err != nil {
				return err
			}
			continue
		}
		c.undone++
		x := ofChange(r, receipt.Skipped)
		x.Reason, x.Text = reason, why
		if err := c.keeper.receipts.Folder(x); err != nil {
			return err
		}
	}
	return c.Flush()
}

// ofChange begins the receipt of a change of flags.
func ofChange(r *stream.FlagChange, result receipt.Result) receipt.Receipt {
	return receipt.Receipt{
		Result: result, Folder: r.Folder, UIDValidity: jsonnum.Uint64(r.UIDValidity), UID: jsonnum.Uint64(r.UID),
		Target: r.Target, TargetUIDValidity: jsonnum.Uint64(r.TargetUIDValidity),
		TargetUID: jsonnum.Uint64(r.TargetUID),
	}
}

// Flush carries out the batch and writes its receipts.
func (c *Changer) Flush() error {
	changes := c.batch
	if len(changes) == 0 {
		return nil
	}
	err := c.carryOut(changes)
	if err == nil || c.keeper.receipts.Broken() {
		c.batch = nil // else they get receipts at the end of the run
	}
	return err
}

// carryOut carries out changes of one folder.
func (c *Changer) carryOut(changes []*stream.FlagChange) error {
	if c.dryRun {
		return c.answerAll(changes, receipt.Skipped, "dry-run", "")
	}
	if err := c.session.Connect(); err != nil {
		return err
	}
	t := c.session.Folder(changes[0].Target)
	if !t.Exists {
		return c.answerAll(changes, receipt.Failed, "no-folder", "the folder is not there")
	}
	if err := c.session.Prepare(t, c.look); err != nil {
		return err
	}
	if t.Refused != nil {
		return c.answerAll(changes, receipt.Failed, "no-folder", t.Refused.Error())
	}
	if err := t.Refuse(c.session.Open(t)); err != nil {
		return err
	}
	if t.Refused != nil {
		return c.answerAll(changes, receipt.Failed, "no-folder", t.Refused.Error())
	}
	for _, r := range changes {
		if r.TargetUIDValidity != c.session.Box.UIDValidity {
			return c.answerAll(changes, receipt.Failed, string(imapconn.UIDValidityChanged),
				fmt.Sprintf("the folder's UIDVALIDITY is %d now: make a new plan", c.session.Box.UIDValidity))
		}
	}
	return c.store(t, changes)
}

func (c *Changer) answerAll(changes []*stream.FlagChange, result receipt.Result, reason, text string) error {
	for _, r := range changes {
		x := ofChange(r, result)
		x.Reason, x.Text = reason, text
		if err := c.answerChange(x); err != nil {
			return err
		}
	}
	return c.keeper.receipts.Flush()
}

func (c *Changer) answerChange(x receipt.Receipt) error {
	switch x.Result {
	case receipt.Failed, receipt.Rejected:
		c.undone++
	case receipt.Flagged:
		c.keeper.receipts.Sums.Flagged++
	}
	return c.keeper.receipts.Put(x)
}

// store changes the flags of messages in the open folder. What they have by now
// is read first, so that nothing is sent for a message that is as it should be.
func (c *Changer) store(t *destination.Folder, changes []*stream.FlagChange) error {
	have, unknown, err := c.flagsOf(changes)
	if err != nil {
		return c.refuseChanges(changes, err)
	}
	answers := make([]receipt.Receipt, len(changes))
	additions, removals := storeGroups{}, storeGroups{}
	for i, r := range changes {
		x := ofChange(r, receipt.Present)
		now, there := have[r.TargetUID]
		if unknown[r.TargetUID] {
			x.Result, x.Reason, x.Text = receipt.Failed, "flags-unknown",
				"the server does not tell which flags the message has: nothing is changed"
			answers[i] = x
			continue
		}
		if !there {
			x.Result, x.Reason, x.Text = receipt.Failed, "expunged", "the message is not there any more"
			answers[i] = x
			continue
		}
		wanted, _ := c.keeper.policy.Apply(r.Add)
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
	err = c.storeGroups(imapconn.AddFlags, additions, answers)
	if err == nil {
		err = c.storeGroups(imapconn.RemoveFlags, removals, answers)
	}
	if err != nil {
		return c.refuseChanges(changes, err)
	}
	if err := c.unchanged(changes, answers, additions, removals); err != nil {
		return c.refuseChanges(changes, err)
	}
	for i, x := range answers {
		c.keeper.CountDropped(x.DroppedFlags)
		r := changes[i]
		m := &batch.Message{Message: stream.Message{Folder: r.Folder, UIDValidity: r.UIDValidity, UID: r.UID}}
		lacking := flags.Without(r.Add, flags.Without(r.Add, x.DroppedFlags))
		c.keeper.Lack(t, m, r.TargetUIDValidity, r.TargetUID, lacking)
		if err := c.answerChange(x); err != nil {
			return err
		}
	}
	return c.keeper.receipts.Flush()
}

func (c *Changer) storeGroups(action imapconn.StoreAction, groups storeGroups, answers []receipt.Receipt) error {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		dropped, err := c.session.Box.Store(c.session.Ctx, g.uids, action, g.flags)
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
func (c *Changer) unchanged(changes []*stream.FlagChange, answers []receipt.Receipt,
	additions, removals storeGroups) error {
	if len(additions)+len(removals) == 0 {
		return nil
	}
	have, _, err := c.flagsOf(changes)
	if err != nil {
		return err
	}
	check := func(groups storeGroups, left func(asked, now []string) []string) {
		for _, g := range groups {
			for _, i := range g.changes {
				now, told := have[changes[i].TargetUID]
				if told && len(left(flags.Without(g.flags, answers[i].DroppedFlags), now)) > 0 {
					x := &answers[i]
					x.Result, x.Reason, x.Text = receipt.Rejected, "flags",
						"the server says that it has changed the flags, and has not"
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
func (c *Changer) refuseChanges(changes []*stream.FlagChange, err error) error {
	if destination.OfFolder(err) {
		return c.answerAll(changes, receipt.Rejected, "flags", err.Error())
	}
	return err
}

// flagsOf reads the flags that messages of the open folder have now.
func (c *Changer) flagsOf(changes []*stream.FlagChange) (have map[uint64][]string, unknown map[uint64]bool, err error) {
	uids := make([]uint64, len(changes))
	for i, r := range changes {
		uids[i] = r.TargetUID
	}
	return c.session.FlagsOf(uids)
}
