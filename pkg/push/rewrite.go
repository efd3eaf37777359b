package push

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// A server that changes what messages are known by would get all of them again
// in the next run. So the first that were appended are read back, and every one
// that is known by its whole header or text: these change more easily.

const (
	// maxReadBack is how many messages are read back, and maxReads in how many goes:
	// each costs two round trips.
	maxReadBack = 20
	maxReads    = 4
	// maxHeader is how much of a header is looked at for what has changed, and
	// maxShown how much of a field is shown, in bytes.
	maxHeader = 64 << 10
	maxShown  = 100
)

// rewriteCheck finds out whether the server changes what messages are known by.
type rewriteCheck struct {
	on              bool
	messages, reads int // that are still to be read back
	pending         []destination.Stored
}

func newRewriteCheck(opt *Options) *rewriteCheck {
	if opt.AllowRewrite || opt.Unconditional || opt.DryRun || opt.ServerCopy {
		return &rewriteCheck{}
	}
	return &rewriteCheck{on: true, messages: maxReadBack, reads: maxReads}
}

// atMost bounds a batch, so that not much has been appended when something
// turns out to be wrong.
func (c *rewriteCheck) atMost(n int) int {
	if c.messages > 0 {
		return min(n, c.messages)
	}
	return n
}

func (c *rewriteCheck) take(m *batch.Message, uid uint64) {
	if !c.on || m.Key == "" || c.messages == 0 && !weak(m) {
		return
	}
	c.messages = max(0, c.messages-1)
	c.pending = append(c.pending, destination.Stored{Message: m, UID: uid})
}

// weak reports whether a message has no field that servers leave alone. It is
// known by its whole header or text.
func weak(m *batch.Message) bool {
	return strings.HasPrefix(m.Key, "header:") || strings.HasPrefix(m.Key, "body:")
}

// readBack reads back what was appended. The error says that the server changes
// keys.
func (c *rewriteCheck) readBack(s *destination.Session, a *answers, b *attempt) error {
	sent := c.pending
	if c.pending = nil; len(sent) == 0 {
		return nil
	}
	if c.reads--; c.reads == 0 {
		c.messages = 0
	}
	changed, err := changedKeys(s, b, sent)
	if err != nil {
		return c.unread(err)
	}
	if changed, err = a.rekeyed(b.target, changed); err != nil || len(changed) == 0 {
		return err
	}
	what, other, err := findings(s, changed)
	if err != nil {
		return c.unread(err)
	}
	hint := "make the next plan with imap-diff --receipts and these receipts, and give imap-push --allow rewrite"
	if other != "" {
		hint = fmt.Sprintf("use another key: imap-fetch --key %s; or %s", other, hint)
	}
	return exit.Errorf(exit.Protocol, "%q: the server changes what messages are known by, "+
		"so that the next run would append them again: %d of %d that were read back have another key%s",
		b.target.Name, len(changed), len(sent), what).WithHint("%s", hint)
}

// rekeyed answers for the weak ones of the messages whose key is another now,
// and returns the others. The weak ones are few, so that the run goes on.
func (a *answers) rekeyed(t *destination.Folder, changed []destination.Stored) (
	strong []destination.Stored, err error) {
	for _, s := range changed {
		if !weak(s.Message) {
			strong = append(strong, s)
			continue
		}
		x := s.Receipt(t.Name, receipt.Rekeyed)
		x.TargetUID, x.Reason = jsonnum.Uint64(s.UID), "key-changed"
		if s.UID != 0 {
			x.TargetUIDValidity = jsonnum.Uint64(t.Shown)
		}
		if err := a.receipts.Message(x, 0); err != nil {
			return nil, err
		}
	}
	if len(strong) < len(changed) {
		a.warnOnce(fmt.Sprintf("%q: the server changes messages that have no field of the key, and no Date, From, "+
			"To or Subject: %s", t.Name, rekeyedHint))
	}
	return strong, a.receipts.Flush()
}

// rekeyedHint is what a user can do about messages with another key.
const rekeyedHint = "the next run appends them again unless imap-diff has --receipts with the receipts of this run"

// unread is for what cannot be read back: that proves nothing.
func (c *rewriteCheck) unread(err error) error {
	if destination.OfFolder(err) {
		c.messages = 0
		return nil
	}
	return err
}

