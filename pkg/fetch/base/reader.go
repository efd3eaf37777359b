package base

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Read reads a base to its end. An error is fault.Usage where it cannot be a base,
// and fault.Data where it is not whole.
func Read(in *stream.Reader) (*Base, error) {
	in.PassDeltas()
	in.CheckBodies() // a message that is damaged there is fetched again
	r := &reader{Base: &Base{folders: map[string]*Folder{}}}
	for rec, err := range in.All() {
		if err == nil {
			err = r.record(rec)
		}
		if err != nil {
			return nil, err
		}
	}
	r.settle()
	return r.Base, nil
}

// reader is one reading of a base.
type reader struct {
	*Base
	streams int
	toc     map[string]bool // of the stream that is read
	open    *Message        // the message whose parts are under way
	into    *Folder
}

func (r *reader) record(rec stream.Record) error {
	switch rec := rec.(type) {
	case *stream.Begin:
		return r.start(rec)
	case *stream.Folder:
		return r.folder(rec)
	case *stream.Message:
		r.message(rec)
	case *stream.Body:
		if rec.Part == rec.Parts && r.open != nil {
			r.into.Messages = append(r.into.Messages, *r.open)
			r.open = nil
		}
	case *stream.Failed:
		r.open = nil
		if f := r.folders[rec.Folder]; f != nil {
			f.Whole = false
		}
	case *stream.Expunged:
		if f := r.At(rec.Folder, rec.UIDValidity); f != nil {
			f.Messages = append(f.Messages, Message{UID: rec.UID, expunged: true})
		}
	case *stream.FolderExpunged:
		r.folderExpunged(rec)
	case *stream.End:
		r.Hash = rec.Hash
	case *stream.Abort:
		return fault.Errorf(fault.Data, "the base is not whole: %s stopped early: %s", rec.Command, rec.Text).
			WithHint("make it anew, or finish it first")
	}
	return nil
}

func (r *reader) start(b *stream.Begin) error {
	r.streams++
	switch {
	case b.Plan:
		return fault.Errorf(fault.Usage, "the base is a plan").Because(ErrIsPlan)
	case r.streams > 1 && b.Account() != r.account:
		return fault.Errorf(fault.Usage, "the base is of several accounts: %s, and %s", r.account.Words(), b.Account().
			Words())
	case r.streams > 1 && b.Key != r.Key:
		return fault.Errorf(fault.Usage, "the streams of the base have different keys: %q and %q", r.Key, b.Key)
	}
	r.toc, r.open = map[string]bool{}, nil
	r.account, r.Key, r.Filters = b.Account(), b.Key, b.Filters
	return nil
}

// folder takes an entry of a table of contents. If the first stream is incremental,
// what it says of its own base is all that is known of that.
func (r *reader) folder(entry *stream.Folder) error {
	f := r.folders[entry.Name]
	if f == nil || f.Entry.UIDValidity != entry.UIDValidity {
		f = &Folder{}
		r.folders[entry.Name] = f
	}
	if r.streams == 1 && entry.UIDs != "" {
		uids, err := stream.ParseUIDs(entry.UIDs)
		if err != nil {
			return err
		}
		for _, uid := range uids {
			f.Messages = append(f.Messages, Message{UID: uid})
		}
	}
	r.toc[entry.Name] = true
	f.Entry, f.Whole = *entry, true
	f.Entry.UIDs = ""
	return nil
}

func (r *reader) message(m *stream.Message) {
	r.open = nil
	f := r.At(m.Folder, m.UIDValidity)
	if f == nil {
		return
	}
	read := Message{UID: m.UID, flags: flagsHash(m.Flags), Key: KeyHash(m.Key)}
	if m.Lacks(stream.ItemFlags) {
		read.flags = 0
	}
	if m.Parts > 0 {
		r.open, r.into = &read, f
		return
	}
	f.Messages = append(f.Messages, read)
}

// folderExpunged forgets a folder; one of the same UIDVALIDITY that the same stream
// lists begins anew.
func (r *reader) folderExpunged(v *stream.FolderExpunged) {
	f := r.At(v.Folder, v.UIDValidity)
	if f != nil {
		f.Messages = nil
	}
	if f != nil && !r.toc[v.Folder] {
		delete(r.folders, v.Folder)
	}
}

// settle makes one entry of all that was said of a message: the last.
func (r *reader) settle() {
	for _, f := range r.folders {
		if !slices.IsSortedFunc(f.Messages, byUID) {
			slices.SortStableFunc(f.Messages, byUID)
		}
		kept := f.Messages[:0]
		for i, m := range f.Messages {
			if i+1 < len(f.Messages) && f.Messages[i+1].UID == m.UID {
				if next := &f.Messages[i+1]; next.flags == 0 && !m.expunged {
					next.flags = m.flags
				}
				continue
			}
			if !m.expunged {
				kept = append(kept, m)
			}
		}
		f.Messages = kept
	}
}
