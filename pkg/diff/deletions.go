package diff

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Deletions say which messages of the destination are to be deleted that the
// source lacks: those that are proven to have come from it, or all.
type Deletions struct {
	All      bool             // the destination becomes a mirror of the source
	Receipts io.Reader        // of runs from this source into this destination, or nil
	Earlier  []*stream.Reader // earlier streams of this source
}

// AddProof takes receipts or an earlier stream, whichever it is. Receipts that are
// given several times count together.
func (d *Deletions) AddProof(in io.Reader) error {
	b := bufio.NewReader(in)
	head, err := b.Peek(1)
	if err != nil && err != io.EOF {
		return exit.Wrap(exit.IO, err)
	}
	if line, _ := b.Peek(len(receiptsOpening)); string(line) == receiptsOpening || len(head) == 0 {
		if d.Receipts != nil {
			d.Receipts = io.MultiReader(d.Receipts, b)
		} else {
			d.Receipts = b
		}
		return nil
	}
	earlier := stream.NewReader(b, false)
	earlier.PassDeltas() // what one of them takes back was there before
	d.Earlier = append(d.Earlier, earlier)
	return nil
}

// receiptsOpening is how receipts begin.
const receiptsOpening = `{"type":"begin","format":"` + receipt.Format + `"`

// Deletion counts what becomes of the messages that the source lacks, in the
// folders that it holds whole.
type Deletion struct {
	Deleted   int
	Unproven  int // nothing proves that they came from this source
	Ambiguous int // they cannot be told from one that stays
	Moved     int // runs have deleted them at the source
}

// deleter finds them. It looks at what a comparison has left unclaimed.
type deleter struct {
	how     *Deletions
	opt     *Options
	deeds   *deeds
	moved   map[position]bool // by their place there: messages that were deleted at the source on purpose
	still   []bool            // by deed: the source still has its message
	earlier *earlier
	byBox   map[uint32][]int // deeds, by the folder there
	plan    []doomed
	sum     Deletion
}

// doomed is one message to be deleted, packed: there may be many.
type doomed struct {
	target      *Target
	uid, copyOf uint64
	key         [16]byte
	rung        uint8
}

func (x *doomed) record() *stream.Delete {
	e := match.Evidence{Key: x.key, Rung: x.rung}
	return &stream.Delete{Target: x.target.Name, TargetUIDValidity: x.target.UIDValidity, TargetUID: x.uid, Key: e.KeyText(), CopyOf: x.copyOf}
}

// sayFolders are the filters that choose whole folders.
var sayFolders = []string{"folder", "folder-rec", "include", "exclude", "subscribed", "namespace"}

// choosesFolders tells a filter that leaves whole folders out from one that
// leaves out messages.
func choosesFolders(filter string) bool {
	name, _, _ := strings.Cut(filter, "=")
	return slices.Contains(sayFolders, name)
}

// checkDeletions refuses a source on whose word nothing may be deleted.
func (p *planner) checkDeletions(b *stream.Begin) error {
	how := p.opt.Delete
	if how == nil {
		return nil
	}
	switch {
	case p.opt.Edited:
		return exit.Errorf(exit.Usage, "no message may be deleted for what is not in an edited source")
	case b.Base != "":
		return exit.Errorf(exit.Usage, "the source is a delta: what is not in it may not be deleted for that").WithHint("give the whole account")
	case p.opened != nil:
		return exit.Errorf(exit.Usage, "the source is several streams, and messages may be deleted on the word of one whole stream alone")
	case how.All && b.Account() == p.dest.Account():
		return exit.Errorf(exit.Usage, "the source and the destination are one account: a mirror of itself would lose what arrives meanwhile")
	}
	for _, f := range b.Filters {
		if how.All || !choosesFolders(f) {
			return exit.Errorf(exit.Usage, "the source leaves out %s: what is not in it may not be deleted for that", folder.Quote(f)).WithHint("--delete-extra=all wants the whole account, --delete-extra whole folders")
		}
	}
	return nil
}

// prepare reads what proves where messages came from, once the folders of the
// source are known.
func (d *deleter) prepare(c *comparison) (err error) {
	if d == nil {
		return nil
	}
	if d.how.Receipts != nil && d.deeds == nil {
		source := c.begin.Account()
		if d.deeds, err = readDeeds(d.how.Receipts, &source, c.dest.Account()); err != nil {
			return err
		}
		if d.deeds.account != source {
			return exit.Errorf(exit.Usage, "the receipts are of %s, and the source is %s", d.deeds.account.Words(), source.Words())
		}
		if d.deeds.recipe.String() != c.recipe.String() {
			return exit.Errorf(exit.Usage, "the receipts have the key %q, and the source %q", d.deeds.recipe, c.recipe)
		}
		d.moved = map[position]bool{}
		for _, x := range d.deeds.takeMoved() {
			d.moved[x.target] = true
		}
		slices.SortFunc(d.deeds.all, func(a, b deed) int { return cmp.Or(a.source.compare(b.source), a.target.compare(b.target)) })
		d.still = make([]bool, len(d.deeds.all))
	}
	if len(d.how.Earlier) > 0 && d.earlier == nil {
		d.earlier, err = readEarlier(d.how.Earlier, c)
	}
	return err
}

// saw notes a message that the source has.
func (d *deleter) saw(m *stream.Message) {
	if d == nil || d.deeds == nil {
		return
	}
	box, known := d.deeds.numbers[m.Folder]
	if !known {
		return
	}
	at := position{m.UIDValidity, m.UID, box}
	i, _ := slices.BinarySearchFunc(d.deeds.all, at, func(x deed, p position) int { return x.source.compare(p) })
	for ; i < len(d.deeds.all) && d.deeds.all[i].source == at; i++ {
		d.still[i] = true
	}
}

// deletions writes a stream of its own with the messages to delete, once the
// source was read to a good end and nothing of it failed.
func (p *planner) deletions() error {
	d := p.deleter
	if d == nil || p.opened == nil {
		return nil
	}
	if p.last.Folders+p.last.Failed > 0 || p.w.Failures() > 0 {
		d.sum = Deletion{}
		p.opt.Warn("no message is to be deleted, since some of the source could not be had")
		return nil
	}
	p.opt.Say("%d to delete", d.sum.Deleted)
	if d.sum.Unproven > 0 {
		p.opt.Warn("%s: nothing proves that %s came from it", lacked(d.sum.Unproven), text.Either(d.sum.Unproven, "it", "they"))
	}
	if d.sum.Ambiguous > 0 {
		p.opt.Warn("%s: %s cannot be told from others of the same key", lacked(d.sum.Ambiguous), text.Either(d.sum.Ambiguous, "it", "they"))
	}
	if d.sum.Moved > 0 {
		p.opt.Warn("%s: the receipts tell that %s moved here", lacked(d.sum.Moved), text.Either(d.sum.Moved, "it was", "they were"))
	}
	if len(d.plan) == 0 {
		return nil
	}
	if err := p.w.Write(p.opened); err != nil {
		return err
	}
	for i := range d.plan {
		if err := p.w.Write(d.plan[i].record()); err != nil {
			return err
		}
	}
	return p.w.End(&stream.End{Plan: true})
}

// lacked says that messages which the source lacks are not deleted.
func lacked(n int) string {
	return text.Count(n, "message") + " that the source lacks " + text.Either(n, "stays", "stay")
}
