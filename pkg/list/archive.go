package list

import (
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// RunArchive writes a record for each folder of a stream, or of several one
// after the other, with the messages and octets that are really there. A
// damaged stream is listed as far as it is whole before the error is returned,
// and so is one that was aborted.
func RunArchive(in *stream.Reader, opt Options, out io.Writer) error {
	a := &archive{opt: &opt, folders: map[string]*stream.Folder{}, meters: map[string]*imapconn.Meter{}}
	readErr := a.read(in)
	if readErr != nil && fault.KindOf(readErr) != fault.Data {
		return readErr
	}
	choice := a.choose()
	if err := write(out, a.entries(choice), opt); err != nil {
		return err
	}
	for _, note := range choice.Idle {
		opt.Warn("%s", note)
	}
	switch {
	case readErr != nil:
		return readErr
	case a.aborted != nil:
		return a.aborted.Err()
	case len(choice.Missing) > 0:
		for _, m := range choice.Missing {
			opt.Warn("%s: the archive has %s", m.Name, m.Text)
		}
		return fault.Errorf(fault.Partial, "some folders could not be listed: %d", len(choice.Missing))
	}
	return nil
}

// archive is what was counted in a stream.
type archive struct {
	opt     *Options
	names   []string // in the order of the streams
	folders map[string]*stream.Folder
	meters  map[string]*imapconn.Meter
	seen    stream.Seen
	aborted *stream.Abort

	begin *stream.Begin
	large *stream.Message // its parts are under way
	again bool            // they are those of a message that was counted
}

func (a *archive) read(in *stream.Reader) error {
	for rec, err := range in.All() {
		if err == nil {
			err = a.record(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		a.begin, a.large = r, nil
	case *stream.Folder:
		a.folder(r)
	case *stream.Message:
		if r.Change != "" && !r.HasOctets() {
			return nil // they are in the base
		}
		again, err := a.seen.Again(a.begin, r)
		if err != nil {
			return err
		}
		if a.large = nil; r.Parts > 0 {
			a.large, a.again = r.Clone(), again
		} else if !again {
			a.count(r)
		}
	case *stream.Body:
		if err := a.seen.Part(r); err != nil {
			return err
		}
		if a.large != nil && r.Part == r.Parts {
			if !a.again {
				a.count(a.large)
			}
			a.large = nil
		}
	case *stream.Failed:
		a.takeBack()
	case *stream.Abort:
		a.takeBack()
		a.aborted = r
	}
	return nil
}

// takeBack forgets the message whose parts are under way: they do not all come.
func (a *archive) takeBack() {
	if a.large != nil {
		a.large = nil
		a.seen.Forget()
	}
}

// folder takes an entry of a table of contents; that of a later stream says
// what the folder is now.
func (a *archive) folder(r *stream.Folder) {
	f := *r
	f.Messages = 0
	if before := a.folders[r.Name]; before != nil {
		f.Messages = before.Messages
	} else {
		a.names = append(a.names, r.Name)
		a.meters[r.Name] = &imapconn.Meter{}
	}
	a.folders[r.Name] = &f
}

func (a *archive) count(m *stream.Message) {
	if f := a.folders[m.Folder]; f != nil {
		f.Messages++
		a.meters[m.Folder].Add(m.UID, m.Size, m.InternalDate)
	}
}

// choose applies the selection to all folders of the archive.
func (a *archive) choose() folder.Choice {
	all := make([]folder.Candidate, len(a.names))
	for i, name := range a.names {
		all[i] = Candidate(a.folders[name])
	}
	return a.opt.Folders.Choose(all)
}

// entries are the folders with what was counted of them.
func (a *archive) entries(choice folder.Choice) []Entry {
	entries := make([]Entry, len(a.names))
	for i, name := range a.names {
		f := *a.folders[name]
		measured := a.meters[name].Extent
		if f.Octets = measured.Octets; !a.opt.Sizes {
			f.Octets, measured = -1, imapconn.Extent{}
		}
		f.Largest, f.LargestUID, f.Oldest, f.Newest = measured.Largest, measured.LargestUID, measured.Oldest,
			measured.Newest
		if !a.opt.ACL {
			f.ACL = nil
		}
		entries[i] = Entry{Folder: f, Left: choice.Left[i]}
	}
	return entries
}
