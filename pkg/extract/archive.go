// Package extract writes what is chosen of an archive as a stream. It knows no
// protocol.
package extract

import (
	"cmp"
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Archive is a stream, or several one after the other, in place of an account.
type Archive struct {
	In *stream.Reader
	// Again reads it from its first octet once more. Nil for what is read once,
	// such as a pipe.
	Again func() (*stream.Reader, error)
}

// Run exports what the options choose of an archive: each stream of a
// concatenation becomes one, of the same account and key. Bodies are copied as
// they stand, once their size and sha256 were found to be those of their record;
// a message whose octets are others fails. What was whole in a damaged archive has been acted on when the
// error is returned; an abort is passed on, and is returned as an error with
// its code.
func Run(a *Archive, opt export.Options, w *stream.Writer) error {
	x := &extract{opt: &opt, w: w, failures: export.NewFailures(&opt), needs: opt.Messages.Needs(),
		folders: folders{known: map[string]bool{}}, became: map[string]string{}, follows: a.In.Follows()}
	defer x.large.close()
	in := a.In
	if a.Again == nil && opt.Messages.IsZero() {
		in.PassDeltas()
	}
	x.guard(in)
	if (x.needs.Flags || x.needs.LargestUID) && a.Again != nil {
		var err error
		if x.firstPass, err = survey(in); err != nil {
			return err
		}
		in.Close()
		if in, err = a.Again(); err != nil {
			return err
		}
		defer in.Close()
		x.guard(in)
	}
	if err := x.run(in); err != nil {
		return err
	}
	if x.aborted != nil {
		return x.aborted.Err()
	}
	return export.Partial(w.Failures())
}

// guard has bodies checked on their way: what is written says again that they
// are whole. Where none are taken, nothing is said of them.
func (x *extract) guard(in *stream.Reader) {
	if x.opt.Content != stream.Headers {
		in.CheckBodies()
	}
}

// extract is one run over an archive.
type extract struct {
	opt       *export.Options
	needs     search.Needs // of what is chosen
	w         *stream.Writer
	firstPass *firstPass       // what a first pass has found, or nil
	follows   bool             // deltas are applied, not passed on
	failures  *export.Failures // of ours; those of the archive are passed on

	section // that is read
	folders

	end     *stream.End       // of the last stream, not written yet
	became  map[string]string // the hashes of the archive's streams, as they were written
	aborted *stream.Abort

	seen   stream.Seen // to find the same message with other octets
	large  large
	octets []byte // of the message that is judged
	taken  marks  // messages that were taken, for their later flags
}

// section is one stream of the archive.
type section struct {
	begin    *stream.Begin
	content  stream.Content            // of what is written
	unfit    error                     // why nothing can be taken from it; an abort may excuse it
	contents []*stream.Folder          // its table of contents
	toc      map[string]*stream.Folder // what of that is chosen
	started  bool                      // a record came that follows the table of contents
	listed   int64
	leftOut  int64
}

// folders are those of all streams so far.
type folders struct {
	streams int
	all     []folder.Candidate
	known   map[string]bool // by name
}

// run goes through the archive. A folder that was asked for by name and stands
// in none of its streams fails in the last.
func (x *extract) run(in *stream.Reader) error {
	for rec, err := range in.All() {
		if err != nil {
			return cmp.Or(errors.Join(x.start(), x.settle()), err)
		}
		if err := x.record(rec); err != nil {
			return err
		}
	}
	return errors.Join(x.missing(), x.settle())
}

func (x *extract) missing() error {
	if x.end == nil {
		return nil
	}
	choice := x.opt.Folders.Choose(x.all)
	for _, note := range choice.Idle {
		x.opt.Warn("%s", note)
	}
	for _, m := range choice.Missing {
		f := &stream.Failed{Folder: m.Name, Reason: stream.ReasonNoFolder, Text: "the archive has " + m.Text}
		x.opt.Warn("folder %s: %s", f.Folder, f.Text)
		if err := x.failures.Pass(x.w, f); err != nil {
			return err
		}
	}
	return nil
}

// settle writes the end that is due.
func (x *extract) settle() error {
	e := x.end
	if e == nil {
		return nil
	}
	x.end = nil
	was := e.Hash
	err := x.w.End(e)
	x.became[was] = e.Hash
	return err
}

func (x *extract) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		return x.open(r)
	case *stream.Abort:
		return x.abort(r)
	}
	if x.unfit != nil {
		return x.unfit
	}
	if f, ok := rec.(*stream.Folder); ok {
		x.contents = append(x.contents, f)
		return nil
	}
	if err := x.start(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Message:
		return x.message(r)
	case *stream.Body:
		return x.part(r)
	case *stream.Failed:
		return x.failed(r)
	case *stream.Expunged:
		if x.toc[r.Folder] == nil {
			return nil
		}
		x.listed++
	case *stream.FolderExpunged:
		x.seen.ForgetFolder(x.begin, r)
		if !x.takes(r.Folder) {
			return nil
		}
	case *stream.Skipped:
		if x.toc[r.Folder] == nil {
			return nil
		}
	case *stream.End:
		r.Listed = x.listed
		r.Excluded += x.leftOut
		x.end = r
		return nil
	}
	return x.w.Write(rec)
}

