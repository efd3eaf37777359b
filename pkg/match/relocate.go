package match

import "math"

// Relocate pairs messages that their own folders lack with what is left unclaimed in
// any of the folders: somebody has moved them. It sorts the messages, sets the Entry
// of those that it finds, claims these entries, and returns the folder of each of
// them. Where it cannot be told which of several messages an entry is, none of them
// is.
func Relocate(all []Pending, folders []*Matcher, strict bool) (where map[*Entry]*Matcher, err error) {
	sortByKey(all)
	if err := readRelocatedReceived(all, folders); err != nil {
		return nil, err
	}
	where = map[*Entry]*Matcher{}
	for ws := range byKey(all) {
		free, in := unclaimedIn(folders, &ws[0].Evidence, math.MaxInt)
		if err := relocateKey(ws, free, in, strict); err != nil {
			return nil, err
		}
		for i := range ws {
			w := &ws[i]
			if w.Entry == nil {
				continue
			}
			by := Certain
			if w.By == 0 {
				by = KeyOnly
			}
			where[w.Entry] = in[w.Entry]
			in[w.Entry].Claim(w.Entry, by, &w.Evidence, w.Ordinal)
		}
	}
	return where, nil
}

// relocateKey pairs messages of one key with free entries.
func relocateKey(ws []Pending, free []*Entry, in map[*Entry]*Matcher, strict bool) error {
	tied := assign(ws, free, strict)
	if wantsReceived(ws, free) {
		if err := readIn(free, in, EvidenceReader.ReadReceived); err != nil {
			return err
		}
		tied = assign(ws, free, strict)
	}
	on := dependsIn(free, in)
	if need := appendWanted(nil, choicesOf(ws, free, on), anyChoice); len(need) > 0 {
		if err := readIn(need, in, EvidenceReader.ReadReceived); err != nil {
			return err
		}
		tied = assign(ws, free, strict)
	}
	need := appendWanted(nil, choicesOf(ws, free, on), (*choice).hashed)
	if len(tied) > 0 && allHashed(ws) {
		need = free
	}
	if len(need) > 0 {
		if err := readIn(need, in, EvidenceReader.ReadDigests); err != nil {
			return err
		}
		tied = assign(ws, free, strict)
	}
	for _, w := range tied {
		w.Entry = nil
	}
	return markGuesses(choicesOf(ws, free, on), on, func([]*Entry) (bool, error) { return false, nil })
}

// dependsIn returns what depends on the pairs with entries of several folders. A list of
// flags has another number in each of these, so that they are not compared.
func dependsIn(free []*Entry, in map[*Entry]*Matcher) Dependents {
	if len(free) == 0 || in[free[0]].Depends == 0 {
		return 0
	}
	return in[free[0]].Depends | LaterFlagsDepend
}

// unclaimedIn returns what all folders have left of a key, of each folder limit
// entries at most, and the folder of each.
func unclaimedIn(folders []*Matcher, key *Evidence, limit int) (free []*Entry, in map[*Entry]*Matcher) {
	in = map[*Entry]*Matcher{}
	for _, m := range folders {
		for _, e := range m.Index.Group(nil, key, limit) {
			if e.Claimed == Unclaimed {
				free, in[e] = append(free, e), m
			}
		}
	}
	return free, in
}

// readRelocatedReceived reads the Received lines that are wanted, of all keys
// together.
func readRelocatedReceived(all []Pending, folders []*Matcher) error {
	var need []*Entry
	in := map[*Entry]*Matcher{}
	for ws := range byKey(all) {
		free, folderOf := unclaimedIn(folders, &ws[0].Evidence, MaxPairwise)
		first := len(need)
		need = appendUndecided(need, ws, free)
		for _, e := range need[first:] {
			in[e] = folderOf[e]
		}
	}
	return readIn(need, in, readReceived)
}

// readIn has more evidence read of entries of several folders.
func readIn(entries []*Entry, in map[*Entry]*Matcher, read func(EvidenceReader, []*Entry) error) error {
	byFolder := map[*Matcher][]*Entry{}
	for _, e := range entries {
		byFolder[in[e]] = append(byFolder[in[e]], e)
	}
	for m, es := range byFolder {
		if m.Reader == nil {
			continue
		}
		if err := read(m.Reader, es); err != nil {
			return err
		}
	}
	return nil
}
