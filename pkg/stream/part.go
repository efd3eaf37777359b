package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// Body is one part of a message larger than PartSize.
type Body struct {
	Folder string
	UID    uint64
	Part   int // from 1
	Parts  int
	SHA256 string // in the last part: hex, of the whole message
	Extra  []byte

	body codec.Body
}

func (*Body) kind() string { return partTable.Kind }

func (r *Body) appendTo(b []byte) ([]byte, int) { return partTable.Encode(b, r) }

var partTable = newTable("body", codec.Fields[Body]{
	codec.Name("folder", func(r *Body) *string { return &r.Folder }, required, 1),
	codec.Uint64("uid", func(r *Body) *uint64 { return &r.UID }, required, 1),
	codec.Uint32("part", func(r *Body) *int { return &r.Part }, required, 1),
	codec.Uint32("parts", func(r *Body) *int { return &r.Parts }, required, 1),
	codec.Others(func(r *Body) *[]byte { return &r.Extra }),
	codec.SHA256("sha256", func(r *Body) *string { return &r.SHA256 }, optional, 1),
	codec.Octets("body", func(r *Body) *codec.Body { return &r.body }, codec.TextBody, optional, 1),
	codec.Octets("body_base64", func(r *Body) *codec.Body { return &r.body }, codec.Base64Body, optional, 1),
}, Body{}, checkPart)

func checkPart(d *codec.Decoder, r *Body) {
	if d.Err == nil && (!r.body.Present() || (r.SHA256 != "") != (r.Part == r.Parts)) {
		d.Fail("a body part without octets, or with its sha256 in the wrong place")
	}
}
