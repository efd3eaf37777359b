package stream

// Create asks for a destination folder.
type Create struct {
	Target string
	Folder string // the source folder that needs it
	Extra  []byte
}

func (*Create) kind() string { return createTable.kind }

func (r *Create) appendTo(b []byte) ([]byte, int) { return createTable.encode(b, r) }

var createTable = newTable("create", members[Create]{
	{"target", str(func(r *Create) *string { return &r.Target }), filled, 1},
	{"folder", str(func(r *Create) *string { return &r.Folder }), optional, 1},
	others(func(r *Create) *[]byte { return &r.Extra }),
}, Create{}, nil)

// Subscribe asks for a subscription at the destination.
type Subscribe struct {
	Target string
	Folder string
	Extra  []byte
}

func (*Subscribe) kind() string { return subscribeTable.kind }

func (r *Subscribe) appendTo(b []byte) ([]byte, int) { return subscribeTable.encode(b, r) }

var subscribeTable = newTable("subscribe", members[Subscribe]{
	{"target", str(func(r *Subscribe) *string { return &r.Target }), filled, 1},
	{"folder", str(func(r *Subscribe) *string { return &r.Folder }), optional, 1},
	others(func(r *Subscribe) *[]byte { return &r.Extra }),
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

func (*Delete) kind() string { return deleteTable.kind }

func (r *Delete) appendTo(b []byte) ([]byte, int) { return deleteTable.encode(b, r) }

var deleteTable = newTable("delete", members[Delete]{
	{"target", str(func(r *Delete) *string { return &r.Target }), filled, 1},
	{"target_uidvalidity", number64(func(r *Delete) *uint64 { return &r.TargetUIDValidity }), filled, 1},
	{"target_uid", number64(func(r *Delete) *uint64 { return &r.TargetUID }), filled, 1},
	{"key", str(func(r *Delete) *string { return &r.Key }), filled, 1},
	{"copy_of", number64(func(r *Delete) *uint64 { return &r.CopyOf }), optional, 1},
	others(func(r *Delete) *[]byte { return &r.Extra }),
	{"sha256", sha256Hex(func(r *Delete) *string { return &r.SHA256 }), optional, 1},
}, Delete{}, checkDelete)

func checkDelete(d *decoder, r *Delete) {
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

func (*DeleteFolder) kind() string { return deleteFolderTable.kind }

func (r *DeleteFolder) appendTo(b []byte) ([]byte, int) { return deleteFolderTable.encode(b, r) }

var deleteFolderTable = newTable("delete-folder", members[DeleteFolder]{
	{"target", str(func(r *DeleteFolder) *string { return &r.Target }), filled, 1},
	{"target_uidvalidity", number64(func(r *DeleteFolder) *uint64 { return &r.TargetUIDValidity }), required, 1},
	{"target_uidnext", number64(func(r *DeleteFolder) *uint64 { return &r.TargetUIDNext }), required, 1},
	{"messages", number32(func(r *DeleteFolder) *uint32 { return &r.Messages }), required, 1},
	others(func(r *DeleteFolder) *[]byte { return &r.Extra }),
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

func (*FlagChange) kind() string { return flagsTable.kind }

func (r *FlagChange) appendTo(b []byte) ([]byte, int) { return flagsTable.encode(b, r) }

var flagsTable = newTable("flags", members[FlagChange]{
	{"folder", str(func(r *FlagChange) *string { return &r.Folder }), filled, 1},
	{"uidvalidity", number64(func(r *FlagChange) *uint64 { return &r.UIDValidity }), required, 1},
	{"uid", number64(func(r *FlagChange) *uint64 { return &r.UID }), filled, 1},
	{"target", str(func(r *FlagChange) *string { return &r.Target }), filled, 1},
	{"target_uidvalidity", number64(func(r *FlagChange) *uint64 { return &r.TargetUIDValidity }), filled, 1},
	{"target_uid", number64(func(r *FlagChange) *uint64 { return &r.TargetUID }), filled, 1},
	{"add", texts(func(r *FlagChange) *[]string { return &r.Add }), optional, 1},
	{"remove", texts(func(r *FlagChange) *[]string { return &r.Remove }), optional, 1},
	others(func(r *FlagChange) *[]byte { return &r.Extra }),
}, FlagChange{}, checkFlagChange)

func checkFlagChange(d *decoder, r *FlagChange) {
	if d.Err == nil && len(r.Add)+len(r.Remove) == 0 {
		d.Fail("flags that neither add nor remove")
	}
}
