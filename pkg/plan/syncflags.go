package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// SyncFlags says what a plan does about messages that are at the destination
// with other flags.
type SyncFlags string

// The choices. The zero value is SyncOff.
const (
	SyncOff   SyncFlags = "off"   // nothing
	SyncAdd   SyncFlags = "add"   // sets what is set at the source
	SyncExact SyncFlags = "exact" // and takes away what is not
)

// on reports whether flags are looked at.
func (s SyncFlags) on() bool { return s == SyncAdd || s == SyncExact }

// flagPairs remembers, for each source message that is at the destination,
// which one it is there and the flags of that: 12 bytes a message. The
// source's flags are those of the second reading, by when all are known.
type flagPairs struct {
	pairs []flagPair // by ordinal
	lists []string
	known map[string]uint32

	elsewhere map[uint32]*diff.Target // by ordinal, of those that were found in another folder
	guesses   map[uint32]bool         // by ordinal: another that looks alike could be the one
}

type flagPair struct {
	match.PackedUID        // 0: none
	list            uint32 // the flags, in lists
}

func (f *flagPairs) pair(ordinal uint32, t *diff.Target, e *match.Entry) {
	list, ok := t.Matcher.Flags.List(e.Flags)
	if !ok {
		return
	}
	n, ok := f.known[list]
	if !ok {
		if f.known == nil {
			f.known = map[string]uint32{}
		}
		n = uint32(len(f.lists))
		f.lists, f.known[list] = append(f.lists, list), n
	}
	if need := int(ordinal) + 1 - len(f.pairs); need > 0 {
		f.pairs = append(f.pairs, make([]flagPair, need)...)
	}
	f.pairs[ordinal] = flagPair{e.PackedUID, n}
	delete(f.elsewhere, ordinal)
}

// guess notes that a message could as well be another one there.
func (f *flagPairs) guess(ordinal uint32) {
	if f.guesses == nil {
		f.guesses = map[uint32]bool{}
	}
	f.guesses[ordinal] = true
}

// moved notes that a message was found in t, where the mapping does not send it.
func (f *flagPairs) moved(ordinal uint32, t *diff.Target) {
	if f.elsewhere == nil {
		f.elsewhere = map[uint32]*diff.Target{}
	}
	f.elsewhere[ordinal] = t
}

func (f *flagPairs) unpair(ordinal uint32) {
	if int(ordinal) < len(f.pairs) {
		f.pairs[ordinal] = flagPair{}
	}
}

// of returns the message that a source message was found to be, and its flags.
func (f *flagPairs) of(ordinal uint32) (uid uint64, list []string) {
	if int(ordinal) >= len(f.pairs) || f.pairs[ordinal].UID() == 0 {
		return 0, nil
	}
	p := f.pairs[ordinal]
	return p.UID(), strings.Fields(f.lists[p.list])
}

// syncFlags writes what is to be changed for a message that is there.
func (r *replay) syncFlags(m *stream.Message, ordinal uint32, s *diff.Source) error {
	uid, have := r.pairs.of(ordinal)
	if uid == 0 || !r.opt.SyncFlags.on() || m.Lacks(stream.ItemFlags) {
		return nil
	}
	t := cmp.Or(r.pairs.elsewhere[ordinal], s.Target)
	c := &stream.FlagChange{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Target: t.Name,
		TargetUIDValidity: t.UIDValidity, TargetUID: uid}
	wanted, _ := r.opt.Flags.Apply(m.Flags)
	c.Add = flags.Without(wanted, have)
	if r.opt.SyncFlags == SyncExact && !t.Unsure && !s.Target.Unsure {
		c.Remove = slices.DeleteFunc(flags.Without(have, wanted),
			func(f string) bool { return !r.opt.Flags.Governs(f) })
	}
	if len(c.Add)+len(c.Remove) == 0 {
		return nil
	}
	if r.pairs.guesses[ordinal] {
		r.guesses++
		return nil
	}
	r.flagChanges++
	slices.Sort(c.Add)
	slices.Sort(c.Remove)
	return r.w.Write(c)
}
