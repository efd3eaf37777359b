package cleanup

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// position is a message on one side: box is a number in appendLog.names.
type position struct {
	validity, uid uint64
	box           uint32
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.box, o.box), cmp.Compare(p.validity, o.validity), cmp.Compare(p.uid, o.uid))
}

// appended is one message that the destination acknowledged.
type appended struct {
	source, target position // target.uid is 0 where the server did not tell it
	key, sent      [16]byte
	rung, sentRung uint8
	octets         [16]byte // first half of the sha256 of what was sent; zero where it is not known
	from           uint64   // where the server told no UID: it is not below
	unreadable     bool     // after confirm: its folder cannot be read
	marked         bool     // after confirm: it may be marked \Deleted there
	guessed        bool     // the server told no UID, and several messages there may be it
}

// appendLog are what runs of imap-push into one account have done, about 100 bytes
// a message.
type appendLog struct {
	account account.Account // of the source, empty where nothing came
	recipe  headerkey.Recipe
	all     []appended
	unsure  []appended      // after confirm: nobody can tell whether they are there
	created map[string]bool // folders of the destination
	names   []string
	numbers map[string]uint32

	runs, others int  // into this account, and into others
	now          *run // the last of these

	removed      []removal         // what some run may have deleted, in any account
	gone         map[position]bool // after takeMoved: those of the source
	contradicted map[string]bool   // source folders about which their server contradicts itself
}

// removal is a message that may have been deleted. Where its UID is 0, all of its folder
// may have been.
type removal struct {
	account account.Account
	position
}

func (d *appendLog) number(name string) uint32 {
	n, ok := d.numbers[name]
	if !ok {
		n = uint32(len(d.names))
		d.names = append(d.names, name)
		d.numbers[name] = n
	}
	return n
}

