package cleanup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/runs"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Duplicates finds the messages that a folder of an account holds twice. Those of
// one key and size are read, and only those with the same bytes are copies of
// each other: the one with the lowest UID is no copy, unless it is marked
// \Deleted and another is not.
type Duplicates struct {
	account *diff.Account
	opt     diff.Options
	recipe  headerkey.Recipe
	Found   int
	Failed  int // folders that cannot be read
}

// NewDuplicates prepares to look through an account.
func NewDuplicates(opt diff.Options, account *diff.Account, recipe headerkey.Recipe) *Duplicates {
	return &Duplicates{account: account, opt: opt, recipe: recipe}
}

// duplicate is one message that is a copy of another.
type duplicate struct {
	*match.Entry
	of     uint64
	sum    [sha256.Size]byte
	lost   []string // flags that it has, and that one has not
	marked bool     // that one is marked \Deleted, too
}

// List tells of each copy.
func (c *Duplicates) List(out report.Printer) error {
	return c.each(func(t *diff.Target, matcher *match.Matcher, x *duplicate) error {
		d := &report.Difference{Type: "difference", Kind: report.KindCopy, Target: t.Name,
			TargetUID: jsonnum.Uint64(x.UID()), CopyOf: jsonnum.Uint64(x.of), Size: int64(x.Size), Key: x.KeyText()}
		d.TargetDate = x.DateText()
		d.TargetFlags = matcher.FlagsOf(x.Entry)
		return out.Difference(d)
	})
}

// Plan plans to delete them.
func (c *Duplicates) Plan(w *stream.Writer) error {
	of := c.account.Account()
	if err := begin(w, &c.opt, &stream.Begin{Key: c.recipe.String()}, of, of); err != nil {
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
			Name: t.Name, Delimiter: delimiter, Attributes: t.Attributes, Subscribed: t.Subscribed,
			UIDValidity: t.UIDValidity,
			UIDNext:     t.UIDNext, Messages: t.Messages, Octets: -1,
			Target: t.Name, TargetUIDValidity: t.UIDValidity, TargetUIDNext: t.UIDNext,
		})
		if err != nil {
			return err
		}
	}
	end := stream.End{Plan: true}
	marked := 0
	err := c.each(func(t *diff.Target, _ *match.Matcher, x *duplicate) error {
		if x.marked {
			marked++
			return nil
		}
		if len(x.lost) > 0 {
			end.FlagChanges++
			err := w.Write(&stream.FlagChange{Folder: t.Name, UIDValidity: t.UIDValidity, UID: x.UID(), Target: t.Name,
				TargetUIDValidity: t.UIDValidity, TargetUID: x.of, Add: x.lost})
			if err != nil {
				return err
			}
		}
		return w.Write(&stream.Delete{Target: t.Name, TargetUIDValidity: t.UIDValidity, TargetUID: x.UID(),
			Key: x.KeyText(), CopyOf: x.of, SHA256: hex.EncodeToString(x.sum[:])})
	})
	if err != nil {
		return err
	}
	if marked > 0 {
		c.opt.Warn(`%s %s: all messages with these bytes are marked \Deleted`, text.Count(marked, "copy"),
			text.Either(marked, "stays", "stay"))
	}
	return w.End(&end)
}

// each calls fn for every copy, folder by folder and by UID.
func (c *Duplicates) each(fn func(*diff.Target, *match.Matcher, *duplicate) error) error {
	if err := c.account.Open(c.recipe); err != nil {
		return err
	}
	for _, t := range c.account.Folders() {
		if t.Unreadable == "" && t.Messages < 2 {
			continue
		}
		c.opt.Progress.Folder(t.Name)
		matcher, err := t.Read(c.account)
		if err != nil {
			return err
		}
		if matcher == nil {
			c.Failed++
			c.opt.Warn("folder %q cannot be read: %s", t.Name, t.Unreadable)
			continue
		}
		found, err := duplicatesIn(matcher)
		if err != nil {
			return err
		}
		for i := range found {
			c.Found++
			if err := fn(t, matcher, &found[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// duplicatesIn returns the copies in one folder, by UID.
func duplicatesIn(matcher *match.Matcher) ([]duplicate, error) {
	var all, twins []*match.Entry
	matcher.Index.Each(func(e *match.Entry) { all = append(all, e) })
	slices.SortFunc(all, func(a, b *match.Entry) int {
		return cmp.Or(cmp.Compare(a.Rung, b.Rung), bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Size, b.Size))
	})
	alike := func(a, b *match.Entry) bool { return a.Rung == b.Rung && a.Key == b.Key && a.Size == b.Size }
	for run := range runs.Of(all, alike) {
		if len(run) > 1 {
			twins = append(twins, run...)
		}
	}
	prover, ok := matcher.Reader.(*diff.AccountReader)
	if !ok || len(twins) == 0 {
		return nil, nil
	}
	sums, err := prover.FullDigests(twins)
	if err != nil {
		return nil, err
	}
	type octets struct {
		sum  [sha256.Size]byte
		rung uint8
		key  [16]byte
	}
	stays := map[octets]*match.Entry{}
	var found []duplicate
	slices.SortFunc(twins, func(a, b *match.Entry) int { return cmp.Compare(a.UID(), b.UID()) })
	classOf := func(e *match.Entry) (o octets, ok bool) {
		sum, read := sums[e.UID()]
		return octets{sum, e.Rung, e.Key}, read && e.KeyText() != ""
	}
	for _, e := range twins {
		o, ok := classOf(e)
		if first := stays[o]; ok && (first == nil || isDeleted(matcher, first) && !isDeleted(matcher, e)) {
			stays[o] = e
		}
	}
	for _, e := range twins {
		o, ok := classOf(e)
		// Whose flags are unknown stays: they would go with it, or for it.
		if stay := stays[o]; ok && stay != e && e.Flags != match.UnknownFlags && stay.Flags != match.UnknownFlags {
			found = append(found, duplicate{e, stay.UID(), o.sum, lost(matcher, e, stay),
				isDeleted(matcher, stay)})
		}
	}
	return found, nil
}

// isDeleted reports whether a message is marked \Deleted.
func isDeleted(m *match.Matcher, e *match.Entry) bool {
	return flags.Has(m.FlagsOf(e), `\Deleted`)
}

// mayBeExpunged reports whether a message is marked \Deleted, or may be: the next EXPUNGE
// of any client removes it, so that nothing is deleted for it.
func mayBeExpunged(m *match.Matcher, e *match.Entry) bool {
	return e.Flags == match.UnknownFlags || isDeleted(m, e)
}

// lost returns the flags of a message that the one that stays has not, but for
// \Deleted.
func lost(m *match.Matcher, e, stays *match.Entry) []string {
	return flags.Without(flags.Without(m.FlagsOf(e), m.FlagsOf(stays)), []string{`\Deleted`})
}
