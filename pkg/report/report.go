// Package report says in what a stream and a destination differ.
package report

import (
	"context"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Difference is one message, or with UID and TargetUID 0 one folder, that is
// not the same on both sides.
type Difference struct {
	Type         string         `json:"type"` // difference
	Kind         Kind           `json:"kind"`
	Folder       string         `json:"folder,omitempty"`
	UID          jsonnum.Uint64 `json:"uid,omitempty"`
	Target       string         `json:"target,omitempty"`
	TargetUID    jsonnum.Uint64 `json:"target_uid,omitempty"`
	CopyOf       jsonnum.Uint64 `json:"copy_of,omitempty"` // UID of the message of the same folder that it is a copy of
	Key          string         `json:"key,omitempty"`
	InternalDate string         `json:"internaldate,omitempty"`
	Size         int64          `json:"size,omitempty"`
	TargetSize   int64          `json:"target_size,omitempty"`
	Differs      []string       `json:"differs,omitempty"` // by-key: of size, internaldate and received
	Flags        []string       `json:"flags,omitempty"`
	TargetDate   string         `json:"target_internaldate,omitempty"`
	TargetFlags  []string       `json:"target_flags,omitempty"`
	Subject      string         `json:"subject,omitempty"`
	MessageID    string         `json:"message_id,omitempty"`
	Reason       string         `json:"reason,omitempty"`
	Text         string         `json:"text,omitempty"`

	unknown []string          // items of the source message that are unknown
	fields  []headerkey.Field // of the key, for an explanation
	looks   match.Evidence
	guess   bool // another that looks alike could be the one
}

// Kind says in what two sides differ.
type Kind string

// The kinds of difference.
const (
	KindMissing Kind = "missing" // the destination lacks it
	KindExtra   Kind = "extra"   // the source lacks it
	KindFlags   Kind = "flags"
	KindDate    Kind = "date"
	KindAltered Kind = "altered" // other bytes under one key
	KindFailed  Kind = "failed"  // it could not be compared
	KindFolder  Kind = "folder"  // the destination lacks the folder
	KindByKey   Kind = "by-key"  // it shares nothing but the key with what it was taken for
	KindCopy    Kind = "copy"    // the folder holds the same message before it, byte for byte
	KindUnknown Kind = "unknown" // flags or date that a server does not tell, and that were not compared
)

// Summary counts one folder, or with no folder named all of them.
type Summary struct {
	Type      string `json:"type"` // folder or summary
	Folder    string `json:"folder,omitempty"`
	Target    string `json:"target,omitempty"`
	Folders   int64  `json:"folders_missing"` // at the destination
	Listed    int64  `json:"listed"`
	Present   int64  `json:"present"`
	ByKey     int64  `json:"present_by_key,omitempty"` // of those present
	Missing   int64  `json:"missing"`
	Extra     int64  `json:"extra"`
	Flags     int64  `json:"flags"`
	Date      int64  `json:"date"`
	Altered   int64  `json:"altered"`
	Ambiguous int64  `json:"ambiguous"`
	Expunged  int64  `json:"expunged"`
	Failed    int64  `json:"failed"`
	Unread    int64  `json:"bodies_not_compared,omitempty"` // of those present: not both sides have a sha256
	Elsewhere int64  `json:"elsewhere,omitempty"`           // of those present, in another folder
	Excluded  int64  `json:"excluded,omitempty"`            // by --dedup account or --dedup folder, and not listed
	Unknown   int64  `json:"unknown,omitempty"`             // of those present, with flags or date unknown
}

// Equal reports whether nothing differs and nothing stayed unknown.
func (s *Summary) Equal() bool {
	return s.Folders+s.Missing+s.Extra+s.Flags+s.Date+s.Altered+s.Failed+s.Ambiguous+s.ByKey+s.Unknown == 0
}

func (s *Summary) count(k Kind) {
	switch k {
	case KindMissing:
		s.Missing++
	case KindExtra:
		s.Extra++
	case KindFlags:
		s.Flags++
	case KindDate:
		s.Date++
	case KindAltered:
		s.Altered++
	case KindFailed:
		s.Failed++
	case KindFolder:
		s.Folders++
	case KindByKey:
		s.ByKey++
	case KindUnknown:
		s.Unknown++
	}
}

func (s *Summary) add(o *Summary) {
	s.Folders += o.Folders
	s.Listed += o.Listed
	s.Present += o.Present
	s.ByKey += o.ByKey
	s.Missing += o.Missing
	s.Extra += o.Extra
	s.Flags += o.Flags
	s.Date += o.Date
	s.Altered += o.Altered
	s.Ambiguous += o.Ambiguous
	s.Expunged += o.Expunged
	s.Failed += o.Failed
	s.Unread += o.Unread
	s.Elsewhere += o.Elsewhere
	s.Unknown += o.Unknown
	s.Excluded += o.Excluded
}

// Subject says what is compared.
type Subject struct {
	Type        string   `json:"type"` // comparison
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Content     string   `json:"content"`
	Key         string   `json:"key"`
	Filters     []string `json:"filters"`
}

// Printer takes a report piece by piece: a Subject, then for each folder its
// differences and its Summary, then near misses, if they are wanted, and the
// Summary of all.
type Printer interface {
	Subject(*Subject) error
	Difference(*Difference) error
	Near(*NearMiss) error
	Folder(*Summary) error
	Total(*Summary) error
}

// Options say what to report.
type Options struct {
	diff.Options
	Verify  bool // read what is at the destination, and compare bytes
	Explain bool // show what looks like a missing message, and why it is another
}

// Run compares and writes nothing but the report. The summary is valid, as
// far as it goes, also with an error.
func Run(ctx context.Context, opt Options, in *stream.Reader, dest diff.Destination, out Printer) (*Summary, error) {
	r := &reporter{opt: &opt, dest: dest, out: out, total: Summary{Type: "summary"}}
	in.CheckBodies()
	opt.Depends = match.FlagsDepend | match.DatesDepend
	c := diff.NewComparison(ctx, &opt.Options, dest, r.handle)
	err := c.Run(in)
	if err == nil {
		err = r.finish()
	}
	if err == nil && r.total.Failed > 0 {
		err = exit.Errorf(exit.Partial, "%s could not be compared; the report names %s",
			text.Count(r.total.Failed, "message or folder"), text.Either(r.total.Failed, "it", "them"))
	}
	if err == nil {
		err = opt.UnseenFolders(dest)
	}
	return &r.total, err
}

// reporter tells differences.
type reporter struct {
	opt       *Options
	dest      diff.Destination
	out       Printer
	whole     bool // the source leaves nothing out
	begun     bool
	folders   map[*diff.Target]*Summary
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
	}
	for _, s := range toc {
		t := s.Target
		switch sum := r.folders[t]; {
		case t == nil:
		case sum == nil:
			r.folders[t] = &Summary{Type: "folder", Folder: s.Name, Target: t.Name}
			r.order = append(r.order, t)
			if !t.Exists() {
				r.lacking = append(r.lacking, t)
			}
		case !slices.Contains(strings.Split(sum.Folder, ", "), s.Name):
			sum.Folder += ", " + s.Name
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
	d.Subject, d.MessageID = stream.HeaderField(m.Header, "Subject"), stream.HeaderField(m.Header, "Message-ID")
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
