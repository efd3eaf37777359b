package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// Create asks for a destination folder.
type Create struct {
	Target string
	Folder string // the source folder that needs it
	Extra  []byte
}

func (*Create) kind() string { return createTable.Kind }

func (r *Create) appendTo(b []byte) ([]byte, int) { return createTable.Encode(b, r) }

var createTable = newTable("create", codec.Fields[Create]{
	codec.String("target", func(r *Create) *string { return &r.Target }, filled, 1),
	codec.String("folder", func(r *Create) *string { return &r.Folder }, optional, 1),
	codec.Others(func(r *Create) *[]byte { return &r.Extra }),
}, Create{}, nil)

// Subscribe asks for a subscription at the destination.
type Subscribe struct {
	Target string
	Folder string
	Extra  []byte
}

func (*Subscribe) kind() string { return subscribeTable.Kind }

func (r *Subscribe) appendTo(b []byte) ([]byte, int) { return subscribeTable.Encode(b, r) }

var subscribeTable = newTable("subscribe", codec.Fields[Subscribe]{
	codec.String("target", func(r *Subscribe) *string { return &r.Target }, filled, 1),
	codec.String("folder", func(r *Subscribe) *string { return &r.Folder }, optional, 1),
	codec.Others(func(r *Subscribe) *[]byte { return &r.Extra }),
}, Subscribe{}, nil)

// Delete asks for the removal of one message of the destination that is still
// the one that was seen.
type Delete struct {
	Target            string
	TargetUIDValidity uint64
	TargetUID         uint64
	Key               string // of the message that is there
	CopyOf            uint64 // UID of a message of the same key in the same folder, which must be there and stays; or 0
	SHA256            string // hex, of its octets there, or ""
	Extra             []byte
}

func (*Delete) kind() string { return deleteTable.Kind }

func (r *Delete) appendTo(b []byte) ([]byte, int) { return deleteTable.Encode(b, r) }

var deleteTable = newTable("delete", codec.Fields[Delete]{
	codec.String("target", func(r *Delete) *string { return &r.Target }, filled, 1),
	codec.Uint64("target_uidvalidity", func(r *Delete) *uint64 { return &r.TargetUIDValidity }, filled, 1),
	codec.Uint64("target_uid", func(r *Delete) *uint64 { return &r.TargetUID }, filled, 1),
	codec.String("key", func(r *Delete) *string { return &r.Key }, filled, 1),
	codec.Uint64("copy_of", func(r *Delete) *uint64 { return &r.CopyOf }, optional, 1),
	codec.Others(func(r *Delete) *[]byte { return &r.Extra }),
	codec.SHA256("sha256", func(r *Delete) *string { return &r.SHA256 }, optional, 1),
}, Delete{}, checkDelete)

func checkDelete(d *codec.Decoder, r *Delete) {
	if d.Err == nil && r.CopyOf != 0 && r.CopyOf == r.TargetUID {
		d.Fail("a message to delete that is its own copy")
	}
}

// DeleteFolder asks for the removal of a destination folder that is still as it was
// seen.
type DeleteFolder struct {
	Target            string
	TargetUIDValidity uint64
	TargetUIDNext     uint64
	Messages          uint32 // it holds, and they go with it
	Extra             []byte
}

func (*DeleteFolder) kind() string { return deleteFolderTable.Kind }

func (r *DeleteFolder) appendTo(b []byte) ([]byte, int) { return deleteFolderTable.Encode(b, r) }

var deleteFolderTable = newTable("delete-folder", codec.Fields[DeleteFolder]{
	codec.String("target", func(r *DeleteFolder) *string { return &r.Target }, filled, 1),
	codec.Uint64("target_uidvalidity", func(r *DeleteFolder) *uint64 { return &r.TargetUIDValidity }, required, 1),
	codec.Uint64("target_uidnext", func(r *DeleteFolder) *uint64 { return &r.TargetUIDNext }, required, 1),
	codec.Uint32("messages", func(r *DeleteFolder) *uint32 { return &r.Messages }, required, 1),
	codec.Others(func(r *DeleteFolder) *[]byte { return &r.Extra }),
}, DeleteFolder{}, nil)

// FlagChange asks for flags of a message at the destination to be set or taken
// away, for those of its source.
type FlagChange struct {
	Folder            string // of the source
	UIDValidity       uint64
	UID               uint64
	Target            string
	TargetUIDValidity uint64
	TargetUID         uint64
	Add, Remove       []string // sorted; one at least
	Extra             []byte
}

func (*FlagChange) kind() string { return flagsTable.Kind }

func (r *FlagChange) appendTo(b []byte) ([]byte, int) { return flagsTable.Encode(b, r) }

var flagsTable = newTable("flags", codec.Fields[FlagChange]{
	codec.String("folder", func(r *FlagChange) *string { return &r.Folder }, filled, 1),
	codec.Uint64("uidvalidity", func(r *FlagChange) *uint64 { return &r.UIDValidity }, required, 1),
	codec.Uint64("uid", func(r *FlagChange) *uint64 { return &r.UID }, filled, 1),
	codec.String("target", func(r *FlagChange) *string { return &r.Target }, filled, 1),
	codec.Uint64("target_uidvalidity", func(r *FlagChange) *uint64 { return &r.TargetUIDValidity }, filled, 1),
	codec.Uint64("target_uid", func(r *FlagChange) *uint64 { return &r.TargetUID }, filled, 1),
	codec.Strings("add", func(r *FlagChange) *[]string { return &r.Add }, optional, 1),
	codec.Strings("remove", func(r *FlagChange) *[]string { return &r.Remove }, optional, 1),
	codec.Others(func(r *FlagChange) *[]byte { return &r.Extra }),
}, FlagChange{}, checkFlagChange)

func checkFlagChange(d *codec.Decoder, r *FlagChange) {
	if d.Err == nil && len(r.Add)+len(r.Remove) == 0 {
		d.Fail("flags that neither add nor remove")
	}
}
