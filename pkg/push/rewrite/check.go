// Package rewrite finds out whether the server changes what messages are known by.
// It would get all of them again in the next run. So the first that were appended are
// read back, and every one that is known by its whole header or text: these change
// more easily.
package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

const (
	// MaxMessages is how many messages are read back, and maxReads in how many goes:
	// each costs two round trips.
	MaxMessages = 20
	maxReads    = 4
	// maxHeader is how much of a header is looked at for what has changed, and
	// maxShown how much of a field is shown, in bytes.
	maxHeader = 64 << 10
	maxShown  = 100
)

// Check reads back messages that were appended.
type Check struct {
	on              bool
	messages, reads int // that are still to be read back
	pending         []destination.Stored
	read            int // messages, the last time
}

// New makes a Check that reads back the first messages of a run if on is set, and
// every one that is known by its whole header or text.
func New(on bool) *Check {
	if !on {
		return &Check{}
	}
	return &Check{on: true, messages: MaxMessages, reads: maxReads}
}

// AtMost bounds a batch, so that not much has been appended when something
// turns out to be wrong.
func (c *Check) AtMost(n int) int {
	if c.messages > 0 {
		return min(n, c.messages)
	}
	return n
}

// Add takes a message that was appended to a folder whose UIDNEXT was from. uid is 0 if
// the server does not tell.
func (c *Check) Add(m *batch.Message, uid, from uint64) {
	if !c.on || m.Key == "" || c.messages == 0 && !Weak(m) {
		return
	}
	c.messages = max(0, c.messages-1)
	c.pending = append(c.pending, destination.Stored{Message: m, UID: uid, From: from})
}

// Weak reports whether a message has no field that servers leave alone. It is
// known by its whole header or text.
func Weak(m *batch.Message) bool {
	return strings.HasPrefix(m.Key, "header:") || strings.HasPrefix(m.Key, "body:")
}

// ReadBack reads back what was appended to a folder, and returns those of the
// messages that have another key there. absent means that one is not there.
func (c *Check) ReadBack(s *destination.Session, t *destination.Folder) (
	changed []destination.Stored, absent bool, err error) {
	// What is left of a folder that has failed cannot be read back here.
	sent := slices.DeleteFunc(c.pending, func(s destination.Stored) bool { return s.Message.Target != t.Name })
	if c.pending = nil; len(sent) == 0 {
		return nil, false, nil
	}
	c.read = len(sent)
	if c.reads--; c.reads == 0 {
		c.messages = 0
	}
	changed, absent, err = changedKeys(s, t, sent)
	if err != nil {
		return nil, absent, c.unread(err)
	}
	return changed, absent, nil
}

// Why a run stops where the server changes messages.
var (
	ErrChangesKey     = errors.New("the server changes what the key is made of") // details: a recipe that it leaves alone
	ErrChangesAllKeys = errors.New("the server changes what any key is made of")
)

// Explain returns an error that says that the server changes keys, and in what.
func (c *Check) Explain(s *destination.Session, t *destination.Folder, changed []destination.Stored) error {
	what, other, err := findings(s, changed)
	if err != nil {
		return c.unread(err)
	}
	changes := fault.Errorf(fault.Protocol, "%q: the server changes what messages are known by, "+
		"so that the next run would append them again: %d of %d that were read back have another key%s",
		t.Name, len(changed), c.read, what)
	if other != "" {
		return changes.Because(ErrChangesKey, other)
	}
	return changes.Because(ErrChangesAllKeys)
}

// unread is for what cannot be read back: that proves nothing.
func (c *Check) unread(err error) error {
	if destination.OfFolder(err) {
		c.messages = 0
		return nil
	}
	return err
}

// changedKeys returns those of the messages that have another key in the folder.
func changedKeys(s *destination.Session, t *destination.Folder, sent []destination.Stored) (
	changed []destination.Stored, absent bool, err error) {
	if err := s.Reopen(t); err != nil {
		return nil, false, err
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
		err = keys.Each(s.Ctx, s.Box, lowestFrom(sent), 0, s.Recipe, take)
	}
	for _, m := range sent {
		key, there := byUID[m.UID]
		absent = absent || m.UID != 0 && !there || m.UID == 0 && len(byUID) < len(sent)
		switch {
		case m.UID != 0 && there && key != m.Key:
			changed = append(changed, m)
		case m.UID == 0 && len(byUID) >= len(sent) && byKey[m.Key] == 0:
			changed = append(changed, m)
		case m.UID == 0:
			byKey[m.Key]--
		}
	}
	return changed, absent, err
}

// lowestFrom returns the UID from which on the messages are. The folder's UIDNEXT may
// have passed it since: what came was looked at because the answer to a later message
// was lost.
func lowestFrom(sent []destination.Stored) uint64 {
	from := sent[0].From
	for _, m := range sent {
		from = min(from, m.From)
	}
	return from
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
			return "", "", fault.Wrap(fault.IO, err)
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
