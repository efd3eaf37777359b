package cleanup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Present plans to delete from the account that a stream was taken from what the
// destination holds too, byte for byte: a move of what is there already,
// whoever has brought it. The stream must have the sha256 of its messages. One
// message of the destination stands for one of the source.
func Present(ctx context.Context, opt diff.Options, in *stream.Reader, dest *diff.Account,
	w *stream.Writer) (*Removal, error) {
	h := &presentFinder{opt: &opt, waiting: map[uint32]int{}}
	c := diff.NewComparison(ctx, &opt, dest, h.handle)
	if err := c.Run(in); err != nil {
		return nil, err
	}
	sum := &Removal{Listed: h.listed}
	h.pairs = slices.DeleteFunc(h.pairs, func(p presentPair) bool { return slices.Contains(h.failed, p.source.Name) })
	if h.begin == nil {
		return sum, fault.Errorf(fault.Data, "the source holds no stream")
	}
	b := h.begin
	if h.itself(b.Account() == dest.Account()) {
		return sum,
			fault.Errorf(fault.Usage,
				"the account that is compared shows the messages under the UIDs that they have at the source: "+
					"it is the same account, and they would be gone for good").
				Because(ErrOneAccount)
	}
	if err := begin(w, &opt, b, dest.Account(), b.Account()); err != nil {
		return sum, err
	}
	for rest := h.pairs; len(rest) > 0; {
		n := 1
		for n < min(len(rest), readBatch) && rest[n].target == rest[0].target {
			n++
		}
		if err := h.prove(rest[:n], w, sum); err != nil {
			return sum, err
		}
		rest = rest[n:]
	}
	if h.marked > 0 {
		opt.Warn(`%s %s, as %s: their copies are marked \Deleted at the destination, or may be`,
			text.Count(h.marked, "message"), text.Either(h.marked, "stays", "stay"), h.firstMarked)
	}
	return sum, w.End(&stream.End{Plan: true})
}

// itself reports whether the messages were compared with themselves: a message
// that stands for itself is no copy of it. Of an account of the same name, one
// under its own UID tells; one of another name may have the UIDVALIDITY of a
// folder by accident, so that all folders must look so there.
func (h *presentFinder) itself(sameName bool) bool {
	same, pairs := map[*diff.Target]int{}, map[*diff.Target]int{}
	for i := range h.pairs {
		p := &h.pairs[i]
		if p.entry == nil {
			continue
		}
		pairs[p.target]++
		if p.validity == p.target.UIDValidity && p.uid == p.entry.UID() && p.target.UIDNext >= p.source.UIDNext {
			if sameName && p.source.Name == p.target.Name {
				return true
			}
			same[p.target]++
		}
	}
	for t, n := range pairs {
		if 2*same[t] <= n {
			return false
		}
	}
	return len(pairs) > 0
}

// readBatch is how many messages are read before those that agree are
// written.
const readBatch = 1000

// presentFinder keeps who was paired with whom.
type presentFinder struct {
	opt     *diff.Options
	begin   *stream.Begin
	listed  int
	pairs   []presentPair
	waiting map[uint32]int // by ordinal: its place in pairs
	last    int            // whose parts are under way, or -1
	failed  []string       // folders of the source

	marked      int // messages whose copies may be marked \Deleted
	firstMarked string
}

// presentPair is a message of the source and what it was found to be, if anything.
type presentPair struct {
	source   *diff.Source
	target   *diff.Target
	entry    *match.Entry // nil: nothing
	ordinal  uint32
	uid      uint64
	validity uint64
	sum      [sha256.Size]byte
	key      [16]byte
	rung     uint8
	known    bool // sum
}

