package imapconn

// Items are what a FETCH asks for. The UID is always asked for.
type Items struct {
	Flags        bool
	InternalDate bool
	Size         bool     // RFC822.SIZE
	Header       bool     // BODY.PEEK[HEADER]
	Fields       []string // BODY.PEEK[HEADER.FIELDS (...)], when Header is not set
	Body         bool     // BODY.PEEK[]
	Start        int64    // so many octets from the first on, in Body; without Items.Body
	Gmail        bool     // labels and numbers, where Session.HasGmail

	// Listed, which may be nil, returns what RFC822.SIZE was when the message
	// was listed, in octets, or 0 or less if that is not known. With Body.
	Listed func(uid uint64) int64
}

// State says what became of a message that was asked for.
type State uint8

const (
	// Have means that everything asked for is there, but for what Message.Unknown
	// names.
	Have State = iota
	// Expunged means that the message was expunged: it was looked up again.
	Expunged
	// Failed means that the message is there but could not be had.
	Failed
)

// Reason says why a message is Failed. The values appear in streams.
type Reason string

// The reasons.
const (
	// NotReturned: the server says that it has the message but does not send it.
	NotReturned Reason = "not-returned"
	// Truncated: the server closed the connection inside the message, each time.
	Truncated Reason = "truncated"
	// Unreadable: the connection breaks whenever the message is asked for, or the
	// server gives NIL for its body.
	Unreadable Reason = "unreadable"
	// Refused: the server answered NO or BAD; Message.Text has its words.
	Refused Reason = "refused"
	// UIDValidityChanged: the folder was replaced by another; its UIDs mean
	// nothing any more.
	UIDValidityChanged Reason = "uidvalidity-changed"
	// FolderLost: the folder cannot be opened any more.
	FolderLost Reason = "folder-lost"
	// Contradiction: what the server says differs each time it is asked: bodies
	// that are empty, or less than half of what it says, messages that it counts
	// and does not show, UIDs that several messages have.
	Contradiction Reason = "contradiction"
)

// Unknown is a set of items that the server was asked for, together with others
// and alone, and did not give, or not in a form that can be read.
type Unknown uint8

// The items.
const (
	UnknownFlags  Unknown = 1 << iota
	UnknownDate           // INTERNALDATE
	UnknownSize           // RFC822.SIZE
	UnknownLabels         // X-GM-LABELS
)

// Has reports whether an item is in the set.
func (u Unknown) Has(item Unknown) bool { return u&item != 0 }

// Message is what FETCH gave. It and its slices are valid until the function
// that receives it returns; the strings stay valid.
type Message struct {
	UID   uint64
	State State

	Flags        []string // canonical case, sorted, without duplicates and \Recent
	InternalDate string   // RFC 3339 with the server's offset, or ""
	Size         int64    // RFC822.SIZE, -1 if unknown; with Items.Body the largest that was said
	Header       []byte   // what Items.Header or Items.Fields asked for
	Body         []byte   // nil if it was not asked for, or is larger than maxBody
	Gmail        Gmail    // what Items.Gmail asked for; stays valid
	Literal      int64    // octets of the body as the server announced them, -1 if there was none
	Unknown      Unknown  // items asked for that stay unknown

	Reason Reason // of a Failed message
	Text   string // the server's own words, cut to 1 KiB of valid UTF-8, not safe to print
}
