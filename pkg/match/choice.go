package match

import (
	"math"
	"slices"
)

// Dependents are what depends on which of several look-alikes a message is paired
// with. With none, it matters only which message is left over.
type Dependents uint8

const (
	FlagsDepend      Dependents = 1 << iota
	DatesDepend                 // INTERNALDATE
	LaterFlagsDepend            // a further stream may have brought flags that Evidence.Flags does not know
)

// choice is the messages and the entries that have all of some traits in common, so
// that any of the messages could be any of the entries.
type choice struct {
	by      Trait
	ws      []*Pending
	entries []*Entry
}

// choicesOf returns the choices that assign has made in the order of UIDs, for want of
// evidence, and on which something depends.
func choicesOf(ws []Pending, free []*Entry, on Dependents) (choices []*choice) {
	if on == 0 || len(ws) < 2 && len(free) < 2 {
		return nil
	}
	owner := map[*Entry]*Pending{}
	for i := range ws {
		if w := &ws[i]; w.Entry != nil {
			owner[w.Entry] = w
		}
	}
	for _, by := range traitsOf(ws) {
		if by == 0 || by&sameOctets != 0 {
			continue // nothing depends on the key alone, and equal bytes leave nothing to choose
		}
		groups := map[signature]*choice{}
		for i := range ws {
			w := &ws[i]
			s, ok := w.signature(by)
			if !ok || w.proven || w.Entry != nil && w.By > by {
				continue
			}
			if groups[s] == nil {
				groups[s] = &choice{by: by}
				choices = append(choices, groups[s])
			}
			groups[s].ws = append(groups[s].ws, w)
		}
		for _, d := range free {
			s, ok := d.signature(by)
			if w := owner[d]; ok && groups[s] != nil && (w == nil || w.By <= by) {
				groups[s].entries = append(groups[s].entries, d)
			}
		}
	}
	kept := choices[:0]
	for _, c := range choices {
		if len(c.ws)+len(c.entries) > 2 && len(c.entries) > 0 && c.matters(on) {
			kept = append(kept, c)
		}
	}
	return kept
}

// matters reports whether another pairing would have other consequences.
func (c *choice) matters(on Dependents) bool {
	if on&LaterFlagsDepend != 0 {
		return true
	}
	first, there := c.ws[0], c.entries[0]
	if on&FlagsDepend != 0 && first.Flags != there.Flags && len(c.ws) != len(c.entries) {
		return true
	}
	differs := func(e, o *Evidence) bool {
		return on&FlagsDepend != 0 && (e.Flags != o.Flags || e.Flags == UnknownFlags) ||
			on&DatesDepend != 0 && e.Date != o.Date
	}
	for _, w := range c.ws {
		if differs(&w.Evidence, &first.Evidence) {
			return true
		}
	}
	for _, d := range c.entries {
		if differs(&d.Evidence, &there.Evidence) {
			return true
		}
	}
	return false
}

// hashed reports whether the bytes of any of the messages are known.
func (c *choice) hashed() bool {
	for _, w := range c.ws {
		if w.Has(KnownSHA) {
			return true
		}
	}
	return false
}

// readForChoices reads the evidence that choices want: Received lines, then bytes where
// these leave a choice and those of the source are known. It is of all keys together.
func (m *Matcher) readForChoices() error {
	if m.Reader == nil || m.Depends == 0 {
		return nil
	}
	if err := readReceived(m.Reader, m.entriesOfChoices(anyChoice)); err != nil {
		return err
	}
	for chunk := range slices.Chunk(m.entriesOfChoices((*choice).hashed), ChunkSize) {
		if err := m.Reader.ReadDigests(chunk); err != nil {
			return err
		}
	}
	return nil
}

// entriesOfChoices returns the entries of those choices of all pending messages that
// are wanted.
func (m *Matcher) entriesOfChoices(wanted func(*choice) bool) (all []*Entry) {
	for ws := range byKey(m.Pending) {
		m.group = m.Index.Group(m.group[:0], &ws[0].Evidence, math.MaxInt)
		free := slices.DeleteFunc(m.group, func(d *Entry) bool { return !d.IsFree() })
		if len(ws) < 2 && len(free) < 2 {
			continue
		}
		assign(ws, free, m.Strict)
		all = appendWanted(all, choicesOf(ws, free, m.Depends), wanted)
	}
	return all
}

func anyChoice(*choice) bool { return true }

func appendWanted(all []*Entry, choices []*choice, wanted func(*choice) bool) []*Entry {
	for _, c := range choices {
		if wanted(c) {
			all = append(all, c.entries...)
		}
	}
	return all
}

// markGuesses marks the pairs that remain a choice. Entries that are byte for byte the
// same leave none. identical is asked only where the flags of a pair differ.
func markGuesses(choices []*choice, on Dependents, identical func([]*Entry) (bool, error)) error {
	for _, c := range choices {
		var guesses []*Pending
		for _, w := range c.ws {
			if w.Entry != nil && w.By == c.by && (w.Flags != w.Entry.Flags || on&LaterFlagsDepend != 0) {
				guesses = append(guesses, w)
			}
		}
		if len(guesses) == 0 {
			continue
		}
		same, err := identical(c.entries)
		if err != nil {
			return err
		}
		for _, w := range guesses {
			w.guess = !same
		}
	}
	return nil
}
