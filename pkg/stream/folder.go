package stream

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
)

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

func (*Folder) kind() string { return folderTable.Kind }

func (r *Folder) appendTo(b []byte) ([]byte, int) { return folderTable.Encode(b, r) }

var folderTable = newTable("folder", codec.Fields[Folder]{
	codec.String("name", func(r *Folder) *string { return &r.Name }, filled, 1),
	codec.String("delimiter", func(r *Folder) *string { return &r.Delimiter }, written, 1),
	codec.Strings("attributes", func(r *Folder) *[]string { return &r.Attributes }, written, 1),
	codec.Bool("subscribed", func(r *Folder) *bool { return &r.Subscribed }, written, 1),
	codec.String("namespace", func(r *Folder) *string { return &r.Namespace }, optional, 1),
	codec.Uint64("uidvalidity", func(r *Folder) *uint64 { return &r.UIDValidity }, written, 1),
	codec.Bool("uidvalidity_unstable", func(r *Folder) *bool { return &r.Unstable }, optional, 1),
	codec.Uint64("uidnext", func(r *Folder) *uint64 { return &r.UIDNext }, written, 1),
	codec.String("highestmodseq", func(r *Folder) *string { return &r.HighestModSeq }, optional, 1),
	codec.Uint32("messages", func(r *Folder) *uint32 { return &r.Messages }, written, 1),
	codec.String("uids", func(r *Folder) *string { return &r.UIDs }, optional, 1),
	codec.Only(measured, codec.Int64("octets", func(r *Folder) *int64 { return &r.Octets }, optional, 1)),
	codec.Only(hasLargest, codec.Int64("largest", func(r *Folder) *int64 { return &r.Largest }, optional, 1)),
	codec.Uint64("largest_uid", func(r *Folder) *uint64 { return &r.LargestUID }, optional, 1),
	codec.String("oldest", func(r *Folder) *string { return &r.Oldest }, optional, 1),
	codec.String("newest", func(r *Folder) *string { return &r.Newest }, optional, 1),
	codec.Pairs("acl", func(r *Folder) *[]Grant { return &r.ACL }, makeGrant, Grant.pair, optional, 1),
	codec.String("target", func(r *Folder) *string { return &r.Target }, optional, 1),
	ofTarget("target_uidvalidity", func(r *Folder) *uint64 { return &r.TargetUIDValidity }, optional, 1),
	ofTarget("target_uidnext", func(r *Folder) *uint64 { return &r.TargetUIDNext }, optional, 1),
	codec.Others(func(r *Folder) *[]byte { return &r.Extra }),
}, Folder{Octets: -1}, nil)

func measured(r *Folder) bool   { return r.Octets >= 0 }
func hasLargest(r *Folder) bool { return r.LargestUID != 0 }

// ofTarget is what a plan says of a target that exists.
func ofTarget(name string, at func(*Folder) *uint64, need codec.Need, since int) codec.Field[Folder] {
	exists := func(r *Folder) bool { return r.Target != "" && r.TargetUIDValidity != 0 }
	return codec.Only(exists, codec.Uint64(name, at, need, since))
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