// handle takes an event of the comparison.
func (h *presentFinder) handle(event any) error {
	switch e := event.(type) {
	case *diff.Started:
		return h.start(e.Begin)
	case *diff.Compared:
		h.message(e)
	case *diff.Excluded, *diff.Repeated:
		h.last = -1
	case *diff.Retracted:
		if h.last >= 0 {
			h.pairs[h.last].known = false
		}
	case *stream.Body:
		if h.last >= 0 && e.Part == e.Parts {
			h.pairs[h.last].take(e.SHA256)
		}
	case *diff.Resolved:
		for _, p := range e.Pairs {
			h.setEntry(p.Ordinal, p.Entry)
		}
		h.forget(e.Mistaken)
	case *diff.Mistaken:
		h.forget(e.Claimants)
	case *stream.Failed:
		if e.UID == 0 { // nothing of the folder is deleted
			h.failed = append(h.failed, e.Folder)
		}
	}
	return nil
}

// setEntry sets what a message was found to be; nil: nothing.
func (h *presentFinder) setEntry(ordinal uint32, e *match.Entry) {
	if i, ok := h.waiting[ordinal]; ok {
		h.pairs[i].entry = e
	}
}

// forget forgets messages whose place another has.
func (h *presentFinder) forget(claimants []match.Claimant) {
	for _, c := range claimants {
		h.setEntry(uint32(c), nil)
	}
}

// Why Present refuses, where users can change it.
var (
	ErrOneAccount  = errors.New("source and destination are one account")
	ErrHeadersOnly = errors.New("the source has headers only")
)

func (h *presentFinder) start(b *stream.Begin) error {
	if h.begin != nil {
		return fault.Errorf(fault.Usage, "the source is several streams").WithHint("give one")
	}
	h.begin = b
	if b.Content == stream.Headers {
		return fault.Errorf(fault.Usage,
			"the source has headers only, and what is deleted has to be compared octet for octet").
			Because(ErrHeadersOnly)
	}
	return nil
}

func (h *presentFinder) message(c *diff.Compared) {
	m := c.Message
	h.listed++
	h.last = -1
	if c.Verdict != match.Present && c.Verdict != match.Undecided {
		return
	}
	look := match.EvidenceOf(m)
	p := presentPair{source: c.Source, target: c.Source.Target, entry: c.Entry, ordinal: c.Ordinal, uid: m.UID,
		validity: m.UIDValidity, key: look.Key, rung: look.Rung}
	p.take(m.SHA256)
	h.last = len(h.pairs)
	h.waiting[c.Ordinal] = h.last
	h.pairs = append(h.pairs, p)
}

func (p *presentPair) take(digest string) {
	n, err := hex.Decode(p.sum[:], []byte(digest[:min(len(digest), 2*sha256.Size)]))
	p.known = err == nil && n == sha256.Size
}

// prove reads what messages of one folder were found to be, and asks for the
// deletion of those whose bytes are there.
func (h *presentFinder) prove(pairs []presentPair, w *stream.Writer, sum *Removal) error {
	prover, ok := pairs[0].target.Matcher.Reader.(*diff.AccountReader)
	if !ok {
		return nil
	}
	var entries []*match.Entry
	for i := range pairs {
		if pairs[i].entry != nil && pairs[i].known {
			entries = append(entries, pairs[i].entry)
		}
	}
	sums, err := prover.FullDigests(entries)
	if err != nil {
		return err
	}
	taken := map[uint64]bool{}
	for i := range pairs {
		p := &pairs[i]
		if p.entry == nil || !p.known || taken[p.entry.UID()] {
			continue
		}
		e := match.Evidence{Key: p.key, Rung: p.rung}
		if there, read := sums[p.entry.UID()]; !read || there != p.sum || e.KeyText() == "" {
			continue
		}
		if mayBeExpunged(p.target.Matcher, p.entry) {
			if h.marked++; h.marked == 1 {
				h.firstMarked = fmt.Sprintf("%s UID %d", folder.Quote(p.source.Name), p.uid)
			}
			continue
		}
		taken[p.entry.UID()] = true
		sum.Deleted++
		d := &stream.Delete{Target: p.source.Name, TargetUIDValidity: p.validity, TargetUID: p.uid, Key: e.KeyText(),
			SHA256: hex.EncodeToString(p.sum[:])}
		if err := w.Write(d); err != nil {
			return err
		}
	}
	return nil
}
