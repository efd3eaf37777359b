package diff

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Repeats are the flags of messages that stand in several streams of a
// concatenation, as the last of them has them: those count. A nil Repeats
// knows none.
type Repeats struct {
	flags map[SourceMessage][]string
}

// ReadRepeats reads a concatenation as far as it is whole, which is how far
// those who read it after this get.
func ReadRepeats(in *stream.Reader) *Repeats {
	r := &Repeats{flags: map[SourceMessage][]string{}}
	var seen stream.Seen
	var begin *stream.Begin
	for rec, err := range in.All() {
		if err != nil {
			return r
		}
		switch x := rec.(type) {
		case *stream.Begin:
			begin = x
		case *stream.Message:
			again, err := seen.Again(begin, x)
			if err != nil {
				return r
			}
			if again && !x.Lacks(stream.ItemFlags) {
				r.flags[IdentityOf(begin, x)] = slices.Clone(x.Flags)
			}
		case *stream.Body:
			if seen.Part(x) != nil {
				return r
			}
		}
	}
	return r
}

// settle gives a message the flags that count.
func (r *Repeats) settle(b *stream.Begin, m *stream.Message) {
	if r == nil {
		return
	}
	if flags, ok := r.flags[IdentityOf(b, m)]; ok {
		m.Flags = flags
		m.Learn(stream.ItemFlags)
	}
}

// SourceMessage is the identity of a message at the source.
type SourceMessage struct {
	account       account.Account
	folder        string
	validity, uid uint64
}

// IdentityOf returns the identity of a message of a stream.
func IdentityOf(b *stream.Begin, m *stream.Message) SourceMessage {
	return SourceMessage{b.Account(), m.Folder, m.UIDValidity, m.UID}
}
