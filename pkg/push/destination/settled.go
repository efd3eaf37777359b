package destination

// Some servers give a folder its UIDVALIDITY when it is selected for the first
// time, and another one at each look before that. A plan for such a folder
// names a UIDVALIDITY that never comes again, and UIDs that may be others now.

// toldBefore returns the UIDVALIDITY that STATUS tells of a folder that is about
// to be selected, 0 if nobody needs to know.
func (s *Session) toldBefore(f *Folder) (uint64, error) {
	box, listed := s.Boxes[f.Name]
	if !listed || f.Validity == 0 || f.Next <= 1 {
		return 0, nil
	}
	return s.IMAP.SettledUIDValidity(s.Ctx, box, f.Validity)
}

// settled reports whether SELECT has given the folder its UIDVALIDITY just now:
// it showed another before, and shows this one since. A folder that was replaced
// has had its own before.
func (s *Session) settled(f *Folder, told uint64) (bool, error) {
	if !f.replaced(s.Box) || told == 0 || told == s.Box.UIDValidity {
		return false, nil
	}
	now, err := s.Box.StatusNow(s.Ctx)
	return err == nil && now.UIDValidity == s.Box.UIDValidity, err
}

// lookAnew reads the keys of all that a folder holds which settled. Which of it
// imap-diff has seen cannot be told by UIDs: what has a key of these is in doubt,
// and all else is not there.
func (s *Session) lookAnew(f *Folder) error {
	f.Arrivals.begin(1, 0)
	if err := f.Arrivals.Look(s); err != nil {
		return err
	}
	f.Unclear = make(map[string]bool, len(f.Arrivals.newer))
	for key := range f.Arrivals.newer {
		f.Unclear[key] = true
	}
	clear(f.Arrivals.newer)
	return nil
}