// changedKeys returns those of the messages that have another key in the folder.
func changedKeys(s *destination.Session, b *attempt, sent []destination.Stored) (
	changed []destination.Stored, err error) {
	if err := s.Reopen(b.target); err != nil {
		return nil, err
	}
	byUID, byKey := map[uint64]string{}, map[string]int{}
	take := func(m *imapconn.Message, id *headerkey.Identity) error {
		if id != nil {
			byUID[m.UID] = id.Key
			byKey[id.Key]++
		}
		return nil
	}
	if uids, all := destination.UIDsOf(sent); all {
		err = keys.Of(s.Ctx, s.Box, uids, s.Recipe, take)
	} else {
		err = keys.Each(s.Ctx, s.Box, b.target.Arrivals.UIDNext(), 0, s.Recipe, take)
	}
	for _, m := range sent {
		key, there := byUID[m.UID]
		b.doubted = b.doubted || m.UID != 0 && !there || m.UID == 0 && len(byUID) < len(sent)
		switch {
		case m.UID != 0 && there && key != m.Key:
			changed = append(changed, m)
		case m.UID == 0 && len(byUID) >= len(sent) && byKey[m.Key] == 0:
			changed = append(changed, m)
		case m.UID == 0:
			byKey[m.Key]--
		}
	}
	return changed, err
}

// substitutes are recipes that may do where another does not.
var substitutes = []string{"message-id", headerkey.LocalID + ",date", headerkey.LocalID, "date,from,to,subject"}

// findings says what has become of the first of the messages, and which recipe
// would know all of them.
func findings(s *destination.Session, changed []destination.Stored) (what, other string, err error) {
	candidates := slices.Clone(substitutes)
	for i, m := range changed {
		if m.UID == 0 {
			return "", "", nil
		}
		there, err := headerOf(s, m.UID)
		if err != nil {
			return "", "", err
		}
		here := make([]byte, min(m.Size, maxHeader))
		if _, err := m.ReadAt(here, 0); err != nil {
			return "", "", exit.Wrap(exit.IO, err)
		}
		if i == 0 {
			what = fieldChange(s.Recipe, m.UID, here, there)
		}
		candidates = slices.DeleteFunc(candidates, func(words string) bool { return !knows(words, here, there) })
	}
	if len(candidates) > 0 {
		other = candidates[0]
	}
	return what, other, nil
}

// headerOf reads the beginning of a message.
func headerOf(s *destination.Session, uid uint64) (header []byte, err error) {
	err = s.Box.ReadParts(s.Ctx, uid, maxHeader, func(piece []byte) bool {
		header = append(header, piece...)
		return true
	})
	return header, err
}

// knows reports whether a recipe has a key of its own for a message, and the same
// for what became of it.
func knows(words string, here, there []byte) bool {
	recipe, err := headerkey.ParseRecipe(words)
	if err != nil {
		return false
	}
	a, b := identify(recipe, here), identify(recipe, there)
	return a.Complete && a == b
}

func identify(recipe headerkey.Recipe, header []byte) headerkey.Identity {
	scan := headerkey.NewScanner(recipe)
	scan.Write(header)
	return scan.Sum()
}

// fieldChange names the first field of the key that is another now.
func fieldChange(recipe headerkey.Recipe, uid uint64, here, there []byte) string {
	fields := func(header []byte) []headerkey.Field {
		scan := headerkey.NewScanner(recipe)
		scan.Write(header)
		return scan.Header()
	}
	value := func(fields []headerkey.Field, name string) string {
		if i := slices.IndexFunc(fields, func(f headerkey.Field) bool { return f.Name == name }); i >= 0 {
			return text.Safe(fields[i].Value[:min(len(fields[i].Value), maxShown)])
		}
		return "nothing"
	}
	before, after := fields(here), fields(there)
	for _, f := range slices.Concat(before, after) {
		ofKey := slices.ContainsFunc(recipe.Fields(), func(n string) bool { return strings.EqualFold(n, f.Name) })
		if a, b := value(before, f.Name), value(after, f.Name); a != b && ofKey {
			return fmt.Sprintf(" (UID %d: %s was %s and is %s)", uid, f.Name, a, b)
		}
	}
	return ""
}
