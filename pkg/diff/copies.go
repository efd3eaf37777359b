package diff

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// KindCopy is a message that the folder holds before it, octet for octet.
const KindCopy Kind = "copy"

// Copies finds the messages that a folder of an account holds twice. Those of
// one key and size are read, and only those with the same octets are copies of
// each other: the one with the lowest UID is no copy, unless it is marked
// \Deleted and another is not.
type Copies struct {
	account *Account
	opt     Options
	recipe  headerkey.Recipe
	Found   int
	Failed  int // folders that cannot be read
}

// NewCopies prepares to look through an account.
func NewCopies(opt Options, account *Account, recipe headerkey.Recipe) *Copies {
	return &Copies{account: account, opt: opt, recipe: recipe}
}

// copied is one message that is a copy of another.
type copied struct {
	*entry
	of   uint64
	sum  [sha256.Size]byte
	lost []string // flags that it has, and that one has not
}

// List tells of each copy.
func (c *Copies) List(out Printer) error {
	return c.each(func(t *Target, match *matcher, x *copied) error {
		d := &Difference{Type: "difference", Kind: KindCopy, Target: t.Name, TargetUID: jsonnum.Uint64(x.uid()), CopyOf: jsonnum.Uint64(x.of), Size: int64(x.size), Key: x.keyText()}
		if x.date != 0 {
			d.TargetDate = time.Unix(int64(x.date), 0).UTC().Format(time.RFC3339)
		}
		if list, ok := match.flags.list(x.flags); ok {
			d.TargetFlags = strings.Fields(list)
		}
		return out.Difference(d)
	})
}

// Plan plans to delete them.
func (c *Copies) Plan(w *stream.Writer) error {
	begin := stream.Begin{Tool: c.opt.Tool, Content: stream.Headers, Plan: true, Key: c.recipe.String(), Labels: c.opt.Labels}
	begin.SetAccount(c.account.Account())
	begin.SetTarget(c.account.Account())
	if err := w.Write(&begin); err != nil {
		return err
	}
	if err := c.account.Open(c.recipe); err != nil {
		return err
	}
	delimiter := c.account.Namespace().Delimiter
	for _, t := range c.account.Folders() {
		if t.Unreadable != "" {
			continue
		}
		err := w.Write(&stream.Folder{
			Name: t.Name, Delimiter: delimiter, Attributes: t.Attributes, Subscribed: t.Subscribed, UIDValidity: t.UIDValidity, UIDNext: t.UIDNext, Messages: t.Messages, Octets: -1,
			Target: t.Name, TargetUIDValidity: t.UIDValidity, TargetUIDNext: t.UIDNext,
		})
		if err != nil {
			return err
		}
	}
	end := stream.End{Plan: true}
	err := c.each(func(t *Target, _ *matcher, x *copied) error {
		if len(x.lost) > 0 {
			end.FlagChanges++
			err := w.Write(&stream.FlagChange{Folder: t.Name, UIDValidity: t.UIDValidity, UID: x.uid(), Target: t.Name, TargetUIDValidity: t.UIDValidity, TargetUID: x.of, Add: x.lost})
			if err != nil {
				return err
			}
		}
		return w.Write(&stream.Delete{Target: t.Name, TargetUIDValidity: t.UIDValidity, TargetUID: x.uid(), Key: x.keyText(), CopyOf: x.of, SHA256: hex.EncodeToString(x.sum[:])})
	})
	if err != nil {
		return err
	}
	return w.End(&end)
}

// each calls fn for every copy, folder by folder and by UID.
func (c *Copies) each(fn func(*Target, *matcher, *copied) error) error {
	if err := c.account.Open(c.recipe); err != nil {
		return err
	}
	for _, t := range c.account.Folders() {
		if t.Unreadable == "" && t.Messages < 2 {
			continue
		}
		c.opt.Progress.Folder(t.Name)
		match := &matcher{}
		var err error
		if t.Unreadable == "" {
			match.prover, err = c.account.Load(t, func(e Entry) { match.take(e) })
		}
		if no, ok := err.(*Unreadable); ok {
			t.Unreadable, err = no.Text, nil
		}
		switch {
		case err != nil:
			return err
		case t.Unreadable != "":
			c.Failed++
			c.opt.Warn("folder %q cannot be read: %s", t.Name, t.Unreadable)
			continue
		}
		found, err := copiesIn(match)
		if err != nil {
			return err
		}
		for i := range found {
			c.Found++
			if err := fn(t, match, &found[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// copiesIn returns the copies in one folder, by UID.
func copiesIn(match *matcher) ([]copied, error) {
	var all, twins []*entry
	match.index.each(func(e *entry) { all = append(all, e) })
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.rung, b.rung), bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.size, b.size))
	})
	for rest := all; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].rung == rest[0].rung && rest[n].key == rest[0].key && rest[n].size == rest[0].size {
			n++
		}
		if n > 1 {
			twins = append(twins, rest[:n]...)
		}
		rest = rest[n:]
	}
	prover, ok := match.prover.(*accountProver)
	if !ok || len(twins) == 0 {
		return nil, nil
	}
	sums, err := prover.sums(twins)
	if err != nil {
		return nil, err
	}
	type octets struct {
		sum  [sha256.Size]byte
		rung uint8
		key  [16]byte
	}
	stays := map[octets]*entry{}
	var found []copied
	slices.SortFunc(twins, func(a, b *entry) int { return cmp.Compare(a.uid(), b.uid()) })
	classOf := func(e *entry) (o octets, ok bool) {
		sum, read := sums[e.uid()]
		return octets{sum, e.rung, e.key}, read && e.keyText() != ""
	}
	for _, e := range twins {
		o, ok := classOf(e)
		if first := stays[o]; ok && (first == nil || match.isDeleted(first) && !match.isDeleted(e)) {
			stays[o] = e
		}
	}
	for _, e := range twins {
		o, ok := classOf(e)
		// Whose flags are unknown stays: they would go with it, or for it.
		if stay := stays[o]; ok && stay != e && e.flags != unknownFlags && stay.flags != unknownFlags {
			found = append(found, copied{e, stay.uid(), o.sum, match.lost(e, stay)})
		}
	}
	return found, nil
}

// isDeleted tells whether a message is marked \Deleted.
func (m *matcher) isDeleted(e *entry) bool {
	list, _ := m.flags.list(e.flags)
	return flags.Has(strings.Fields(list), `\Deleted`)
}

// lost returns the flags of a message that the one that stays has not, but for
// \Deleted.
func (m *matcher) lost(e, stays *entry) []string {
	mine, _ := m.flags.list(e.flags)
	its, _ := m.flags.list(stays.flags)
	return flags.Without(flags.Without(strings.Fields(mine), strings.Fields(its)), []string{`\Deleted`})
}

// sums reads messages for the sha256 of their octets, by UID. One that cannot be
// read has none.
func (p *accountProver) sums(entries []*entry) (map[uint64][sha256.Size]byte, error) {
	sums := make(map[uint64][sha256.Size]byte, len(entries))
	var large []*entry
	err := p.fetch(entries, func(*entry) bool { return false }, imapconn.Items{Body: true}, func(e *entry, m *imapconn.Message) error {
		if m.Body == nil && m.Literal > 0 {
			large = append(large, e)
			return nil
		}
		sums[e.uid()] = sha256.Sum256(m.Body)
		return nil
	})
	h := sha256.New()
	for _, e := range large {
		if err != nil {
			break
		}
		h.Reset()
		var read bool
		if read, err = p.read(e, h); read {
			sums[e.uid()] = [sha256.Size]byte(h.Sum(nil))
		}
	}
	return sums, err
}
