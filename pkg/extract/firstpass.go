package extract

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// place is what a UID means something in.
type place struct {
	account  account.Account
	folder   string
	validity uint64
}

func placeOf(b *stream.Begin, m *stream.Message) place {
	return place{b.Account(), m.Folder, m.UIDValidity}
}

// firstPass is what a first pass over an archive has found.
type firstPass struct {
	accounts map[account.Account]bool
	largest  map[place]uint64 // UID
	later    index            // flags of the streams after the first: a place in lists
	lists    [][]string
	known    map[string]uint32 // lists, by their text
}

// survey reads an archive to its end, or as far as it is whole.
func survey(in *stream.Reader) (*firstPass, error) {
	f := &firstPass{accounts: map[account.Account]bool{}, largest: map[place]uint64{}, known: map[string]uint32{}}
	var begin *stream.Begin
	streams := 0
	for rec, err := range in.All() {
		switch {
		case err != nil && isLocal(err):
			return nil, err
		case err != nil:
			return f, nil // the second pass comes to the same place
		}
		switch r := rec.(type) {
		case *stream.Begin:
			begin = r
			f.accounts[r.Account()] = true
			streams++
		case *stream.Message:
			p := placeOf(begin, r)
			f.largest[p] = max(f.largest[p], r.UID)
			if streams > 1 && !r.Lacks(stream.ItemFlags) {
				f.later.set(p, r.UID, f.number(r.Flags))
			}
		}
	}
	return f, nil
}

// number gives each list of flags one.
func (f *firstPass) number(flags []string) uint32 {
	text := strings.Join(flags, " ")
	n, ok := f.known[text]
	if !ok {
		n = uint32(len(f.lists))
		f.lists = append(f.lists, slices.Clone(flags))
		f.known[text] = n
	}
	return n
}

// flagsOf returns the flags that a message has in the end, and whether they are
// known.
func (f *firstPass) flagsOf(b *stream.Begin, m *stream.Message) (flags []string, known bool) {
	if n, ok := f.later.get(placeOf(b, m), m.UID); ok {
		return f.lists[n], true
	}
	return m.Flags, !m.Lacks(stream.ItemFlags)
}

// index keeps a number for messages that mostly come by ascending UID. It takes
// some 8 octets a message.
type index struct {
	places map[place]*numbers
}

type numbers struct {
	uids   uidset.List
	values []uint32
	late   map[uint64]uint32 // came out of order
}

func (x *index) set(p place, uid uint64, value uint32) {
	if x.places == nil {
		x.places = map[place]*numbers{}
	}
	n := x.places[p]
	if n == nil {
		n = &numbers{late: map[uint64]uint32{}}
		x.places[p] = n
	}
	if n.uids.Len() == 0 || uid > n.uids.Last() {
		n.uids.Append(uid)
		n.values = append(n.values, value)
	} else if i, found := n.uids.Find(uid); found {
		n.values[i] = value
	} else {
		n.late[uid] = value
	}
}

func (x *index) get(p place, uid uint64) (value uint32, ok bool) {
	n := x.places[p]
	if n == nil {
		return 0, false
	}
	if i, found := n.uids.Find(uid); found {
		return n.values[i], true
	}
	value, ok = n.late[uid]
	return value, ok
}

// marks is a set of messages.
type marks struct{ index }

func (s *marks) add(b *stream.Begin, m *stream.Message) { s.set(placeOf(b, m), m.UID, 0) }

func (s *marks) has(b *stream.Begin, m *stream.Message) bool {
	_, ok := s.get(placeOf(b, m), m.UID)
	return ok
}
