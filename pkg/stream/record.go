package stream

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
)

// Format is the value of begin's format field, and Version the only value of
// its version field that this package reads and writes.
const (
	Format  = "imap-stream"
	Version = 1
	SpecURL = "https://github.com/imap-pipe/imap-pipe/blob/main/pkg/stream/FORMAT.md"
)

// Limits of the format, in octets.
const (
	MaxLine     = 2 << 20  // a record with its line feed
	MaxContents = 32 << 20 // all folder records of a stream, which every reader holds
	PartSize    = 1 << 20  // octets of a message in one body part; a larger message has parts
	maxDepth    = 64       // nesting of JSON values
	maxNumber   = jsonnum.Max
)

// Content says how much of each message a stream carries.
type Content string

// The values of begin's content field.
const (
	Headers Content = "headers" // no bodies
	Hashes  Content = "hashes"  // the sha256 of each body
	Full    Content = "full"    // the bodies
)

// Record is one line of a stream: *Begin, *Folder, *Message, *Body, *Failed,
// *Expunged, *FolderExpunged, *Skipped, *Create, *Subscribe, *Delete, *DeleteFolder, *FlagChange, *Tie, *End,
// *Abort, or *Unknown for a type that this version does not know and passes on.
type Record interface {
	kind() string
	appendTo(b []byte) (line []byte, bodyAt int)
}

// Label is one pair of begin's labels.
type Label struct{ Name, Value string }

