package report

import (
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// verifyBatch is how many messages are read together.
	verifyBatch = 200
	// maxAltered is how many may have other bytes than what they were paired with
	// before the pairing is given up.
	maxAltered = 1 << 16
)

// verifier compares bytes: it reads the destination's messages that were found
// to be those of the source.
type verifier struct {
	target  *diff.Target // of the batch
	batch   []pairing
	altered map[*diff.Target][]pairing
}

// pairing is a source message and a copy of its entry, so that what is read
// does not change who is whose.
type pairing struct {
	difference *Difference
	sha        [16]byte // of the source
	at         match.Entry
}

// verify takes note of a pair of which one side's bytes are not known yet.
func (r *reporter) verify(told *Difference, source *match.Evidence, e *match.Entry, t *diff.Target) error {
	switch {
	case !r.opt.Verify || source.BothHashed(&e.Evidence):
		return nil
	case !source.Has(match.KnownSHA):
		return noOctets("the source")
	case t.Matcher.Reader == nil:
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

// ErrNoOctets is that one side has neither bodies nor their hashes.
var ErrNoOctets = errors.New("no octets to compare")

func noOctets(who string) error {
	return fault.Errorf(fault.Usage, "octets are to be compared, and %s has none", who).Because(ErrNoOctets)
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
	if err := t.Matcher.Reader.ReadDigests(entries); err != nil {
		return err
	}
	for _, p := range v.batch {
		switch {
		case !p.at.Has(match.KnownSHA):
			p.difference.Reason, p.difference.Text = string(stream.ReasonUnreadable),
				"its octets cannot be read at the destination"
			if err := r.add(r.folders[t], p.difference, KindFailed); err != nil {
				return err
			}
		case p.at.SHA != p.sha:
			if v.altered == nil {
				v.altered = map[*diff.Target][]pairing{}
			}
			v.altered[t] = append(v.altered[t], p)
		}
	}
	v.batch = v.batch[:0]
	if len(v.altered[t]) > maxAltered {
		return r.reportAltered(t)
	}
	return nil
}

// reportAltered tells which messages of a folder are altered. Messages of one key were
// paired by their look: what another of them was paired with is not altered.
func (r *reporter) reportAltered(t *diff.Target) error {
	odd := r.verifier.altered[t]
	delete(r.verifier.altered, t)
	type octets struct {
		key string
		sha [16]byte
	}
	there := map[octets]int{}
	for _, p := range odd {
		there[octets{p.difference.Key, p.at.SHA}]++
	}
	odd = slices.DeleteFunc(odd, func(p pairing) bool {
		o := octets{p.difference.Key, p.sha}
		if there[o] == 0 {
			return false
		}
		there[o]--
		return true
	})
	for _, p := range odd {
		if err := r.add(r.folders[t], p.difference, KindAltered); err != nil {
			return err
		}
	}
	return nil
}
