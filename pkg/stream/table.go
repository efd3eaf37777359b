package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// When a field is present.
const (
	optional = codec.Optional
	inPlan   = codec.InPlan
	written  = codec.Written
	required = codec.Required
	filled   = codec.Filled
)

// recordType is the table of a type of record, whatever its R.
type recordType struct {
	decode func(d *codec.Decoder) Record
	fields func() []codec.Row
}

// recordTypes has each type of record.
var recordTypes = map[string]recordType{}

// newTable makes and registers the table of a type of record.
func newTable[R any, P interface {
	*R
	Record
}](kind string, fields codec.Fields[R], blank R, check func(*codec.Decoder, *R)) *codec.Table[R] {
	t := &codec.Table[R]{Kind: kind, Fields: fields, Blank: blank, Check: check}
	decode := func(d *codec.Decoder) Record {
		r := new(R)
		t.Decode(d, r)
		return P(r)
	}
	recordTypes[kind] = recordType{decode, fields.Rows}
	return t
}
