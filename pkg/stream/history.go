package stream

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// History is what the deltas of an input say of the streams before them: which
// messages and folders are not there any more, and which flags are others now.
// It takes memory for what they change, not for the messages.
type History struct {
	places   map[identity]*past       // by account, folder and UIDVALIDITY
	folders  map[identity]*newest     // by account and folder
	complete map[account.Account]bool // the first stream is no delta
	lists    [][]string               // of flags
	numbers  map[string]int           // their places, by their text
}

// past is what was said of a folder; streams are counted from 1.
type past struct {
	folderExpunged int            // the last stream that says so
	expunged       map[uint64]int // by UID, the last stream that says so
	flags          map[uint64]change
}

// change is the last word on a message's flags.
type change struct{ stream, list int }

// newest is the last entry for a folder in a table of contents.
type newest struct {
	entry    Folder
	stream   int  // 0: none
	expunged bool // it was expunged after that
	delta    int  // the last delta that looked at it
}

// Survey reads an input to its end, or as far as it is whole.
func Survey(in *Reader) (*History, error) {
	h := &History{places: map[identity]*past{}, folders: map[identity]*newest{},
		complete: map[account.Account]bool{}, numbers: map[string]int{}}
	in.PassDeltas()
	var begin *Begin
	streams := 0
	for rec, err := range in.All() {
		switch {
		case err != nil && fault.KindOf(err) != fault.Data:
			return nil, err
		case err != nil:
			return h, nil // who reads it again comes to the same place
		}
		if b, ok := rec.(*Begin); ok {
			begin = b
			streams++
			if of := b.Account(); !h.knows(of) {
				h.complete[of] = b.Base == ""
			}
		}
		if begin != nil {
			h.note(begin, streams, rec)
		}
	}
	return h, nil
}

func (h *History) knows(of account.Account) bool {
	_, ok := h.complete[of]
	return ok
}

func (h *History) note(b *Begin, stream int, rec Record) {
	delta := b.Base != ""
	switch r := rec.(type) {
	case *Folder:
		f := h.folder(b, r.Name)
		f.entry, f.stream, f.expunged = *r, stream, false
		f.entry.UIDs = ""
		if delta {
			f.delta = stream
		}
	case *Message:
		if delta && r.Change != "" && !r.Lacks(ItemFlags) {
			p := h.place(b, r.Folder, r.UIDValidity)
			p.flags[r.UID] = change{stream, h.number(r.Flags)}
		}
	case *Expunged:
		if delta {
			h.place(b, r.Folder, r.UIDValidity).expunged[r.UID] = stream
		}
	case *FolderExpunged:
		p := h.place(b, r.Folder, r.UIDValidity)
		*p = past{folderExpunged: stream, expunged: map[uint64]int{}, flags: map[uint64]change{}}
		if f := h.folder(b, r.Folder); f.stream < stream {
			f.expunged = true
		}
	}
}

func (h *History) place(b *Begin, folder string, validity uint64) *past {
	at := identity{b.Account(), folder, validity}
	p := h.places[at]
	if p == nil {
		p = &past{expunged: map[uint64]int{}, flags: map[uint64]change{}}
		h.places[at] = p
	}
	return p
}

func (h *History) folder(b *Begin, name string) *newest {
	at := identity{account: b.Account(), folder: name}
	f := h.folders[at]
	if f == nil {
		f = &newest{}
		h.folders[at] = f
	}
	return f
}

// number gives each list of flags one.
func (h *History) number(flags []string) int {
	text := strings.Join(flags, " ")
	n, ok := h.numbers[text]
	if !ok {
		n = len(h.lists)
		h.numbers[text] = n
		h.lists = append(h.lists, slices.Clone(flags))
	}
	return n
}

// fold applies a History to an input.
type fold struct {
	*History
	begin    *Begin
	stream   int
	complete bool // what the deltas of this account are about is in the input

	at     *past // of the last message
	where  identity
	hidden bool   // the last message is left out, and so are its parts
	open   uint64 // its UID, while parts are to come
}

// record returns a record as it is in the end, or nil for one that is not.
func (f *fold) record(rec Record) Record {
	switch r := rec.(type) {
	case *Begin:
		f.begin, f.open, f.at = r, 0, nil
		f.stream++
		f.complete = f.History.complete[r.Account()]
	case *Folder:
		return f.contents(r)
	case *Message:
		return f.message(r)
	case *Body:
		if r.Part == r.Parts {
			f.open = 0
		}
		return unless(f.hidden, rec)
	case *Failed:
		if f.open != 0 && f.open == r.UID {
			f.open = 0
			return unless(f.hidden, rec)
		}
		now := f.folders[identity{account: f.begin.Account(), folder: r.Folder}]
		return unless(now != nil && (now.expunged || now.delta > f.stream), rec) // it was tried again
	case *Expunged:
		return unless(f.begin.Base != "" && f.complete || f.lost(r.Folder), rec)
	case *FolderExpunged:
		return unless(f.complete, rec)
	case *Skipped:
		return unless(f.lost(r.Folder), rec)
	}
	return rec
}

func unless(hidden bool, rec Record) Record {
	if hidden {
		return nil
	}
	return rec
}

// lost reports whether a folder is not there in the end.
func (f *fold) lost(name string) bool {
	now := f.folders[identity{account: f.begin.Account(), folder: name}]
	return now != nil && now.expunged
}

// contents returns a folder as it is in the end.
func (f *fold) contents(r *Folder) Record {
	now := f.folders[identity{account: f.begin.Account(), folder: r.Name}]
	switch {
	case now == nil:
	case now.expunged:
		return nil
	case now.delta > f.stream:
		entry := now.entry
		return &entry
	}
	return r
}

func (f *fold) message(m *Message) Record {
	if at := (identity{f.begin.Account(), m.Folder, m.UIDValidity}); f.where != at || f.at == nil {
		f.where, f.at = at, f.places[at]
		if f.at == nil {
			f.at = &past{}
		}
	}
	if f.open = 0; m.Parts > 0 {
		f.open = m.UID
	}
	f.hidden = f.at.folderExpunged > f.stream || f.at.expunged[m.UID] > f.stream ||
		m.Change != "" && f.begin.Base != "" && f.complete
	if c, ok := f.at.flags[m.UID]; ok && c.stream > f.stream {
		m.Flags = f.lists[c.list]
		m.Learn(ItemFlags)
	}
	return unless(f.hidden, m)
}
