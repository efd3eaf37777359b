package imapconn

// Items are what a FETCH asks for. The UID is always asked for.
type Items struct {
	Flags        bool
	InternalDate bool
	Size         bool     // RFC822.SIZE
	Header       bool     // BODY.PEEK[HEADER]
	Fields       []string // BODY.PEEK[HEADER.FIELDS (...)], when Header is not set
	Body         bool     // BODY.PEEK[]
	Gmail        bool     // labels and numbers, where Session.HasGmail
}

// State says what became of a message that was asked for.
type State uint8

const (
	// Have means that everything asked for is there.
	Have State = iota
	// Gone means that the message was expunged: it was looked up again.
	Gone
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
)

// Message is what FETCH gave. It and its slices are valid until the function
// that receives it returns; the strings stay valid.
type Message struct {
	UID   uint32
	State State

	Flags        []string // canonical case, sorted, without duplicates and \Recent
	InternalDate string   // RFC 3339 with the server's offset, "" if the server's date is none
	Size         int64    // RFC822.SIZE, -1 if unknown
	Header       []byte   // what Items.Header or Items.Fields asked for
	Body         []byte   // nil if it was not asked for, or is larger than maxBody
	Gmail        Gmail    // what Items.Gmail asked for; stays valid
	Literal      int64    // octets of the body as the server announced them, -1 if there was none

	Reason Reason // of a Failed message
	Text   string // the server's own words, cut to 1 KiB of valid UTF-8, not safe to print
}
