package diff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Held plans to delete from the account that a stream was taken from what the
// destination holds too, octet for octet: a move of what is there already,
// whoever has brought it. The stream must have the sha256 of its messages. One
// message of the destination stands for one of the source.
func Held(ctx context.Context, opt Options, in *stream.Reader, dest *Account, w *stream.Writer) (*Removal, error) {
	h := &holder{opt: &opt, waiting: map[uint32]int{}}
	c := newComparison(ctx, &opt, dest, h.handle)
	if err := c.run(in); err != nil {
		return nil, err
	}
	sum := &Removal{Listed: h.listed}
	h.pairs = slices.DeleteFunc(h.pairs, func(p heldPair) bool { return slices.Contains(h.failed, p.source.Name) })
	if h.begin == nil {
		return sum, exit.Errorf(exit.Data, "the source holds no stream")
	}
	b := h.begin
	if h.itself(b.Account() == dest.Account()) {
		return sum, exit.Errorf(exit.Usage, "the account that is compared shows the messages under the UIDs that they have at the source: it is the same account, and they would be gone for good").WithHint("name the other account; what imap-push has carried over goes by --move RECEIPTS")
	}
	begin := stream.Begin{
		Tool: opt.Tool, Content: stream.Headers, Plan: true,
		Key: b.Key, Filters: b.Filters, Labels: stream.MergeLabels(b.Labels, opt.Labels),
	}
	begin.SetAccount(dest.Account())
	begin.SetTarget(b.Account())
	if err := w.Write(&begin); err != nil {
		return sum, err
	}
	for rest := h.pairs; len(rest) > 0; {
		n := 1
		for n < min(len(rest), readTogether) && rest[n].target == rest[0].target {
			n++
		}
		if err := h.prove(rest[:n], w, sum); err != nil {
			return sum, err
		}
		rest = rest[n:]
	}
	return sum, w.End(&stream.End{Plan: true})
}

// itself tells whether the messages were compared with themselves: a message
// that stands for itself is no copy of it. Of an account of the same name, one
// under its own UID tells; one of another name may have the UIDVALIDITY of a
// folder by accident, so that all folders must look so there.
func (h *holder) itself(sameName bool) bool {
	same, pairs := map[*Target]int{}, map[*Target]int{}
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

// readTogether is how many messages are read before those that agree are
// written.
const readTogether = 1000

// holder keeps who was paired with whom.
type holder struct {
	opt     *Options
	begin   *stream.Begin
	listed  int
	pairs   []heldPair
	waiting map[uint32]int // by ordinal: its place in pairs
	last    int            // whose parts are under way, or -1
	failed  []string       // folders of the source
}

// heldPair is a message of the source and what it was found to be, if anything.
type heldPair struct {
	source   *source
	target   *Target
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
func (h *holder) handle(event any) error {
	switch e := event.(type) {
	case *started:
		return h.start(e.begin)
	case *compared:
		h.message(e)
	case *excluded, *repeated:
		h.last = -1
	case *retracted:
		if h.last >= 0 {
			h.pairs[h.last].known = false
		}
	case *stream.Body:
		if h.last >= 0 && e.Part == e.Parts {
			h.pairs[h.last].take(e.SHA256)
		}
	case *resolved:
		for _, p := range e.Pairs {
			h.setEntry(p.Ordinal, p.Entry)
		}
		h.forget(e.Mistaken)
	case *mistaken:
		h.forget(e.claimants)
	case *stream.Failed:
		if e.UID == 0 { // nothing of the folder is deleted
			h.failed = append(h.failed, e.Folder)
		}
	}
	return nil
}

// setEntry sets what a message was found to be; nil: nothing.
func (h *holder) setEntry(ordinal uint32, e *match.Entry) {
	if i, ok := h.waiting[ordinal]; ok {
		h.pairs[i].entry = e
	}
}

// forget forgets messages whose place another has.
func (h *holder) forget(claimants []match.Claimant) {
	for _, c := range claimants {
		h.setEntry(uint32(c), nil)
	}
}

func (h *holder) start(b *stream.Begin) error {
	if h.begin != nil {
		return exit.Errorf(exit.Usage, "the source is several streams").WithHint("give one")
	}
	h.begin = b
	if b.Content == stream.Headers {
		return exit.Errorf(exit.Usage, "the source has headers only, and what is deleted has to be compared octet for octet").WithHint("leave --headers out")
	}
	return nil
}

func (h *holder) message(c *compared) {
	m := c.message
	h.listed++
	h.last = -1
	if c.verdict != match.Present && c.verdict != match.Undecided {
		return
	}
	look := match.EvidenceOf(m)
	p := heldPair{source: c.source, target: c.source.target, entry: c.entry, ordinal: c.ordinal, uid: m.UID, validity: m.UIDValidity, key: look.Key, rung: look.Rung}
	p.take(m.SHA256)
	h.last = len(h.pairs)
	h.waiting[c.ordinal] = h.last
	h.pairs = append(h.pairs, p)
}

func (p *heldPair) take(digest string) {
	n, err := hex.Decode(p.sum[:], []byte(digest[:min(len(digest), 2*sha256.Size)]))
	p.known = err == nil && n == sha256.Size
}

// prove reads what messages of one folder were found to be, and asks for the
// deletion of those whose octets are there.
func (h *holder) prove(pairs []heldPair, w *stream.Writer, sum *Removal) error {
	prover, ok := pairs[0].target.matcher.Reader.(*accountReader)
	if !ok {
		return nil
	}
	var entries []*match.Entry
	for i := range pairs {
		if pairs[i].entry != nil && pairs[i].known {
			entries = append(entries, pairs[i].entry)
		}
	}
	sums, err := prover.sums(entries)
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
		taken[p.entry.UID()] = true
		sum.Deleted++
		d := &stream.Delete{Target: p.source.Name, TargetUIDValidity: p.validity, TargetUID: p.uid, Key: e.KeyText(), SHA256: hex.EncodeToString(p.sum[:])}
		if err := w.Write(d); err != nil {
			return err
		}
	}
	return nil
}
