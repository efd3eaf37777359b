package cleanup

import (
	"bufio"
	"cmp"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// ExtraOptions say which messages of the destination are to be deleted that the
// source lacks: those that are proven to have come from it, or all.
type ExtraOptions struct {
	All      bool             // the destination becomes a mirror of the source
	Receipts io.Reader        // of runs from this source into this destination, or nil
	Earlier  []*stream.Reader // earlier streams of this source
}

// AddProof takes receipts or an earlier stream, whichever it is. Receipts that are
// given several times count together.
func (d *ExtraOptions) AddProof(in io.Reader) error {
	b := bufio.NewReader(in)
	head, err := b.Peek(1)
	if err != nil && err != io.EOF {
		return fault.Wrap(fault.IO, err)
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

// ExtraCounts counts what becomes of the messages that the source lacks, in the
// folders that it holds whole.
type ExtraCounts struct {
	Deleted   int
	Unproven  int // nothing proves that they came from this source
	Ambiguous int // they cannot be told from one that stays, or that one may be marked \Deleted
	Moved     int // runs may have deleted them at the source
}

// ExtraFinder finds them. It looks at what a comparison has left unclaimed.
type ExtraFinder struct {
	How      *ExtraOptions
	Opt      *diff.Options
	appended *appendLog
	moved    map[position]bool // by their place there: messages that may have been deleted at the source on purpose
	still    []bool            // by appended message: the source still has its message
	earlier  *earlier
	byBox    map[uint32][]int // messages that were appended, by the folder there
	Found    []deletion
	Counts   ExtraCounts
}

// deletion is one message to be deleted, packed: there may be many.
type deletion struct {
	target      *diff.Target
	uid, copyOf uint64
	key         [16]byte
	rung        uint8
}

// Record returns what asks for the deletion in a plan.
func (x *deletion) Record() *stream.Delete {
	e := match.Evidence{Key: x.key, Rung: x.rung}
	return &stream.Delete{Target: x.target.Name, TargetUIDValidity: x.target.UIDValidity, TargetUID: x.uid,
		Key: e.KeyText(), CopyOf: x.copyOf}
}

// Prepare reads what proves where messages came from, once the folders of the
// source are known.
func (d *ExtraFinder) Prepare(c *diff.Comparison) (err error) {
	if d == nil {
		return nil
	}
	if d.How.Receipts != nil && d.appended == nil {
		source := c.Begin.Account()
		if d.appended, err = readAppendLog(d.How.Receipts, &source, c.Dest.Account()); err != nil {
			return err
		}
		if d.appended.account != source {
			return fault.Errorf(fault.Usage, "the receipts are of %s, and the source is %s", d.appended.account.Words(),
				source.Words())
		}
		if d.appended.recipe.String() != c.Recipe.String() {
			return fault.Errorf(fault.Usage, "the receipts have the key %q, and the source %q", d.appended.recipe,
				c.Recipe)
		}
		d.moved = map[position]bool{}
		for _, x := range d.appended.takeMoved() {
			d.moved[x.target] = true
		}
		slices.SortFunc(d.appended.all, func(a, b appended) int {
			return cmp.Or(a.source.compare(b.source),
				a.target.compare(b.target))
		})
		d.still = make([]bool, len(d.appended.all))
	}
	if len(d.How.Earlier) > 0 && d.earlier == nil {
		d.earlier, err = readEarlier(d.How.Earlier, c, d.appended)
	}
	return err
}

// NoteSource notes a message that the source has.
func (d *ExtraFinder) NoteSource(m *stream.Message) {
	if d == nil || d.appended == nil {
		return
	}
	box, known := d.appended.numbers[m.Folder]
	if !known {
		return
	}
	at := position{m.UIDValidity, m.UID, box}
	i, _ := slices.BinarySearchFunc(d.appended.all, at, func(x appended, p position) int { return x.source.compare(p) })
	for ; i < len(d.appended.all) && d.appended.all[i].source == at; i++ {
		d.still[i] = true
	}
}
