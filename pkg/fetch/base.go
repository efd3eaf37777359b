package fetch

import (
	"cmp"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Base is what an earlier export of the account holds: a stream, or several one
// after the other, the later ones deltas or not. It takes 24 octets a message.
type Base struct {
	Key  string // the recipe of its keys
	hash string // of the last stream

	account account.Account
	filters []string // of the last stream
	folders map[string]*baseFolder
}

// baseFolder is what the base has of a folder.
type baseFolder struct {
	entry stream.Folder // the newest
	held  []held        // ascending by UID, once the base was read
	whole bool          // nothing of it failed when it was looked at last

	doubted bool // STATUS says that it is as it was, and EXAMINE does not
}

// held is a message that the base has.
type held struct {
	flags uint64 // hash of them, 0 where they are not known
	uid   uint64
	key   uint32 // hash of its key
	gone  bool
}

// ReadBase reads a base to its end. An error is fault.Usage where it
// can be no base, and fault.Data where it is not whole.
func ReadBase(in *stream.Reader) (*Base, error) {
	in.PassDeltas()
	in.CheckBodies() // a message that is damaged there is fetched again
	r := &baseReader{Base: &Base{folders: map[string]*baseFolder{}}}
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

// baseReader is one reading of a base.
type baseReader struct {
	*Base
	streams int
	toc     map[string]bool // of the stream that is read
	open    *held           // the message whose parts are under way
	into    *baseFolder
}

func (r *baseReader) record(rec stream.Record) error {
	switch rec := rec.(type) {
	case *stream.Begin:
		return r.start(rec)
	case *stream.Folder:
		return r.folder(rec)
	case *stream.Message:
		r.message(rec)
	case *stream.Body:
		if rec.Part == rec.Parts && r.open != nil {
			r.into.held = append(r.into.held, *r.open)
			r.open = nil
		}
	case *stream.Failed:
		r.open = nil
		if f := r.folders[rec.Folder]; f != nil {
			f.whole = false
		}
	case *stream.Expunged:
		if f := r.at(rec.Folder, rec.UIDValidity); f != nil {
			f.held = append(f.held, held{uid: rec.UID, gone: true})
		}
	case *stream.FolderExpunged:
		r.vanished(rec)
	case *stream.End:
		r.hash = rec.Hash
	case *stream.Abort:
		return fault.Errorf(fault.Data, "the base is not whole: %s stopped early: %s", rec.Command, rec.Text).
			WithHint("make it anew, or finish it first")
	}
	return nil
}

// Why a base is refused, where users can change it.
var (
	ErrBaseIsPlan    = errors.New("the base is a plan")
	ErrBaseOfAnother = errors.New("the base is of another account")
)

func (r *baseReader) start(b *stream.Begin) error {
	r.streams++
	switch {
	case b.Plan:
		return fault.Errorf(fault.Usage, "the base is a plan").Because(ErrBaseIsPlan)
	case r.streams > 1 && b.Account() != r.account:
		return fault.Errorf(fault.Usage, "the base is of several accounts: %s, and %s", r.account.Words(), b.Account().
			Words())
	case r.streams > 1 && b.Key != r.Key:
		return fault.Errorf(fault.Usage, "the streams of the base have different keys: %q and %q", r.Key, b.Key)
	}
	r.toc, r.open = map[string]bool{}, nil
	r.account, r.Key, r.filters = b.Account(), b.Key, b.Filters
	return nil
}

// folder takes an entry of a table of contents. What a delta in front says of
// its own base is all that is known of that.
func (r *baseReader) folder(entry *stream.Folder) error {
	f := r.folders[entry.Name]
	if f == nil || f.entry.UIDValidity != entry.UIDValidity {
		f = &baseFolder{}
		r.folders[entry.Name] = f
	}
	if r.streams == 1 && entry.UIDs != "" {
		uids, err := stream.ParseUIDs(entry.UIDs)
		if err != nil {
			return err
		}
		for _, uid := range uids {
			f.held = append(f.held, held{uid: uid})
		}
	}
	r.toc[entry.Name] = true
	f.entry, f.whole = *entry, true
	f.entry.UIDs = ""
	return nil
}

func (r *baseReader) message(m *stream.Message) {
	r.open = nil
	f := r.at(m.Folder, m.UIDValidity)
	if f == nil {
		return
	}
	h := held{uid: m.UID, flags: flagsHash(m.Flags), key: keyHash(m.Key)}
	if m.Lacks(stream.ItemFlags) {
		h.flags = 0
	}
	if m.Parts > 0 {
		r.open, r.into = &h, f
		return
	}
	f.held = append(f.held, h)
}

// vanished forgets a folder; one of the same UIDVALIDITY that the same stream
// lists begins anew.
func (r *baseReader) vanished(v *stream.FolderExpunged) {
	f := r.at(v.Folder, v.UIDValidity)
	if f != nil {
		f.held = nil
	}
	if f != nil && !r.toc[v.Folder] {
		delete(r.folders, v.Folder)
	}
}

// at returns what the base has of a folder, nil if that is nothing or of another
// UIDVALIDITY.
func (b *Base) at(name string, validity uint64) *baseFolder {
	if b == nil {
		return nil
	}
	f := b.folders[name]
	if f == nil || f.entry.UIDValidity != validity {
		return nil
	}
	return f
}

// settle makes one entry of all that was said of a message: the last.
func (r *baseReader) settle() {
	for _, f := range r.folders {
		if !slices.IsSortedFunc(f.held, byUID) {
			slices.SortStableFunc(f.held, byUID)
		}
		kept := f.held[:0]
		for i, h := range f.held {
			if i+1 < len(f.held) && f.held[i+1].uid == h.uid {
				if next := &f.held[i+1]; next.flags == 0 && !h.gone {
					next.flags = h.flags
				}
				continue
			}
			if !h.gone {
				kept = append(kept, h)
			}
		}
		f.held = kept
	}
}

func byUID(a, b held) int { return cmp.Compare(a.uid, b.uid) }

// find returns where a UID stands, or would.
func (f *baseFolder) find(uid uint64) (int, bool) {
	return slices.BinarySearchFunc(f.held, uid, func(h held, uid uint64) int { return cmp.Compare(h.uid, uid) })
}

// knows reports whether the base has a message.
func (f *baseFolder) knows(uid uint64) bool {
	_, known := f.find(uid)
	return known
}

// unlisted returns the messages of the base that are not listed.
func (f *baseFolder) unlisted(wants []want) map[uint64]bool {
	gone := map[uint64]bool{}
	there := 0
	for _, h := range f.held {
		for there < len(wants) && wants[there].uid < h.uid {
			there++
		}
		if there == len(wants) || wants[there].uid != h.uid {
			gone[h.uid] = true
		}
	}
	return gone
}

// hasAll reports whether the base has as many messages as there were. One that was
// filtered lacks some, so that equal counts say nothing of what came and went.
func (f *baseFolder) hasAll() bool { return f.whole && len(f.held) == int(f.entry.Messages) }

// uids returns the UIDs of its messages as a set.
func (f *baseFolder) uids() string {
	uids := make([]uint64, len(f.held))
	for i := range f.held {
		uids[i] = f.held[i].uid
	}
	return stream.FormatUIDs(uids)
}

// modSeq is the HIGHESTMODSEQ of a folder, 0 where that is not known.
func modSeq(f *stream.Folder) uint64 {
	n, err := strconv.ParseUint(f.HighestModSeq, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

// sameAs reports whether a folder looks from outside as the base says.
func (f *baseFolder) sameAs(now *stream.Folder) bool {
	was := &f.entry
	return now.UIDNext != 0 && now.UIDNext == was.UIDNext && now.Messages == was.Messages && now.HighestModSeq != "" &&
		now.HighestModSeq == was.HighestModSeq
}

// goesOn reports whether what was known of the folder holds still: it is the same,
// and its UIDs have gone up.
func (f *baseFolder) goesOn(now *stream.Folder) bool {
	return now.UIDValidity != 0 && now.UIDValidity == f.entry.UIDValidity && !now.Unstable && !f.entry.Unstable &&
		now.HoldsMessages() &&
		(now.UIDNext == 0 || now.UIDNext >= f.entry.UIDNext)
}

func flagsHash(flags []string) uint64 {
	h := fnv.New64a()
	for _, f := range flags {
		io.WriteString(h, f)
		h.Write([]byte{0})
	}
	return max(h.Sum64(), 1)
}

func keyHash(key string) uint32 {
	if key == "" {
		return 0
	}
	h := fnv.New32a()
	io.WriteString(h, key)
	return max(h.Sum32(), 1)
}
