package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// Reason says in one word why a message or folder could not be had.
type Reason string

// The reasons of failed records.
const (
	ReasonNotReturned Reason = "not-returned"        // the server listed it and does not give it
	ReasonTruncated   Reason = "truncated"           // fewer octets came than were announced
	ReasonUnreadable  Reason = "unreadable"          // the connection dies at this message or folder
	ReasonUIDValidity Reason = "uidvalidity-changed" // the folder is not the one that was listed
	ReasonKey         Reason = "key-changed"         // another message has this UID now
	ReasonRefused     Reason = "refused"             // the server said NO
	ReasonFolderLost  Reason = "folder-lost"         // it cannot be opened any more
	ReasonNoFolder    Reason = "no-such-folder"
	ReasonTarget      Reason = "target-unreadable" // the destination folder cannot be compared
	ReasonIncomplete  Reason = "incomplete"        // body parts are missing in an edited stream
	ReasonTooLarge    Reason = "too-large"
	ReasonAmbiguous   Reason = "ambiguous" // which of several messages is missing cannot be told
	ReasonDamaged     Reason = "damaged"   // the octets in a stream are not those of their sha256
	// ReasonContradiction: what the server says of the message does not fit what it gives.
	ReasonContradiction Reason = "contradiction"
	ReasonInBase        Reason = "in-base" // a delta names it, and its octets are in the base
	// ReasonUntold: a run is taken back, and which message this is at the destination
	// cannot be told.
	ReasonUntold Reason = "uid-unknown"
)

// ReasonContent is the reason of a skipped record: what the message holds.
const ReasonContent Reason = "content"

// ReasonDuplicate is that of a message that the source has in another folder, too,
// or twice in this one.
const ReasonDuplicate Reason = "duplicate"

// Failed is a message, or with UID 0 a folder, that could not be had.
type Failed struct {
	Folder      string
	UIDValidity uint64
	UID         uint64
	Reason      Reason
	Text        string // the server's own words
	Extra       []byte
}

func (*Failed) kind() string { return failedTable.Kind }

func (r *Failed) appendTo(b []byte) ([]byte, int) { return failedTable.Encode(b, r) }

var failedTable = newTable("failed", codec.Fields[Failed]{
	codec.String("folder", func(r *Failed) *string { return &r.Folder }, filled, 1),
	codec.Uint64("uidvalidity", func(r *Failed) *uint64 { return &r.UIDValidity }, optional, 1),
	codec.Uint64("uid", func(r *Failed) *uint64 { return &r.UID }, optional, 1),
	codec.String("reason", func(r *Failed) *Reason { return &r.Reason }, filled, 1),
	codec.String("text", func(r *Failed) *string { return &r.Text }, optional, 1),
	codec.Others(func(r *Failed) *[]byte { return &r.Extra }),
}, Failed{}, nil)

// Skipped is a message that was left out on purpose and is named, because it
// takes a look at its octets to know.
type Skipped struct {
	Folder      string
	UIDValidity uint64
	UID         uint64
	Reason      Reason
	Text        string // for people
	Extra       []byte
}

func (*Skipped) kind() string { return skippedTable.Kind }

func (r *Skipped) appendTo(b []byte) ([]byte, int) { return skippedTable.Encode(b, r) }

var skippedTable = newTable("skipped", codec.Fields[Skipped]{
	codec.String("folder", func(r *Skipped) *string { return &r.Folder }, filled, 1),
	codec.Uint64("uidvalidity", func(r *Skipped) *uint64 { return &r.UIDValidity }, written, 1),
	codec.Uint64("uid", func(r *Skipped) *uint64 { return &r.UID }, filled, 1),
	codec.String("reason", func(r *Skipped) *Reason { return &r.Reason }, filled, 1),
	codec.String("text", func(r *Skipped) *string { return &r.Text }, optional, 1),
	codec.Others(func(r *Skipped) *[]byte { return &r.Extra }),
}, Skipped{}, nil)
