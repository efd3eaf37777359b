package diff

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// verifyBatch is how many messages are read together.
	verifyBatch = 200
	// maxOdd is how many may have other octets than what they were paired with
	// before the pairing is given up.
	maxOdd = 1 << 16
)

// verifier compares octets: it reads the destination's messages that were found
// to be those of the source.
type verifier struct {
	target *Target // of the batch
	batch  []pairing
	odd    map[*Target][]pairing
}

// pairing is a source message and a copy of its entry, so that what is read
// does not change who is whose.
type pairing struct {
	told *Difference
	sha  [16]byte // of the source
	at   match.Entry
}

// verify takes note of a pair of which one side's octets are not known yet.
func (r *reporter) verify(told *Difference, source *match.Evidence, e *match.Entry, t *Target) error {
	switch {
	case !r.opt.Verify || source.BothHashed(&e.Evidence):
		return nil
	case !source.Has(match.KnownSHA):
		return noOctets("the source")
	case t.matcher.Reader == nil:
		return noOctets("the destination")
	}
	v := &r.verifier
	if v.target != t || len(v.batch) == verifyBatch {
		if err := r.readBatch(); err != nil {
			return err
		}
	}
	v.target = t
	v.batch = append(v.batch, pairing{told, source.SHA, *e})
	return nil
}

func noOctets(who string) error {
	return exit.Errorf(exit.Usage, "--verify compares octets, and %s has none", who).WithHint("export it with bodies, or with imap-fetch --hash")
}

// readBatch reads the messages of the batch.
func (r *reporter) readBatch() error {
	v := &r.verifier
	if len(v.batch) == 0 {
		return nil
	}
	t := v.target
	entries := make([]*match.Entry, len(v.batch))
	for i := range v.batch {
		entries[i] = &v.batch[i].at
	}
	if err := t.matcher.Reader.ReadDigests(entries); err != nil {
		return err
	}
	for _, p := range v.batch {
		switch {
		case !p.at.Has(match.KnownSHA):
			p.told.Reason, p.told.Text = string(stream.ReasonUnreadable), "its octets cannot be read at the destination"
			if err := r.tell(r.folders[t], p.told, KindFailed); err != nil {
				return err
			}
		case p.at.SHA != p.sha:
			if v.odd == nil {
				v.odd = map[*Target][]pairing{}
			}
			v.odd[t] = append(v.odd[t], p)
		}
	}
	v.batch = v.batch[:0]
	if len(v.odd[t]) > maxOdd {
		return r.tellOdd(t)
	}
	return nil
}

// tellOdd tells which messages of a folder are altered. Messages of one key were
// paired by their look: what another of them was paired with is not altered.
func (r *reporter) tellOdd(t *Target) error {
	odd := r.verifier.odd[t]
	delete(r.verifier.odd, t)
	type octets struct {
		key string
		sha [16]byte
	}
	there := map[octets]int{}
	for _, p := range odd {
		there[octets{p.told.Key, p.at.SHA}]++
	}
	odd = slices.DeleteFunc(odd, func(p pairing) bool {
		o := octets{p.told.Key, p.sha}
		if there[o] == 0 {
			return false
		}
		there[o]--
		return true
	})
	for _, p := range odd {
		if err := r.tell(r.folders[t], p.told, KindAltered); err != nil {
			return err
		}
	}
	return nil
}
