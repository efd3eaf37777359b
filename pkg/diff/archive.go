package diff

import (
	"io"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func sortedUIDs[V any](m map[uint64]V) []uint64 { return slices.Sorted(maps.Keys(m)) }

// Archive is a Destination in a stream.
type Archive struct {
	in      *stream.Reader
	begin   *stream.Begin
	targets []*Target
	entries match.Store // of the targets
	byName  map[string]*Target
	repeats *Repeats
	damaged []stream.Failed // messages whose bytes are not those of their records

	wary bool // see DoubtFailed

	// failed is what the stream says that it lacks, by folder and UID (0: the
	// folder), as far as no later stream has it.
	failed map[string]map[uint64]stream.Failed
}

// NewArchive makes a Destination of a stream. It is read when it is opened.
// repeats are those of a concatenation, or nil.
func NewArchive(in *stream.Reader, repeats *Repeats) *Archive {
	return &Archive{in: in, byName: map[string]*Target{}, repeats: repeats,
		failed: map[string]map[uint64]stream.Failed{}}
}

// DoubtFailed makes Open give folders that have failed as a whole as unreadable: what
// such a folder holds beside what the stream shows of it is not known, so that no
// plan may count it as missing. A report tells of the failure itself.
func (a *Archive) DoubtFailed() { a.wary = true }

// Account returns whose messages the stream holds; nothing before it is opened.
func (a *Archive) Account() account.Account {
	if a.begin == nil {
		return account.Account{}
	}
	return a.begin.Account()
}

// Namespace returns the personal namespace of the account. It is empty before the
// stream is opened.
func (a *Archive) Namespace() folder.Namespace {
	if a.begin == nil {
		return folder.Namespace{}
	}
	return folder.Namespace{Prefix: a.begin.Prefix, Delimiter: a.begin.Delimiter}
}

// Folders returns the folders of the stream.
func (a *Archive) Folders() []*Target { return a.targets }

// Levels returns none: Folders has all.
func (a *Archive) Levels() []*Target { return nil }

// Seek adds nothing: a stream names all folders that it has.
func (a *Archive) Seek([]string) (bool, error) { return false, nil }

// FoldsCase knows that a stream tells all names apart.
func (a *Archive) FoldsCase() (folder.CaseSense, error) { return folder.CaseKept, nil }

// Close does nothing: the reader is its owner's.
func (a *Archive) Close() {}

// Open reads the whole stream into the indexes of its folders.
func (a *Archive) Open(recipe headerkey.Recipe) error {
	if a.begin != nil {
		return nil
	}
	var seen stream.Seen
	var large *match.Message // its parts are under way
	var into *Target
	a.in.CheckBodies()
	in := &rekeyed{in: a.in, recipe: recipe, asked: true}
	for {
		rec, err := in.Next()
		if err == io.EOF {
			a.doubt()
			return nil
		}
		if err != nil {
			return err
		}
		switch r := rec.(type) {
		case *stream.Begin:
			a.begin = r
		case *stream.Folder:
			a.folder(r)
		case *stream.Message:
			again, err := seen.Again(a.begin, r)
			if large = nil; err != nil {
				return err
			}
			a.repeats.settle(a.begin, r)
			delete(a.failed[r.Folder], r.UID)
			t := a.byName[r.Folder]
			switch {
			case again || t == nil:
			case r.Parts > 0:
				e := match.MessageOf(r)
				e.Flags = slices.Clone(r.Flags)
				large, into = &e, t
			default:
				t.add(match.MessageOf(r))
			}
		case *stream.Body:
			if err := seen.Part(r); err != nil {
				return err
			}
			if large != nil && r.Part == r.Parts {
				large.Evidence.SetSHA(r.SHA256)
				into.add(*large)
				large = nil
			}
		case *stream.Failed:
			a.lacks(r)
			if large != nil { // it takes back the message whose parts were under way
				large = nil
				seen.Forget()
			}
		case *stream.Abort:
			return r.Err()
		}
	}
}

// lacks notes a failed record.
func (a *Archive) lacks(r *stream.Failed) {
	if r.Reason == stream.ReasonDamaged {
		a.damaged = append(a.damaged, *r)
		return
	}
	if a.failed[r.Folder] == nil {
		a.failed[r.Folder] = map[uint64]stream.Failed{}
	}
	a.failed[r.Folder][r.UID] = *r
}

// doubt marks the folders that have failed.
func (a *Archive) doubt() {
	for _, name := range slices.Sorted(maps.Keys(a.failed)) {
		f, whole := a.failed[name][0]
		if !a.wary || !whole || f.Reason == stream.ReasonNoFolder {
			continue
		}
		if a.byName[name] == nil {
			a.byName[name] = &Target{Name: name, Matcher: &match.Matcher{}}
			a.targets = append(a.targets, a.byName[name])
		}
		a.byName[name].Unreadable = "it has failed in the destination stream: " + string(f.Reason) + " " + f.Text
	}
}

// Lacking returns the failed records that no later stream makes good, in order.
func (a *Archive) Lacking() (all []stream.Failed) {
	for _, name := range slices.Sorted(maps.Keys(a.failed)) {
		for _, uid := range sortedUIDs(a.failed[name]) {
			all = append(all, a.failed[name][uid])
		}
	}
	return slices.Concat(a.damaged, all)
}

func (t *Target) add(e match.Message) {
	t.Matcher.Add(e)
	t.Messages++
}

// folder takes an entry of the table of contents; a later stream of a
// concatenation adds to it.
func (a *Archive) folder(r *stream.Folder) {
	if len(a.begin.Filters) == 0 {
		delete(a.failed, r.Name) // it was tried again
	}
	t := a.byName[r.Name]
	if t == nil {
		t = &Target{Name: r.Name, Matcher: match.NewMatcher(&a.entries)}
		a.byName[r.Name] = t
		a.targets = append(a.targets, t)
	}
	t.UIDValidity, t.UIDNext, t.Subscribed, t.Attributes = r.UIDValidity, r.UIDNext, r.Subscribed, r.Attributes
}

// Load does nothing: all was read by Open.
func (a *Archive) Load(*Target, func(match.Message)) (match.EvidenceReader, error) { return nil, nil }
