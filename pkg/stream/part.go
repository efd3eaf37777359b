package stream

// Body is one part of a message larger than PartSize.
type Body struct {
	Folder string
	UID    uint64
	Part   int // from 1
	Parts  int
	SHA256 string // in the last part: hex, of the whole message
	Extra  []byte

	body body
}

func (*Body) kind() string { return partTable.kind }

func (r *Body) appendTo(b []byte) ([]byte, int) { return partTable.encode(b, r) }

var partTable = newTable("body", members[Body]{
	{"folder", name(func(r *Body) *string { return &r.Folder }), required, 1},
	{"uid", number64(func(r *Body) *uint64 { return &r.UID }), required, 1},
	{"part", number32(func(r *Body) *int { return &r.Part }), required, 1},
	{"parts", number32(func(r *Body) *int { return &r.Parts }), required, 1},
	others(func(r *Body) *[]byte { return &r.Extra }),
	{"sha256", sha256Hex(func(r *Body) *string { return &r.SHA256 }), optional, 1},
	{"body", octets(func(r *Body) *body { return &r.body }, textBody), optional, 1},
	{"body_base64", octets(func(r *Body) *body { return &r.body }, base64Body), optional, 1},
}, Body{}, checkPart)

func checkPart(d *decoder, r *Body) {
	if d.Err == nil && (r.body.kind == noBody || (r.SHA256 != "") != (r.Part == r.Parts)) {
		d.Fail("a body part without octets, or with its sha256 in the wrong place")
	}
}
