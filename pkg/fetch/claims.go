package fetch

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// reconcile sorts what was listed of the open folder, and holds it against what
// else the server says of it: it adds messages that the listing did not have, and
// takes out those that share their UID.
func (s *source) reconcile(wants []want) ([]want, error) {
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.uid, b.uid) })
	claims, err := s.box.Reconcile(s.ctx, s.folder.Messages, uids(wants), s.maybe)
	if err != nil {
		return nil, err
	}
	s.claims = claims
	for _, uid := range claims.More {
		wants = append(wants, want{uid: uid, claim: -1, open: s.chooser != nil})
	}
	if len(claims.More) > 0 {
		slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.uid, b.uid) })
	}
	return slices.DeleteFunc(wants, func(w want) bool {
		_, doubled := slices.BinarySearch(claims.Doubled, w.uid)
		return doubled
	}), nil
}

// counted returns the messages that were there when STATUS was asked or the folder
// was opened. next is the UIDNEXT of STATUS, 0 meaning all. UIDNEXT is a claim, and
// STATUS may be behind until the folder is opened: what is above it belongs to the
// next run only if EXAMINE did not have it, and STATUS says now that it has arrived.
func (s *source) counted(wants []want, next uint64) ([]want, error) {
	if next == 0 || len(wants) <= int(s.box.Messages) {
		return wants, nil
	}
	n, _ := slices.BinarySearchFunc(wants, max(next, s.box.UIDNext),
		func(w want, next uint64) int { return cmp.Compare(w.uid, next) })
	if n == len(wants) {
		return wants, nil
	}
	now, err := s.box.StatusNow(s.ctx)
	switch {
	case err != nil && !refused(err) && s.ctx.Err() != nil:
		return nil, err
	case err != nil || now.UIDNext <= wants[len(wants)-1].uid:
		return wants, nil
	}
	return wants[:n], nil
}

// contradictory reports whether the server contradicts itself about the open
// folder.
func (s *source) contradictory() bool { return s.claims != nil && s.claims.Text != "" }

// tellClaims hands over that the server contradicts itself about the open folder,
// and the messages that no UID names, as far as that is not done.
func (s *source) tellClaims(done stream.Progress) error {
	if !s.contradictory() {
		return nil
	}
	f := s.folder
	err := s.pass(&stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, Reason: stream.ReasonContradiction,
		Text: s.claims.Text})
	for _, uid := range s.claims.Doubled {
		if err != nil {
			return err
		}
		if uid > done.LastUID {
			s.listed++
			err = s.pass(&stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, UID: uid,
				Reason: stream.ReasonContradiction, Text: "several messages have this UID"})
		}
	}
	return err
}

// sameAgain asks again for messages that have come twice in one answer. Those
// that differ each time are made failures.
func (s *source) sameAgain(items []item) error {
	for _, uid := range s.box.RepeatedUIDs() {
		i := slices.IndexFunc(items, func(it item) bool { return it.uid == uid && it.kind == itemMessage })
		if i < 0 {
			continue
		}
		sum, text, err := s.box.CheckStable(s.ctx, uid)
		if err != nil {
			return err
		}
		if it := &items[i]; text == "" && !it.bare && sum != sha256.Sum256(it.octets) {
			text = "the server gives another body each time it is asked"
		}
		if text != "" {
			items[i].kind, items[i].reason, items[i].text = itemFailed, stream.ReasonContradiction, text
		}
	}
	return nil
}
