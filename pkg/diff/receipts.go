package diff

import (
	"cmp"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/memory"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Receipts are what earlier runs of imap-push said. A message that one of them
// has carried over is present as long as the destination folder has it under
// the UID of then, whatever the server has made of its header since.
type Receipts struct {
	// Open opens them, for each source account once.
	Open func() (io.ReadCloser, error)

	source, destination account.Account
	index               *receiptIndex // of these two
}

// receiptIndex tells where the messages of one account went in another.
type receiptIndex struct {
	places     map[folderOf][]landed // sorted by UID, those of later runs behind
	targets    map[folderOf]uint32   // a number for each destination folder
	withoutUID int                   // messages of which the destination told no UID
	runs       int                   // between the two accounts
	others     int                   // between others
	size       int                   // messages
}

// folderOf is a folder as it was in a run.
type folderOf struct {
	folder   string
	validity uint64
}

// landed is where one message of a place went. There may be millions.
type landed struct {
	uid       uint64
	targetUID uint64 // UID there
	target    uint32 // the number of the folder there
	key       uint32 // of a message that imap-diff has matched: its short key; else 0
}

// carriedOctets is about what a message takes, with its place among those that
// are reserved.
const carriedOctets = 80

// between reads the receipts of runs from one account to another.
func (r *Receipts) between(source, destination account.Account) (*receiptIndex, error) {
	if r.index != nil && r.source == source && r.destination == destination {
		return r.index, nil
	}
	in, err := r.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	l := &receiptIndex{places: map[folderOf][]landed{}, targets: map[folderOf]uint32{}}
	if err := l.read(receipt.NewReader(in), source, destination); err != nil {
		return nil, err
	}
	r.source, r.destination, r.index = source, destination, l
	return l, nil
}

func (l *receiptIndex) read(in *receipt.Reader, source, destination account.Account) error {
	for rec, err := range in.All() {
		if err != nil {
			return err
		}
		run := in.Run()
		if run == nil || run.DryRun || run.Source != source || run.Destination != destination {
			if _, begins := rec.(*receipt.Begin); begins {
				l.others++
			}
			continue
		}
		switch x := rec.(type) {
		case *receipt.Begin:
			l.runs++
		case *receipt.Receipt:
			l.take(x)
		}
	}
	for _, list := range l.places {
		slices.SortStableFunc(list, func(a, b landed) int { return cmp.Compare(a.uid, b.uid) })
	}
	return nil
}

func (l *receiptIndex) take(x *receipt.Receipt) {
	ofFlags := x.Result == receipt.Present && x.Key == "" // of a message that was paired by its look
	if x.Result != receipt.Appended && x.Result != receipt.Present || x.UID == 0 || ofFlags {
		return
	}
	if x.TargetUID == 0 || x.TargetUIDValidity == 0 {
		if x.Result == receipt.Appended {
			l.withoutUID++
		}
		return
	}
	to := folderOf{x.Target, uint64(x.TargetUIDValidity)}
	number, known := l.targets[to]
	if !known {
		number = uint32(len(l.targets))
		l.targets[to] = number
	}
	if l.size++; l.size%match.ChunkSize == 0 {
		memory.Keep(match.ChunkSize * carriedOctets)
	}
	at := folderOf{x.Folder, uint64(x.UIDValidity)}
	short := uint32(0)
	if x.Reason == receipt.ReasonMatched {
		e := match.Evidence{}
		e.SetKey(x.Key)
		short = e.ShortKey()
	}
	l.places[at] = append(l.places[at], landed{uint64(x.UID), uint64(x.TargetUID), number, short})
}

// each calls fn with where a message went in a folder, those of later runs first,
// until fn returns true.
func (l *receiptIndex) each(m *stream.Message, t *Target, fn func(*landed) bool) {
	number, known := l.targets[folderOf{t.Name, t.UIDValidity}]
	if !known {
		return
	}
	list := l.places[folderOf{m.Folder, m.UIDValidity}]
	end, _ := slices.BinarySearchFunc(list, m.UID+1, func(c landed, uid uint64) int { return cmp.Compare(c.uid, uid) })
	for i := end - 1; i >= 0 && list[i].uid == m.UID; i-- {
		if c := &list[i]; c.target == number && fn(c) {
			return
		}
	}
}

// openReceipts opens the receipts of the source and the destination, if there are
// receipts.
func (c *Comparison) openReceipts() error {
	if c.opt.Receipts == nil {
		return nil
	}
	source, destination := c.Begin.Account(), c.Dest.Account()
	before := c.opt.Receipts.index
	l, err := c.opt.Receipts.between(source, destination)
	if err != nil {
		return err
	}
	if c.receipts = l; l == before {
		return nil
	}
	if l.runs == 0 && l.others > 0 {
		c.opt.Warn("the receipts are of other runs than from %s to %s", source.Words(), destination.Words())
	}
	if l.withoutUID > 0 {
		c.opt.Warn("%d of the receipts name no UID at the destination, whose server does not tell them: "+
			"those messages are known by their keys alone", l.withoutUID)
	}
	return nil
}

// reserve keeps the messages of a destination folder that receipts name for
// those of the source that they are. Others of the same key may have them when
// nobody has come for them.
func (c *Comparison) reserve(t *Target) {
	if c.receipts == nil || t.reservedIn == c.Streams {
		return
	}
	if t.reservedIn = c.Streams; t.reserved == nil {
		t.reserved = map[uint64]*match.Entry{}
	}
	number, known := c.receipts.targets[folderOf{t.Name, t.UIDValidity}]
	if !known {
		return
	}
	// by UID: the short key, where all receipts that name it were written by matching, with one key
	matched := map[uint64]uint32{}
	for _, s := range c.Folders {
		for _, x := range c.receipts.places[folderOf{s.Name, s.UIDValidity}] {
			if x.target != number {
				continue
			}
			if _, before := t.reserved[x.targetUID]; !before {
				t.reserved[x.targetUID], matched[x.targetUID] = nil, x.key
			} else if matched[x.targetUID] != x.key {
				matched[x.targetUID] = 0
			}
		}
	}
	t.Matcher.Index.Each(func(e *match.Entry) {
		if _, wanted := t.reserved[e.UID()]; !wanted || e.Claimed != match.Unclaimed {
			return
		}
		if t.reserved[e.UID()] = e; matched[e.UID()] != e.ShortKey() { // else whoever has its key may have it
			e.Claimed = match.Reserved
		}
	})
}

// fromReceipts returns what a message became in an earlier run, or nil, and how sure that
// is. What was matched proves nothing while both have one key: those of that key are
// compared as if there were no receipts.
func (c *Comparison) fromReceipts(m *stream.Message, looks *match.Evidence, t *Target) (there *match.Entry,
	by match.Claim) {
	if c.receipts == nil {
		return nil, match.Unclaimed
	}
	c.receipts.each(m, t, func(x *landed) bool {
		e := t.reserved[x.targetUID]
		if e == nil || !e.IsFree() || x.key != 0 && e.Key == looks.Key && e.Rung == looks.Rung {
			return false
		}
		if there, by = e, match.Certain; x.key != 0 {
			by = match.Likely
		}
		return true
	})
	return there, by
}

// release gives back what nobody has come for.
func (t *Target) release() {
	for _, e := range t.reserved {
		if e != nil && e.Claimed == match.Reserved {
			e.Claimed = match.Unclaimed
		}
	}
	t.reserved = nil
}
