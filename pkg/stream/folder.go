package stream

import "slices"

// Folder is one entry of the table of contents. It has a field for each field of the
// record.
type Folder struct {
	Name          string // UTF-8
	Delimiter     string
	Attributes    []string // RFC 9051 section 7.3.1, SPECIAL-USE among them; sorted
	Subscribed    bool
	Namespace     string // whose folder it is: "other" or "shared", "" for the account's own
	UIDValidity   uint64
	Unstable      bool   // UIDVALIDITY is another at each look: a UID is trusted together with its key only
	UIDNext       uint64 // a message at or above it belongs to the next run
	HighestModSeq string // decimal; a string because it may exceed 2^53
	Messages      uint32
	UIDs          string  // in a delta: those that its base has, a set as in ParseUIDs, or ""
	Octets        int64   // -1: not asked for
	Largest       int64   // octets of the largest message, with LargestUID
	LargestUID    uint64  // 0: not asked for, or there is none
	Oldest        string  // INTERNALDATE of the first message to arrive, RFC 3339, or ""
	Newest        string  // and of the last
	ACL           []Grant // sorted by identifier; nil: not asked for

	// In a plan.
	Target            string // the destination folder
	TargetUIDValidity uint64 // 0: it does not exist yet
	TargetUIDNext     uint64
	Extra             []byte
}

func (*Folder) kind() string { return folderTable.kind }

func (r *Folder) appendTo(b []byte) ([]byte, int) { return folderTable.encode(b, r) }

var folderTable = newTable("folder", members[Folder]{
	{"name", str(func(r *Folder) *string { return &r.Name }), filled, 1},
	{"delimiter", str(func(r *Folder) *string { return &r.Delimiter }), written, 1},
	{"attributes", texts(func(r *Folder) *[]string { return &r.Attributes }), written, 1},
	{"subscribed", boolean(func(r *Folder) *bool { return &r.Subscribed }), written, 1},
	{"namespace", str(func(r *Folder) *string { return &r.Namespace }), optional, 1},
	{"uidvalidity", number64(func(r *Folder) *uint64 { return &r.UIDValidity }), written, 1},
	{"uidvalidity_unstable", boolean(func(r *Folder) *bool { return &r.Unstable }), optional, 1},
	{"uidnext", number64(func(r *Folder) *uint64 { return &r.UIDNext }), written, 1},
	{"highestmodseq", str(func(r *Folder) *string { return &r.HighestModSeq }), optional, 1},
	{"messages", number32(func(r *Folder) *uint32 { return &r.Messages }), written, 1},
	{"uids", str(func(r *Folder) *string { return &r.UIDs }), optional, 1},
	{"octets", only(measured, number(func(r *Folder) *int64 { return &r.Octets })), optional, 1},
	{"largest", only(hasLargest, number(func(r *Folder) *int64 { return &r.Largest })), optional, 1},
	{"largest_uid", number64(func(r *Folder) *uint64 { return &r.LargestUID }), optional, 1},
	{"oldest", str(func(r *Folder) *string { return &r.Oldest }), optional, 1},
	{"newest", str(func(r *Folder) *string { return &r.Newest }), optional, 1},
	{"acl", pairs(func(r *Folder) *[]Grant { return &r.ACL }, makeGrant, Grant.pair), optional, 1},
	{"target", str(func(r *Folder) *string { return &r.Target }), optional, 1},
	{"target_uidvalidity", ofTarget(func(r *Folder) *uint64 { return &r.TargetUIDValidity }), optional, 1},
	{"target_uidnext", ofTarget(func(r *Folder) *uint64 { return &r.TargetUIDNext }), optional, 1},
	others(func(r *Folder) *[]byte { return &r.Extra }),
}, Folder{Octets: -1}, nil)

func measured(r *Folder) bool   { return r.Octets >= 0 }
func hasLargest(r *Folder) bool { return r.LargestUID != 0 }

// ofTarget is what a plan says of a target that exists.
func ofTarget(at func(*Folder) *uint64) codec[Folder] {
	return only(func(r *Folder) bool { return r.Target != "" && r.TargetUIDValidity != 0 }, number64(at))
}

func makeGrant(identifier, rights string) Grant { return Grant{identifier, rights} }

func (g Grant) pair() (identifier, rights string) { return g.Identifier, g.Rights }

// Grant is what one identifier may do with a folder (RFC 4314). An identifier
// that begins with "-" may not do it.
type Grant struct{ Identifier, Rights string }

// HoldsMessages tells a folder from a mere level between folders.
func (f *Folder) HoldsMessages() bool {
	return !slices.Contains(f.Attributes, `\Noselect`) && !slices.Contains(f.Attributes, `\NonExistent`)
}

// View says how much of what other folders hold a folder shows (RFC 6154): 0,
// nothing; 1, what is flagged or important; 2, everything.
func (f *Folder) View() int {
	switch {
	case slices.Contains(f.Attributes, `\All`):
		return 2
	case slices.Contains(f.Attributes, `\Flagged`), slices.Contains(f.Attributes, `\Important`):
		return 1
	}
	return 0
}
