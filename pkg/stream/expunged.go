package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// Expunged is a message that was expunged since it was listed, or, in a delta, since
// the base was made.
type Expunged struct {
	Folder      string
	UIDValidity uint64
	UID         uint64
	Extra       []byte
}

func (*Expunged) kind() string { return expungedTable.Kind }

func (r *Expunged) appendTo(b []byte) ([]byte, int) { return expungedTable.Encode(b, r) }

var expungedTable = newTable("expunged", codec.Fields[Expunged]{
	codec.String("folder", func(r *Expunged) *string { return &r.Folder }, filled, 1),
	codec.Uint64("uidvalidity", func(r *Expunged) *uint64 { return &r.UIDValidity }, written, 1),
	codec.Uint64("uid", func(r *Expunged) *uint64 { return &r.UID }, filled, 1),
	codec.Others(func(r *Expunged) *[]byte { return &r.Extra }),
}, Expunged{}, nil)

// FolderExpunged is a folder, or a UIDVALIDITY of one, that the base of a delta has
// and the account has no more: none of its messages is there.
type FolderExpunged struct {
	Folder      string
	UIDValidity uint64
	Extra       []byte
}

func (*FolderExpunged) kind() string { return folderExpungedTable.Kind }

func (r *FolderExpunged) appendTo(b []byte) ([]byte, int) { return folderExpungedTable.Encode(b, r) }

var folderExpungedTable = newTable("folder-expunged", codec.Fields[FolderExpunged]{
	codec.String("folder", func(r *FolderExpunged) *string { return &r.Folder }, filled, 1),
	codec.Uint64("uidvalidity", func(r *FolderExpunged) *uint64 { return &r.UIDValidity }, required, 1),
	codec.Others(func(r *FolderExpunged) *[]byte { return &r.Extra }),
}, FolderExpunged{}, nil)