// open begins a stream of the archive's account.
func (x *extract) open(b *stream.Begin) error {
	if err := x.settle(); err != nil {
		return err
	}
	x.section = section{begin: b, toc: map[string]*stream.Folder{}}
	x.streams++
	x.large.fate = none
	if x.unfit = x.fit(b); x.unfit != nil {
		return nil
	}
	x.content = less(b.Content, x.opt.Content)
	out := *b
	out.Tool, out.Content = x.opt.Tool, x.content
	out.Labels = stream.MergeLabels(b.Labels, x.opt.Labels)
	out.Filters = slices.Clone(b.Filters)
	for _, f := range x.opt.Filters {
		if !slices.Contains(out.Filters, f) {
			out.Filters = append(out.Filters, f)
		}
	}
	if x.opt.Edited && !slices.Contains(out.Filters, "edited") {
		out.Filters = append(out.Filters, "edited")
	}
	if is, ok := x.became[b.Base]; ok {
		if out.Base = is; x.follows { // it was applied
			out.Base = ""
		}
	}
	return x.w.Write(&out)
}

// less returns the content that has less of each message.
func less(a, b stream.Content) stream.Content {
	order := []stream.Content{stream.Headers, stream.Hashes, stream.Full}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

func (x *extract) abort(a *stream.Abort) error {
	if err := x.settle(); err != nil {
		return err
	}
	x.aborted = a
	if x.unfit != nil {
		return nil // whoever aborted knows better why nothing came
	}
	if err := x.start(); err != nil {
		return err
	}
	return x.w.Abort(a)
}

// start comes once the table of contents is complete: which folders are chosen
// may depend on which others there are.
func (x *extract) start() error {
	if x.started || x.begin == nil || x.unfit != nil {
		return nil
	}
	x.started = true
	here := make([]folder.Candidate, len(x.contents))
	for i, f := range x.contents {
		here[i] = list.Candidate(f)
		if !x.known[f.Name] {
			x.known[f.Name] = true
			x.all = append(x.all, here[i])
		}
	}
	var total int64
	for i, left := range x.opt.Folders.Choose(here).Left {
		if left != "" {
			continue
		}
		f := x.contents[i]
		x.toc[f.Name] = f
		total += int64(f.Messages)
		if err := x.w.Write(f); err != nil {
			return err
		}
	}
	x.opt.Progress.Total(total, 0)
	return nil
}

func (x *extract) message(m *stream.Message) error {
	x.large.fate = none
	if _, err := x.seen.Again(x.begin, m); err != nil {
		return err
	}
	f := x.toc[m.Folder]
	if f == nil {
		return nil
	}
	x.opt.Progress.Folder(m.Folder)
	if x.opt.Messages.IsZero() {
		return x.take(m)
	}
	return x.consider(m)
}

// take writes a message. The parts of a large one follow; where no bodies are
// wanted, its record waits for them, for they may end in a failure.
func (x *extract) take(m *stream.Message) error {
	if x.content == stream.Full {
		if m.Parts > 0 {
			x.large.begin(m, passedOn)
		}
		return x.emit(m)
	}
	m.DropBody()
	if x.content == stream.Headers {
		m.SHA256 = ""
	}
	if m.Parts > 0 {
		x.large.begin(m, recordWaits)
		return nil
	}
	return x.emit(m)
}

func (x *extract) emit(m *stream.Message) error {
	x.listed++
	x.opt.Progress.Add(1, m.Size)
	return x.w.Write(m)
}

// leave counts a message that is left out, and names it if it was skipped.
func (x *extract) leave(m *stream.Message, v export.Verdict) error {
	x.leftOut++
	x.opt.Progress.Add(1, 0)
	if v != export.Skipped {
		return nil
	}
	return x.w.Write(x.opt.Messages.SkippedRecord(m.Folder, m.UIDValidity, m.UID))
}

// takes reports whether a folder that has no entry in the table of contents is
// chosen.
func (x *extract) takes(name string) bool {
	return x.opt.Folders.Takes(folder.Candidate{Name: name, Delimiter: x.begin.Delimiter})
}

func (x *extract) failed(f *stream.Failed) error {
	if x.large.fate != none && f.UID != 0 {
		x.seen.Forget() // its parts do not all come
	}
	chosen := x.toc[f.Folder] != nil
	if f.UID == 0 && !chosen {
		chosen = x.takes(f.Folder)
	}
	if !chosen {
		return nil
	}
	switch fate := x.large.end(); {
	case fate == dropped:
		return nil
	case fate == leftBehind:
		x.leftOut++
		return nil
	case f.UID != 0 && fate != passedOn: // which is counted
		x.listed++
		x.opt.Progress.Add(1, 0)
	}
	return x.w.Write(f)
}
