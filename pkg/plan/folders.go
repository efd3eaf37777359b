package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Place is where one folder goes, or what becomes of one at the destination.
type Place struct {
	Type     string     `json:"type"` // place
	Folder   string     `json:"folder,omitempty"`
	Target   string     `json:"target,omitempty"`
	By       folder.Way `json:"by,omitempty"`
	State    State      `json:"state"`
	Messages uint32     `json:"messages"` // of the source folder, or of one to remove
	Note     string     `json:"note,omitempty"`
}

// State says whether a folder is there.
type State string

// The states.
const (
	StateThere    State = "there"    // at the destination
	StateNew      State = "new"      // it would be made
	StateEmpty    State = "empty"    // it is not there, and would not be made
	StateExcluded State = "excluded" // by the mapping
	StateRemoved  State = "remove"   // no source folder goes there, and it would go
)

// Preview is where all folders go.
type Preview struct {
	Source, Destination string // user@host
	Places              []Place
}

// PreviewFolders finds where the folders of a stream go. It reads the table of
// contents and no further, and writes nothing anywhere.
func PreviewFolders(ctx context.Context, opt Options, in *stream.Reader, dest diff.Destination) (*Preview, error) {
	opt.FoldersOnly = true
	s := &folderPlanner{planner: planner{opt: &opt, dest: dest}}
	if err := diff.NewComparison(ctx, &opt.Options, dest, s.handle).Run(in); !errors.Is(err, errMapped) {
		return nil, err
	}
	return s.preview, nil
}

// errMapped ends the reading of a source of which enough is known.
var errMapped = errors.New("enough is known")

// folderPlanner looks at the folders alone.
type folderPlanner struct {
	planner
	preview *Preview
}

// handle takes the first event of the comparison, and ends it.
func (s *folderPlanner) handle(event any) error {
	e, ok := event.(*diff.Started)
	if !ok {
		return nil
	}
	if err := s.checkPrune(e.Begin); err != nil {
		return err
	}
	s.preview = s.planner.preview(e.Begin, e.Folders)
	return errMapped
}

// preview is what a plan would make of folders.
func (p *planner) preview(b *stream.Begin, toc []*diff.Source) *Preview {
	out := &Preview{Source: b.Account().String(), Destination: p.dest.Account().String()}
	if p.wanted == nil {
		p.wanted = map[string]bool{}
	}
	for _, s := range toc {
		if place, ok := p.place(s); ok {
			out.Places = append(out.Places, place)
		}
	}
	if p.opt.Prune != nil {
		for _, r := range p.removals() {
			out.Places = append(out.Places, Place{Type: "place", Target: r.Target, State: StateRemoved,
				Messages: r.Messages})
		}
	}
	return out
}

// place tells of one folder; a level between folders goes nowhere.
func (p *planner) place(s *diff.Source) (place Place, ok bool) {
	place = Place{Type: "place", Folder: s.Name, By: s.By, State: StateExcluded, Messages: s.Messages, Note: s.Note}
	t := s.Target
	if t == nil {
		return place, s.Excluded
	}
	p.wanted[t.Name] = true
	switch place.Target = t.Name; {
	case t.Exists():
		place.State = StateThere
	case p.opt.NoEmpty && s.Messages == 0:
		place.State = StateEmpty
	default:
		place.State = StateNew
	}
	return place, true
}

// Text prints a preview for people. Whatever comes from outside passes through
// safe.
func (p *Preview) Text(out io.Writer, safe func(string) string) error {
	for _, line := range p.Lines() {
		if _, err := fmt.Fprintln(out, safe(line)); err != nil {
			return err
		}
	}
	return nil
}

// Lines are a preview for people, a line each.
func (p *Preview) Lines() []string {
	lines := []string{fmt.Sprintf("%s -> %s", p.Source, p.Destination)}
	for _, f := range p.Places {
		lines = append(lines, f.line())
	}
	return lines
}

func (f *Place) line() string {
	switch f.State {
	case StateExcluded:
		return f.Folder + " is left out"
	case StateRemoved:
		return fmt.Sprintf("%s, with %s, is removed", f.Target, text.Count(f.Messages, "message"))
	}
	line := f.Folder + " -> " + f.Target
	if how := map[State]string{StateNew: "new", StateEmpty: "empty, not made"}[f.State]; how != "" {
		line += " (" + how + ")"
	}
	if f.By != folder.ByName {
		line += " by " + string(f.By)
	}
	return line
}

// NDJSON prints a preview for programs, a folder a line.
func (p *Preview) NDJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range p.Places {
		if err := enc.Encode(&p.Places[i]); err != nil {
			return err
		}
	}
	return nil
}

// Map writes a preview as a mapping file, to be edited and read again.
func (p *Preview) Map(out io.Writer) error {
	comments := []string{
		p.Source + " -> " + p.Destination,
		`"source" = "destination"; - in place of the destination leaves the folder out`,
	}
	var entries []folder.Entry
	for _, f := range p.Places {
		if f.State != StateRemoved {
			entries = append(entries, folder.Entry{Source: f.Folder, Target: f.Target,
				LeaveOut: f.State == StateExcluded})
		}
	}
	return folder.WriteEntries(out, comments, entries)
}
