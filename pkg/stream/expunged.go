package stream

// Expunged is a message that was expunged since it was listed, or, in a delta, since
// the base was made.
type Expunged struct {
	Folder      string
	UIDValidity uint64
	UID         uint64
	Extra       []byte
}

func (*Expunged) kind() string { return expungedTable.kind }

func (r *Expunged) appendTo(b []byte) ([]byte, int) { return expungedTable.encode(b, r) }

var expungedTable = newTable("expunged", members[Expunged]{
	{"folder", str(func(r *Expunged) *string { return &r.Folder }), filled, 1},
	{"uidvalidity", number64(func(r *Expunged) *uint64 { return &r.UIDValidity }), written, 1},
	{"uid", number64(func(r *Expunged) *uint64 { return &r.UID }), filled, 1},
	others(func(r *Expunged) *[]byte { return &r.Extra }),
}, Expunged{}, nil)

// FolderExpunged is a folder, or a UIDVALIDITY of one, that the base of a delta has
// and the account has no more: none of its messages is there.
type FolderExpunged struct {
	Folder      string
	UIDValidity uint64
	Extra       []byte
}

func (*FolderExpunged) kind() string { return folderExpungedTable.kind }

func (r *FolderExpunged) appendTo(b []byte) ([]byte, int) { return folderExpungedTable.encode(b, r) }

var folderExpungedTable = newTable("folder-expunged", members[FolderExpunged]{
	{"folder", str(func(r *FolderExpunged) *string { return &r.Folder }), filled, 1},
	{"uidvalidity", number64(func(r *FolderExpunged) *uint64 { return &r.UIDValidity }), required, 1},
	others(func(r *FolderExpunged) *[]byte { return &r.Extra }),
}, FolderExpunged{}, nil)
