package report

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// reporter tells differences.
type reporter struct {
	opt       *Options
	dest      diff.Destination
	out       Printer
	whole     bool // the source leaves nothing out
	begun     bool
	folders   map[*diff.Target]*Summary
	landed    map[landing]bool       // of all streams
	order     []*diff.Target         // those that source folders land on
	lacking   []*diff.Target         // of them, those that are not there
	waiting   map[uint32]*Difference // by ordinal
	recipe    headerkey.Recipe
	alone     map[uint32]bool // ordinals of those present by the key alone
	unmatched []unmatched
	large     *listed // its parts are under way, or nil
	total     Summary
	verifier
}

// landing is a source folder and where it goes, which may differ between streams.
type landing struct {
	source string
	target *diff.Target
}

// handle takes an event of the comparison.
func (r *reporter) handle(event any) error {
	switch e := event.(type) {
	case *diff.Started:
		return r.start(e.Begin, e.Folders)
	case *diff.Compared:
		return r.message(e)
	case *diff.Excluded:
		r.folders[e.Source.Target].Excluded++
	case *diff.Resolved:
		return r.resolved(e)
	case *diff.Mistaken:
		r.mistaken(e.Target, e.Claimants)
	case *stream.Body:
		return r.part(e)
	case stream.Record:
		return r.other(e)
	}
	return nil
}

func (r *reporter) start(b *stream.Begin, toc []*diff.Source) error {
	if !r.begun {
		r.folders, r.waiting, r.alone = map[*diff.Target]*Summary{}, map[uint32]*Difference{}, map[uint32]bool{}
		r.landed = map[landing]bool{}
	}
	for _, s := range toc {
		t := s.Target
		if t == nil {
			continue
		}
		sum := r.folders[t]
		if sum == nil {
			sum = &Summary{Type: "folder", Target: t.Name}
			r.folders[t] = sum
			r.order = append(r.order, t)
			if !t.Exists() {
				r.lacking = append(r.lacking, t)
			}
		}
		if land := (landing{s.Name, t}); !r.landed[land] {
			r.landed[land] = true
			sum.sources = append(sum.sources, s.Name)
		}
	}
	if r.opt.Verify && b.Content == stream.Headers {
		return noOctets("the source")
	}
	if r.begun {
		return nil
	}
	var err error
	if r.recipe, err = headerkey.ParseRecipe(b.Key); err != nil {
		return err
	}
	r.begun, r.whole = true, len(b.Filters) == 0
	return r.out.Subject(&Subject{"comparison", b.Account().String(), r.dest.Account().String(), string(b.Content),
		b.Key, slices.Concat(b.Filters, r.opt.DedupFilters())})
}

func (r *reporter) message(e *diff.Compared) error {
	m, s := e.Message, e.Source
	if r.large = nil; e.Verdict == match.Incomparable {
		return r.other(diff.Incomparable(m, s))
	}
	l := &listed{d: describe(m, s), looks: match.EvidenceOf(m), ordinal: e.Ordinal, target: s.Target,
		verdict: e.Verdict,
		entry:   e.Entry}
	if r.opt.Explain {
		l.d.fields, l.d.looks = r.keyFields(m), match.EvidenceOf(m)
	}
	if m.Parts > 0 {
		r.large = l
		return nil
	}
	return r.list(l)
}

// listed is a message of the source, and what was decided on it.
type listed struct {
	d       *Difference
	looks   match.Evidence
	ordinal uint32
	target  *diff.Target
	verdict match.Verdict
	entry   *match.Entry
}

// list counts a message and tells what is known of it.
func (r *reporter) list(l *listed) error {
	sum := r.folders[l.target]
	sum.Listed++
	switch l.verdict {
	case match.Missing:
		r.keepUnmatched(l.d, l.target, nil)
		return r.add(sum, l.d, KindMissing)
	case match.Undecided:
		r.waiting[l.ordinal] = l.d
		return nil
	}
	sum.Present++
	return r.pair(sum, l.d, &l.looks, l.entry, l.target)
}

func describe(m *stream.Message, s *diff.Source) *Difference {
	d := &Difference{Type: "difference", Folder: m.Folder, UID: jsonnum.Uint64(m.UID), Target: s.Target.Name,
		Key:          m.Key,
		InternalDate: m.InternalDate, Size: m.Size, Flags: slices.Clone(m.Flags), unknown: slices.Clone(m.Unknown)}
	d.Subject, d.MessageID = canonical.StringMember(m.Header, "Subject"), canonical.StringMember(m.Header, "Message-ID")
	return d
}