// readAppendLog reads the receipts of runs into one account. Those of a dry run,
// and of runs into other accounts, say nothing. source is where the messages
// must come from, nil for any one account: of those from elsewhere it is only
// known that their copies are not to be touched.
func readAppendLog(in io.Reader, source *account.Account, destination account.Account) (*appendLog, error) {
	foreign := map[position]bool{}
	d := &appendLog{created: map[string]bool{}, contradicted: map[string]bool{}, numbers: map[string]uint32{}}
	r := receipt.NewReader(in)
	for record, err := range r.All() {
		if err != nil {
			return nil, err
		}
		switch x := record.(type) {
		case *receipt.Begin:
			err = d.begin(x, source, destination)
		case *receipt.Receipt:
			run := r.Run()
			if run.DryRun {
				break
			}
			if mayBeDeleted(x) {
				d.remove(run, x.Target, x.TargetUIDValidity, x.TargetUID)
			}
			if run.Destination != destination {
				break
			}
			if source != nil && run.Source != *source {
				if (x.Result == receipt.Appended || x.Result == receipt.Present) && x.TargetUID != 0 {
					foreign[position{uint64(x.TargetUIDValidity), uint64(x.TargetUID), d.number(x.Target)}] = true
				}
				break
			}
			if x.Result == receipt.Appended {
				err = d.fits(d.now)
			}
			d.add(x)
		case *receipt.Deleting:
			if r.Run().DryRun {
				break
			}
			if len(x.TargetUIDs) == 0 {
				d.remove(r.Run(), x.Target, x.TargetUIDValidity, 0)
			}
			for _, uid := range x.TargetUIDs {
				d.remove(r.Run(), x.Target, x.TargetUIDValidity, uid)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	d.all = slices.DeleteFunc(d.all, func(x appended) bool { return foreign[x.target] })
	// A receipt that stands twice, as in two copies of a file, is one.
	slices.SortFunc(d.all, func(a, b appended) int {
		return cmp.Or(a.source.compare(b.source),
			a.target.compare(b.target))
	})
	d.all = slices.Compact(d.all)
	if d.runs == 0 {
		return nil, fault.Errorf(fault.NoInput, "the receipts tell of no run into the account of %s",
			destination.Words()).WithHint("name the account as imap-push was told it")
	}
	return d, nil
}

// remove notes what a run may have deleted; uid is 0 where it is a folder.
func (d *appendLog) remove(run *receipt.Begin, target string, validity, uid jsonnum.Uint64) {
	d.removed = append(d.removed,
		removal{run.Destination, position{uint64(validity), uint64(uid), d.number(target)}})
}

// mayBeDeleted reports whether a receipt answers for a folder or message of the
// destination that a run has deleted, or may have: one that is in doubt, and one that was
// gone when its turn came. Another run may have deleted that, and its receipts be lost.
func mayBeDeleted(x *receipt.Receipt) bool {
	switch x.Result {
	case receipt.Deleted, receipt.Removed:
		return true
	case receipt.Expunged, receipt.Failed:
		return x.UID == 0 && x.TargetUID != 0 // else it is about a message of the source
	}
	return false
}

func (d *appendLog) begin(b *receipt.Begin, source *account.Account, destination account.Account) error {
	if b.Destination != destination {
		d.others++
		return nil
	}
	if b.DryRun {
		return nil
	}
	recipe, err := headerkey.ParseRecipe(cmp.Or(b.Key, headerkey.Default))
	if err != nil {
		return fault.Errorf(fault.Data, "the receipts' key recipe: %w", err)
	}
	d.now = &run{b.Source, recipe}
	if d.runs++; d.runs == 1 || source != nil && b.Source == *source && len(d.all) == 0 {
		d.take(d.now)
	}
	return nil
}

// run is where the messages of a run came from.
type run struct {
	source account.Account
	recipe headerkey.Recipe
}

func (d *appendLog) take(run *run) {
	d.account, d.recipe = run.source, run.recipe
}

// fits refuses a run whose messages are of another source than those before. A
// run that has brought none, as one that only deletes, may be of any.
func (d *appendLog) fits(run *run) error {
	switch {
	case len(d.all) == 0:
		d.take(run)
	case run.source != d.account:
		return fault.Errorf(fault.Usage, "the receipts are of two sources, %s and %s", d.account.Words(),
			run.source.Words()).WithHint("give the runs of one of them")
	case run.recipe.String() != d.recipe.String():
		return fault.Errorf(fault.Usage, "the receipts are of runs with two keys, %q and %q", d.recipe,
			run.recipe).WithHint("give the runs of one of them")
	}
	return nil
}

// takeMoved takes out those whose message runs may have deleted at the source: the
// destination may have the only copy.
func (d *appendLog) takeMoved() (moved []appended) {
	d.gone = map[position]bool{}
	for i := range d.removed {
		if x := &d.removed[i]; x.account == d.account {
			d.gone[x.position] = true
		}
	}
	d.removed = nil
	d.all = slices.DeleteFunc(d.all, func(x appended) bool {
		gone := d.isGone(x.source)
		if gone {
			moved = append(moved, x)
		}
		return gone
	})
	return moved
}

// isGone reports whether runs may have deleted a message at the source, or its folder.
func (d *appendLog) isGone(p position) bool {
	return d.gone[p] || d.gone[position{p.validity, 0, p.box}]
}

// mayHaveRemoved reports whether runs may have deleted a message at the source. That the
// source lacks it now is then no reason to delete anything.
func (d *appendLog) mayHaveRemoved(m *stream.Message) bool {
	if d == nil {
		return false
	}
	box, known := d.numbers[m.Folder]
	return known && d.isGone(position{m.UIDValidity, m.UID, box})
}

// add takes the receipt of a message that the destination has acknowledged. One
// that was found there may be another of the same look.
func (d *appendLog) add(x *receipt.Receipt) {
	if x.Result == receipt.Failed && x.Reason == string(stream.ReasonContradiction) && x.UID == 0 {
		d.contradicted[x.Folder] = true
	}
	if x.Result == receipt.Created && x.Target != "" {
		d.created[x.Target] = true
	}
	if x.Result != receipt.Appended || x.UID == 0 || x.UIDValidity == 0 || x.Folder == "" || x.Target == "" {
		return
	}
	e := match.Evidence{}
	e.SetKey(x.Key)
	if x.Key == "" || e.KeyText() != x.Key {
		return // nobody can tell whether it is still the same
	}
	sent := e
	if x.SentKey != "" { // it was changed on its way
		sent = match.Evidence{}
		if sent.SetKey(x.SentKey); sent.KeyText() != x.SentKey {
			return
		}
	}
	var octets match.Evidence
	octets.SetSHA(x.SentSHA256)
	d.all = append(d.all, appended{
		octets: octets.SHA, from: uint64(x.TargetUIDFrom),
		source: position{uint64(x.UIDValidity), uint64(x.UID), d.number(x.Folder)},
		target: position{uint64(x.TargetUIDValidity), uint64(x.TargetUID), d.number(x.Target)},
		key:    e.Key, rung: e.Rung, sent: sent.Key, sentRung: sent.Rung,
	})
}

// dropContradicted drops those of folders about which the source contradicts
// itself: a UID may be of another message there. It returns how many.
func (d *appendLog) dropContradicted() int {
	return d.drop(func(x appended) bool { return d.contradicted[d.names[x.source.box]] })
}

// dropOvershown drops those of folders that show more messages than they
// count, and returns how many.
func (d *appendLog) dropOvershown(dest diff.Destination) int {
	byTarget := diff.TargetsByName(dest.Folders(), dest.Namespace().Delimiter)
	return d.drop(func(x appended) bool {
		t := byTarget[d.names[x.target.box]]
		return t != nil && t.ShowsMore
	})
}

// dropMarked drops those that the next EXPUNGE of any client may remove from the
// destination. It returns how many messages of the source stay for that, and the place
// of one of them.
func (d *appendLog) dropMarked() (n int, first string) {
	before := d.sources()
	d.drop(func(x appended) bool {
		if x.marked && first == "" {
			first = fmt.Sprintf("%s UID %d", folder.Quote(d.names[x.source.box]), x.source.uid)
		}
		return x.marked
	})
	return before - d.sources(), first
}

// drop drops some, and returns how many.
func (d *appendLog) drop(some func(appended) bool) int {
	before := len(d.all)
	d.all = slices.DeleteFunc(d.all, some)
	return before - len(d.all)
}

// sort puts them in the order of their names on one side, and keeps each
// message of that side once.
func (d *appendLog) sort(side func(*appended) position) {
	slices.SortFunc(d.all, func(a, b appended) int {
		p, q := side(&a), side(&b)
		return cmp.Or(cmp.Compare(d.names[p.box], d.names[q.box]), cmp.Compare(p.validity, q.validity),
			cmp.Compare(p.uid, q.uid), bytes.Compare(a.key[:], b.key[:]))
	})
	d.all = slices.CompactFunc(d.all, func(a, b appended) bool { return side(&a) == side(&b) })
}

// sources counts the messages of the source that they are about.
func (d *appendLog) sources() int {
	places := make([]position, len(d.all))
	for i := range d.all {
		places[i] = d.all[i].source
	}
	slices.SortFunc(places, position.compare)
	return len(slices.Compact(places))
}

func atSource(d *appended) position { return d.source }
func atTarget(d *appended) position { return d.target }

// deletion asks for the removal of one of them at its source.
func (d *appendLog) deletion(x *appended) *stream.Delete {
	return d.record(x.source, match.Evidence{Key: x.key, Rung: x.rung})
}

// retraction asks for the removal of what came of it at the destination.
func (d *appendLog) retraction(x *appended) *stream.Delete {
	return d.record(x.target, match.Evidence{Key: x.sent, Rung: x.sentRung})
}

func (d *appendLog) record(p position, key match.Evidence) *stream.Delete {
	return &stream.Delete{Target: d.names[p.box], TargetUIDValidity: p.validity, TargetUID: p.uid, Key: key.KeyText()}
}
