package stream

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
)

// Tie is about messages of one target and key of which some are there already, and
// nothing but their octets tells which. There may be several records of one tie.
type Tie struct {
	ID    uint64 // other than 0, and in its stream of no other tie
	Of    int    // messages
	There []Tied
	Extra []byte
}

func (*Tie) kind() string { return tieTable.Kind }

func (r *Tie) appendTo(b []byte) ([]byte, int) { return tieTable.Encode(b, r) }

var tieTable = newTable("tie", codec.Fields[Tie]{
	codec.Uint64("id", func(r *Tie) *uint64 { return &r.ID }, filled, 1),
	codec.Uint32("of", func(r *Tie) *int { return &r.Of }, required, 1),
	codec.Objects("there", func(r *Tie) *[]Tied { return &r.There }, tiedFields, required, 1),
	codec.Others(func(r *Tie) *[]byte { return &r.Extra }),
}, Tie{}, nil)

// tiedTogether is how many messages stand in one record of a tie: a line has a
// bound.
const tiedTogether = 4096

// Split returns the records of a tie of which more may be there than one line holds.
func (r *Tie) Split() (records []Record) {
	for there := range slices.Chunk(r.There, tiedTogether) {
		records = append(records, &Tie{ID: r.ID, Of: r.Of, There: there})
	}
	return records
}

// Tied is a message of a tie that is at the destination.
type Tied struct {
	UID    uint64
	Date   int64  // INTERNALDATE in seconds since 1970 where only a message of that date can be it, else 0
	Size   int64  // octets that were read
	Digest string // hex, of these (headerkey.Loose), "" where they could not be read
	Body   string // likewise, of what follows the header
}

var tiedFields = codec.Fields[Tied]{
	codec.Uint64("uid", func(r *Tied) *uint64 { return &r.UID }, written, 1),
	codec.Int64("date", func(r *Tied) *int64 { return &r.Date }, optional, 1),
	codec.Int64("size", func(r *Tied) *int64 { return &r.Size }, optional, 1),
	codec.SHA256("digest", func(r *Tied) *string { return &r.Digest }, optional, 1),
	codec.SHA256("body", func(r *Tied) *string { return &r.Body }, optional, 1),
}

// TieOf says of a message that it belongs to a tie. Where ID is 0, the plan is of an
// earlier version: Drop of the messages are there, and the first of them has the
// digests of these.
type TieOf struct {
	ID       uint64
	Of, Drop int
	Digests  []string // hex, some with @ and a Date behind them
}

var tieOfFields = codec.Fields[TieOf]{
	codec.Uint64("id", func(r *TieOf) *uint64 { return &r.ID }, optional, 1),
	codec.Only(earlier, codec.Uint32("of", func(r *TieOf) *int { return &r.Of }, optional, 1)),
	codec.Only(earlier, codec.Uint32("drop", func(r *TieOf) *int { return &r.Drop }, optional, 1)),
	codec.Only(hasDigests, codec.KnownStrings("digests", func(r *TieOf) *[]string { return &r.Digests }, optional, 1)),
}

func earlier(t *TieOf) bool    { return t.ID == 0 }
func hasDigests(t *TieOf) bool { return earlier(t) && t.Digests != nil }