func (r *reporter) add(sum *Summary, d *Difference, k Kind) error {
	d.Kind = k
	sum.count(k)
	return r.out.Difference(d)
}

// pair tells in what two messages differ that are one.
func (r *reporter) pair(sum *Summary, d *Difference, source *match.Evidence, e *match.Entry, t *diff.Target) error {
	d.TargetUID = jsonnum.Uint64(e.UID())
	if err := r.unknown(sum, d, source, e); err != nil {
		return err
	}
	if e.Date != source.Date && e.Date != 0 && !source.Has(match.DateUnknown) {
		d.TargetDate = e.DateText()
		if err := r.add(sum, d, KindDate); err != nil {
			return err
		}
	}
	here := !slices.Contains(d.unknown, stream.ItemFlags)
	if list, ok := t.Matcher.Flags.List(e.Flags); ok && here && !r.sameFlags(strings.Fields(list), d.Flags) {
		d.TargetFlags = strings.Fields(list)
		if d.guess {
			sum.Ambiguous++
		} else if err := r.add(sum, d, KindFlags); err != nil {
			return err
		}
	}
	switch both := source.BothHashed(&e.Evidence); {
	case both && source.SHA != e.SHA:
		return r.add(sum, d, KindAltered)
	case !both && !r.opt.Verify:
		sum.Unread++
	}
	return r.verify(d, source, e, t)
}

// byKey tells of a message that shares nothing but the key with the one that it
// was taken for.
func (r *reporter) byKey(sum *Summary, d *Difference, p match.Pair, at *diff.Target) error {
	told := *d
	told.TargetUID, told.TargetSize, told.Differs = jsonnum.Uint64(p.Entry.UID()), int64(p.Entry.Size),
		p.Source.Differs(&p.Entry.Evidence)
	told.TargetDate = p.Entry.DateText()
	r.alone[p.Ordinal] = true
	r.keepUnmatched(&told, at, p.Entry)
	return r.add(sum, &told, KindByKey)
}

// unknown tells which items of two messages cannot be compared.
func (r *reporter) unknown(sum *Summary, d *Difference, source *match.Evidence, e *match.Entry) error {
	var items []string
	for _, i := range []struct {
		name  string
		where string
		is    bool
	}{
		{stream.ItemFlags, "source", slices.Contains(d.unknown, stream.ItemFlags)},
		{stream.ItemFlags, "destination", e.Flags == match.UnknownFlags},
		{stream.ItemDate, "source", source.Has(match.DateUnknown)},
		{stream.ItemDate, "destination", e.Has(match.DateUnknown)},
	} {
		if i.is {
			items = append(items, i.name+" of the "+i.where)
		}
	}
	if len(items) == 0 {
		return nil
	}
	u := *d
	u.Text = "not told by the server: " + strings.Join(items, ", ")
	return r.add(sum, &u, KindUnknown)
}

// sameFlags compares the flags that are carried over.
func (r *reporter) sameFlags(have, source []string) bool {
	wanted, _ := r.opt.Flags.Apply(source)
	lacking, more := flags.Without(wanted, have), flags.Without(have, wanted)
	return len(lacking) == 0 && !slices.ContainsFunc(more, r.opt.Flags.Governs)
}

// part lists a large message when its last part has come: until then it may end
// in its failure.
func (r *reporter) part(b *stream.Body) error {
	l := r.large
	if l == nil || b.Part != b.Parts {
		return nil
	}
	r.large = nil
	l.looks.SetSHA(b.SHA256)
	return r.list(l)
}

// resolved closes a folder of a stream: what waited is known. What nobody
// claimed is extra when no further stream can come.
func (r *reporter) resolved(res *diff.Resolved) error {
	t := res.Target
	sum := r.folders[t]
	for _, p := range res.Pairs {
		sum.Present++
		d := r.waiting[p.Ordinal]
		delete(r.waiting, p.Ordinal)
		at := t
		if other := res.Elsewhere[p.Entry]; other != nil {
			at, d.Target = other, other.Name
			sum.Elsewhere++
		}
		if p.KeyOnly {
			if err := r.byKey(sum, d, p, at); err != nil {
				return err
			}
		}
		d.guess = p.Guess
		if err := r.pair(sum, d, p.Source, p.Entry, at); err != nil {
			return err
		}
	}
	for _, ordinal := range res.Missing {
		d := r.waiting[ordinal]
		delete(r.waiting, ordinal)
		r.keepUnmatched(d, t, nil)
		if err := r.add(sum, d, KindMissing); err != nil {
			return err
		}
	}
	sum.Ambiguous += int64(len(res.Ambiguous))
	return nil
}

