// Package plan writes plans of what a destination lacks: messages, flags and folders.
package plan

import (
	"context"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Options say what to plan.
type Options struct {
	diff.Options
	Prune         *Prune                // destination folders that no source folder goes to are to go, or nil
	Delete        *cleanup.ExtraOptions // messages that the source lacks are to go, or nil
	SyncFlags     SyncFlags
	WriteReceipts io.Writer // gets receipts of what is present, or nil
}

// Run writes what the destination lacks. again opens the source a second
// time; with nil, which is a pipe, messages whose fate is known only at the end
// of their folder wait in a temporary file.
//
// The stream is begun and ended; what is returned then is nil or of the kind
// fault.Partial. What was whole in a damaged source was acted on.
func Run(ctx context.Context, opt Options, in *stream.Reader, again func() (*stream.Reader, error),
	dest diff.Destination, w *stream.Writer) (*stream.End, error) {
	p := &planner{opt: &opt, dest: dest, w: w}
	opt.Reread = opt.Reread || opt.SyncFlags.on() || opt.WriteReceipts != nil
	if opt.Delete != nil {
		p.deleter = &cleanup.ExtraFinder{How: opt.Delete, Opt: &opt.Options}
	}
	if opt.SyncFlags.on() {
		opt.Depends = match.FlagsDepend
	}
	var err error
	if again == nil || opt.FoldersOnly {
		err = p.onePass(ctx, in)
	} else {
		err = p.twoPass(ctx, in, again)
	}
	if err == nil {
		err = p.deletions()
	}
	if err == nil {
		err = p.prune()
	}
	if err == nil && w.Failures() > 0 {
		err = fault.Errorf(fault.Partial, "%s failed; the plan's failed records name %s",
			text.Count(w.Failures(), "message or folder"), text.Either(w.Failures(), "it", "them"))
	}
	if err == nil {
		err = opt.UnseenFolders(dest)
	}
	return p.last, err
}

// planner writes the records of a plan.
type planner struct {
	opt  *Options
	dest diff.Destination
	w    *stream.Writer
	ties
	spare int64       // emitted and not missing, of this stream
	last  *stream.End // sums over the streams of a concatenation

	pendingFolders map[*diff.Target][]stream.Record // folders that are made when a message goes to them
	wanted         map[string]bool                  // names of folders that source folders go to
	opened         *stream.Begin                    // of the last stream

	flagChanges int64                // changes of flags in this stream
	guesses     int64                // messages whose flags differ from those of a guess, in this stream
	deleter     *cleanup.ExtraFinder // or nil
}

// start writes begin, the table of contents with its targets, and the folders
// to create.
func (p *planner) start(b *stream.Begin, toc []*diff.Source) error {
	if err := p.checkPrune(b); err != nil {
		return err
	}
	if err := p.checkDeletions(b); err != nil {
		return err
	}
	if p.opt.FoldersOnly {
		for _, line := range p.preview(b, toc).Lines() {
			p.opt.Say("%s", line)
		}
	}
	p.opened = p.begin(b)
	if err := p.contents(b, toc); err != nil {
		return err
	}
	return p.folders(toc)
}

// folders writes which folders to create and to subscribe, each once.
func (p *planner) folders(toc []*diff.Source) error {
	p.pendingFolders = map[*diff.Target][]stream.Record{}
	if p.wanted == nil {
		p.wanted = map[string]bool{}
	}
	created, subscribed := map[*diff.Target]bool{}, map[*diff.Target]bool{}
	for _, s := range toc {
		t := s.Target
		if t == nil {
			continue
		}
		p.wanted[t.Name] = true
		var then []stream.Record
		if !t.Exists() && !created[t] {
			created[t] = true
			then = append(then, &stream.Create{Target: t.Name, Folder: s.Name})
		}
		if s.Subscribed && !t.Subscribed && !subscribed[t] {
			subscribed[t] = true
			then = append(then, &stream.Subscribe{Target: t.Name, Folder: s.Name})
		}
		if p.opt.NoEmpty && !t.Exists() && (!p.opt.FoldersOnly || s.Messages == 0) {
			p.pendingFolders[t] = append(p.pendingFolders[t], then...)
			continue
		}
		if err := p.write(then); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) write(records []stream.Record) error {
	for _, r := range records {
		if err := p.w.Write(r); err != nil {
			return err
		}
	}
	return nil
}

// contents writes begin and the table of contents.
func (p *planner) contents(b *stream.Begin, toc []*diff.Source) error {
	if err := p.w.Write(p.begin(b)); err != nil {
		return err
	}
	for _, s := range toc {
		if s.Excluded {
			continue
		}
		f := s.Folder
		if t := s.Target; t != nil {
			f.Target, f.TargetUIDValidity, f.TargetUIDNext = t.Name, t.UIDValidity, t.UIDNext
		}
		if err := p.w.Write(&f); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) begin(b *stream.Begin) *stream.Begin {
	out := *b
	out.Tool, out.Plan = p.opt.Tool, true
	out.SetTarget(p.dest.Account())
	out.Labels = append(slices.Clone(b.Labels), p.opt.Labels...)
	out.Filters = slices.Clone(b.Filters)
	if p.opt.FoldersOnly {
		out.Filters = append(out.Filters, "folders-only")
	}
	out.Filters = append(out.Filters, p.opt.DedupFilters()...)
	if p.opt.Edited {
		out.Filters = append(out.Filters, "edited")
	}
	return &out
}

// emit writes a message that is missing, or that may be.
func (p *planner) emit(m *stream.Message, ordinal uint32, s *diff.Source) error {
	if held := p.pendingFolders[s.Target]; held != nil {
		delete(p.pendingFolders, s.Target)
		if err := p.write(held); err != nil {
			return err
		}
	}
	if m.Change != "" && !m.HasOctets() && p.opened.Content == stream.Full {
		return p.w.Write(failedInBase(m))
	}
	m.Target, m.Tie, m.Change = s.Target.Name, nil, ""
	if member, ok := p.members[ordinal]; ok {
		m.Tie = &stream.TieOf{ID: member.choice.id}
		if member.spare {
			p.spare++
		}
	}
	return p.w.Write(m)
}

// failedInBase is what becomes of a message that is missing, and of which a delta with
// bodies has none.
func failedInBase(m *stream.Message) *stream.Failed {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonInBase,
		Text: "the destination lacks it, and its octets are in the base of this delta: give imap-diff a file of both"}
}

// writeIncomparable writes that a message cannot be compared.
func (p *planner) writeIncomparable(m *stream.Message, s *diff.Source) error {
	return p.w.Write(diff.Incomparable(m, s))
}

func (p *planner) other(r stream.Record) error {
	if _, ok := r.(*stream.FolderExpunged); ok {
		return nil // it is of the source alone
	}
	return p.w.Write(r)
}

func (p *planner) end(counts *stream.End) error {
	counts.Spare, p.spare = p.spare, 0
	counts.FlagChanges, p.flagChanges = p.flagChanges, 0
	if n := p.guesses; n > 0 {
		p.opt.Warn("the flags of %s stay: others of the same key look alike", text.Count(n, "message"))
	}
	counts.Ambiguous, p.guesses = counts.Ambiguous+p.guesses, 0
	err := p.w.End(counts)
	if p.last == nil {
		p.last = &stream.End{}
	}
	p.last.Add(counts)
	return err
}

func (p *planner) abort(a *stream.Abort, b *stream.Begin) error {
	p.spare = 0
	if !p.w.Begun() && b != nil {
		if err := p.w.Write(p.begin(b)); err != nil {
			return err
		}
	}
	return p.w.Abort(a)
}