// MergeLabels returns the labels of a stream together with others that are put
// on it now, which win over those of the same name.
func MergeLabels(labels, others []Label) []Label {
	out := slices.DeleteFunc(slices.Clone(labels), func(l Label) bool {
		return slices.ContainsFunc(others, func(o Label) bool { return o.Name == l.Name })
	})
	out = append(out, others...)
	slices.SortStableFunc(out, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Begin is the first record of a stream.
type Begin struct {
	Tool       string
	Content    Content
	Plan       bool // the stream has been through imap-diff
	User, Host string
	Port       int    // 0: a standard one, 993 or 143
	Prefix     string // of the personal namespace at the source (RFC 2342)
	Delimiter  string
	TargetUser string // in a plan: the destination that it was made for
	TargetHost string
	TargetPort int
	Key        string   // the key recipe
	Filters    []string // everything that was left out, one selection each
	Labels     []Label  // sorted by name
	Base       string   // hash of the stream that this one continues
	Extra      []byte
}

// Account returns whose messages the stream holds.
func (b *Begin) Account() account.Account { return account.Of(b.User, b.Host, b.Port) }

// TargetAccount returns the account that a plan was made for.
func (b *Begin) TargetAccount() account.Account {
	return account.Of(b.TargetUser, b.TargetHost, b.TargetPort)
}

// SetAccount says whose messages the stream holds.
func (b *Begin) SetAccount(a account.Account) { b.User, b.Host, b.Port = a.User, a.Host, a.Port }

// SetTarget says which account a plan is made for.
func (b *Begin) SetTarget(a account.Account) {
	b.TargetUser, b.TargetHost, b.TargetPort = a.User, a.Host, a.Port
}

// Folder is one entry of the table of contents.
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

// Message is one message of a folder, with its body where the stream has it.
type Message struct {
	Folder       string
	UIDValidity  uint64
	UID          uint64
	Change       string // in a delta: ChangeFlags for a message that its base has, else ""
	Target       string // in a plan: the destination folder
	Key          string
	Flags        []string // sorted, without \Recent
	InternalDate string   // RFC 3339 with the server's own offset, or ""
	Size         int64    // octets
	RFC822Size   *int64   // what the server says that they are, where that is another number; or nil
	Unknown      []string // ItemFlags, ItemDate and others that the server was asked for and did not give; sorted
	Received     string   // digest of the Received lines, or ""
	Twin         bool     // another message of the folder has the same size and INTERNALDATE
	Header       []byte   // a JSON object for people, or nil
	GmailLabels  []string // of a message at Gmail, but for the folder's own; sorted; nil: not known
	GmailMsgID   string   // its number there, in decimal digits, or ""
	GmailThrID   string   // and its thread's
	Tie          *TieOf   // in a plan: which of several messages are missing is told by their octets
	Parts        int      // number of body records that follow, or 0
	SHA256       string   // hex, of the message's octets, or ""
	Extra        []byte   // fields that this version does not know, as ,"name":value

	body     []byte // JSON string token without its quotes
	bodyKind bodyKind
}

// ChangeFlags is the change of a message that the base of a delta has: only its
// flags are news, and as a rule its octets are not here.
const ChangeFlags = "flags"

// Items of a message that may stand in Unknown.
const (
	ItemFlags  = "flags"
	ItemDate   = "internaldate"
	ItemLabels = "gmail_labels"
	ItemSize   = "size"
)

// Lacks reports whether the server did not give an item of the message though it
// was asked.
func (m *Message) Lacks(item string) bool { return slices.Contains(m.Unknown, item) }

// Learn takes an item out of Unknown.
func (m *Message) Learn(item string) {
	if m.Lacks(item) {
		m.Unknown = slices.DeleteFunc(slices.Clone(m.Unknown), func(s string) bool { return s == item })
	}
}

// Clone returns a copy that stays when the next record is read.
func (m *Message) Clone() *Message {
	c := *m
	c.Flags, c.Header, c.Extra, c.body = slices.Clone(m.Flags), slices.Clone(m.Header), slices.Clone(m.Extra), slices.Clone(m.body)
	c.GmailLabels, c.Unknown = slices.Clone(m.GmailLabels), slices.Clone(m.Unknown)
	return &c
}

// Tie is about messages of one target and key of which some are there already, and
// nothing but their octets tells which. There may be several records of one tie.
type Tie struct {
	ID    uint64 // other than 0, and in its stream of no other tie
	Of    int    // messages
	There []Tied
	Extra []byte
}

// tiedTogether is how many messages stand in one record of a tie: a line has a
// bound.
const tiedTogether = 4096

// Split returns the records of a tie of which more may be there than one line holds.
func (r *Tie) Split() (records []Record) {
	for there := range slices.Chunk(r.There, tiedTogether) {
		records = append(records, &Tie{ID: r.ID, Of: r.Of, There: there})
	}
	return records
}

// Tied is a message of a tie that is at the destination.
type Tied struct {
	UID    uint64
	Date   int64  // INTERNALDATE in seconds since 1970 where only a message of that date can be it, else 0
	Size   int64  // octets that were read
	Digest string // hex, of these (headerkey.Loose), "" where they could not be read
	Body   string // likewise, of what follows the header
}

// TieOf says of a message that it belongs to a tie. Where ID is 0, the plan is of an
// earlier version: Drop of the messages are there, and the first of them has the
// digests of these.
type TieOf struct {
	ID       uint64
	Of, Drop int
	Digests  []string // hex, some with @ and a Date behind them
}

// Body is one part of a message larger than PartSize.
type Body struct {
	Folder string
	UID    uint64
	Part   int // from 1
	Parts  int
	SHA256 string // in the last part: hex, of the whole message
	Extra  []byte

	body     []byte
	bodyKind bodyKind
}

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

// Expunged is a message that was expunged since it was listed, or, in a delta, since
// the base was made.
type Expunged struct {
	Folder      string
	UIDValidity uint64
	UID         uint64
	Extra       []byte
}

// FolderExpunged is a folder, or a UIDVALIDITY of one, that the base of a delta has
// and the account has no more: none of its messages is there.
type FolderExpunged struct {
	Folder      string
	UIDValidity uint64
	Extra       []byte
}

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

// Create asks for a destination folder.
type Create struct {
	Target string
	Folder string // the source folder that needs it
	Extra  []byte
}

// Subscribe asks for a subscription at the destination.
type Subscribe struct {
	Target string
	Folder string
	Extra  []byte
}

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

// DeleteFolder asks for the removal of a destination folder that is still as it was
// seen.
type DeleteFolder struct {
	Target            string
	TargetUIDValidity uint64
	TargetUIDNext     uint64
	Messages          uint32 // it holds, and they go with it
	Extra             []byte
}

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

// End closes a stream that is whole.
type End struct {
	Listed  int64 // messages that the producer set out to handle, or AsWritten
	Emitted int64 // message records
	Present int64 // in a plan: already at the destination
	Missing int64 // in a plan: to be appended
	// PresentByKey counts, of those present in a plan, the messages that share
	// nothing but their key with what they were taken for.
	PresentByKey int64
	Ambiguous    int64 // in a plan: counted as equal without proof
	Spare        int64 // in a plan: emitted messages that are there already, as their ties tell
	FlagChanges  int64 // in a plan: changes of flags
	Expunged     int64
	Failed       int64 // failed messages
	Folders      int64 // failed folders
	Octets       int64 // sum of the emitted messages' sizes
	Unknown      int64 // of those emitted, so many with items that are unknown
	SizesDiffer  int64 // and so many with another size than the server says
	Excluded     int64 // messages of the stream's folders that its filters left out
	Skipped      int64 // of them, so many have a skipped record
	Plan         bool  // write present, missing and ambiguous
	Records      int64 // lines before this one
	Hash         string
	Extra        []byte
}

// Add adds the counts of another stream.
func (e *End) Add(o *End) {
	e.Plan = e.Plan || o.Plan
	e.Listed += o.Listed
	e.Emitted += o.Emitted
	e.Present += o.Present
	e.PresentByKey += o.PresentByKey
	e.Missing += o.Missing
	e.Ambiguous += o.Ambiguous
	e.Spare += o.Spare
	e.FlagChanges += o.FlagChanges
	e.Expunged += o.Expunged
	e.Failed += o.Failed
	e.Folders += o.Folders
	e.Octets += o.Octets
	e.Unknown += o.Unknown
	e.SizesDiffer += o.SizesDiffer
	e.Excluded += o.Excluded
	e.Skipped += o.Skipped
}

// Abort ends a stream whose producer had to stop early.
type Abort struct {
	Command string
	Exit    int
	Text    string
	Extra   []byte
}

// Unknown is a record of a type that this version does not know.
type Unknown struct {
	Type string
	Line []byte // canonical JSON without the line feed
}

func (*Begin) kind() string          { return "begin" }
func (*Folder) kind() string         { return "folder" }
func (*Message) kind() string        { return "message" }
func (*Body) kind() string           { return "body" }
func (*Failed) kind() string         { return "failed" }
func (*Expunged) kind() string       { return "expunged" }
func (*FolderExpunged) kind() string { return "folder-expunged" }
func (*Skipped) kind() string        { return "skipped" }
func (*Create) kind() string         { return "create" }
func (*Subscribe) kind() string      { return "subscribe" }
func (*Delete) kind() string         { return "delete" }
func (*DeleteFolder) kind() string   { return "delete-folder" }
func (*FlagChange) kind() string     { return "flags" }
func (*Tie) kind() string            { return "tie" }
func (*End) kind() string            { return "end" }
func (*Abort) kind() string          { return "abort" }
func (u *Unknown) kind() string      { return u.Type }