func (r *reporter) mistaken(t *diff.Target, claimants []match.Claimant) {
	sum := r.folders[t]
	for _, c := range claimants {
		if r.alone[uint32(c)] {
			sum.ByKey--
		}
	}
	sum.Present -= int64(len(claimants))
	sum.Missing += int64(len(claimants))
}

// extra tells the messages of a destination folder that nobody claimed.
func (r *reporter) extra(t *diff.Target, sum *Summary) error {
	if t.Matcher == nil {
		switch {
		case !t.Exists():
			return nil
		case t.Unreadable != "" && sum.Listed > 0: // its messages have failed
			return nil
		}
		if err := t.Load(r.dest); err != nil {
			return err
		}
		if t.Matcher == nil {
			return r.add(sum, &Difference{Type: "difference", Target: t.Name, Reason: string(stream.ReasonTarget),
				Text: t.Unreadable}, KindFailed)
		}
	}
	var err error
	t.Matcher.Index.Each(func(e *match.Entry) {
		if err != nil || e.Claimed != match.Unclaimed {
			return
		}
		d := &Difference{Type: "difference", Target: t.Name, TargetUID: jsonnum.Uint64(e.UID()), Size: int64(e.Size),
			Key: e.KeyText()}
		d.TargetDate = e.DateText()
		d.TargetFlags = t.Matcher.FlagsOf(e)
		err = r.add(sum, d, KindExtra)
	})
	return err
}

func (r *reporter) other(rec stream.Record) error {
	switch f := rec.(type) {
	case *stream.Expunged:
		r.total.Expunged++
		r.total.Listed++
	case *stream.Failed:
		r.large = nil
		if f.UID != 0 {
			r.total.Listed++
		}
		return r.add(&r.total, &Difference{Type: "difference", Folder: f.Folder, UID: jsonnum.Uint64(f.UID),
			Reason: string(f.Reason), Text: f.Text}, KindFailed)
	}
	return nil
}

// finish tells what nobody claimed, and of the folders that only the
// destination has, if the source holds its account whole, and the sums.
func (r *reporter) finish() error {
	for _, sum := range r.folders {
		sum.Folder = strings.Join(sum.sources, ", ")
	}
	for _, t := range r.lacking {
		sum := r.folders[t]
		if r.opt.NoEmpty && sum.Listed == 0 {
			continue
		}
		if err := r.add(sum, &Difference{Type: "difference", Folder: sum.Folder, Target: t.Name},
			KindFolder); err != nil {
			return err
		}
	}
	if err := r.readBatch(); err != nil {
		return err
	}
	if err := r.reportFailures(); err != nil {
		return err
	}
	for _, t := range r.order {
		if err := r.close(t, r.folders[t], true); err != nil {
			return err
		}
	}
	for _, t := range r.dest.Folders() {
		if r.folders[t] == nil && r.whole {
			if err := r.close(t, &Summary{Type: "folder", Target: t.Name}, false); err != nil {
				return err
			}
		}
	}
	if err := r.explain(); err != nil {
		return err
	}
	return r.out.Total(&r.total)
}

// reportFailures names what a destination stream lacks: messages that count as missing
// because their bytes are damaged, and what it has failed records of. Nobody knows
// whether that is equal.
func (r *reporter) reportFailures() error {
	a, ok := r.dest.(*diff.Archive)
	if !ok {
		return nil
	}
	for _, f := range a.Lacking() {
		d := &Difference{Type: "difference", Target: f.Folder, TargetUID: jsonnum.Uint64(f.UID),
			Reason: string(f.Reason),
			Text:   "in the destination stream: " + f.Text}
		if err := r.add(&r.total, d, KindFailed); err != nil {
			return err
		}
	}
	return nil
}

// close ends a destination folder. One that agrees with no source folder and
// holds nothing is not worth a line.
func (r *reporter) close(t *diff.Target, sum *Summary, always bool) error {
	if err := r.reportAltered(t); err != nil {
		return err
	}
	if err := r.extra(t, sum); err != nil {
		return err
	}
	r.total.add(sum)
	if always || sum.Extra+sum.Failed > 0 {
		return r.out.Folder(sum)
	}
	return nil
}
