package stream

import (
	"slices"
	"time"
)

// Message is one message of a folder, with its body where the stream has it. It has a
// field for each field of the record.
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

	body body
}

func (*Message) kind() string { return messageTable.kind }

func (r *Message) appendTo(b []byte) ([]byte, int) { return messageTable.encode(b, r) }

var messageTable = newTable("message", members[Message]{
	{"folder", name(func(r *Message) *string { return &r.Folder }), required, 1},
	{"uidvalidity", number64(func(r *Message) *uint64 { return &r.UIDValidity }), required, 1},
	{"uid", number64(func(r *Message) *uint64 { return &r.UID }), filled, 1},
	{"change", str(func(r *Message) *string { return &r.Change }), optional, 1},
	{"target", name(func(r *Message) *string { return &r.Target }), optional, 1},
	{"key", str(func(r *Message) *string { return &r.Key }), written, 1},
	{"flags", texts(func(r *Message) *[]string { return &r.Flags }), written, 1},
	{"internaldate", str(func(r *Message) *string { return &r.InternalDate }), optional, 1},
	{"size", number(func(r *Message) *int64 { return &r.Size }), written, 1},
	{"rfc822_size", optionalNumber(func(r *Message) **int64 { return &r.RFC822Size }), optional, 1},
	{"unknown", texts(func(r *Message) *[]string { return &r.Unknown }), optional, 1},
	{"received", str(func(r *Message) *string { return &r.Received }), optional, 1},
	{"twin", boolean(func(r *Message) *bool { return &r.Twin }), optional, 1},
	{"header", rawObject(func(r *Message) *[]byte { return &r.Header }), optional, 1},
	{"gmail_labels", knownTexts(func(r *Message) *[]string { return &r.GmailLabels }), optional, 1},
	{"gmail_msgid", str(func(r *Message) *string { return &r.GmailMsgID }), optional, 1},
	{"gmail_thrid", str(func(r *Message) *string { return &r.GmailThrID }), optional, 1},
	{"tie", object(func(r *Message) **TieOf { return &r.Tie }, tieOfFields), optional, 1},
	{"parts", number32(func(r *Message) *int { return &r.Parts }), optional, 1},
	others(func(r *Message) *[]byte { return &r.Extra }),
	{"sha256", sha256Hex(func(r *Message) *string { return &r.SHA256 }), optional, 1},
	{"body", octets(func(r *Message) *body { return &r.body }, textBody), optional, 1},
	{"body_base64", octets(func(r *Message) *body { return &r.body }, base64Body), optional, 1},
}, Message{}, checkMessage)

func checkMessage(d *decoder, r *Message) {
	switch {
	case d.Err != nil:
	case r.HasBody() && (r.SHA256 == "" || r.Parts != 0):
		d.Fail("a body without a sha256, or beside parts")
	case r.Change != "" && r.Change != ChangeFlags:
		d.Fail("a change of something else than flags")
	case r.HasBody() && r.Size > PartSize, r.Parts != 0 && r.Parts != PartCount(r.Size):
		d.Fail("size and parts do not fit")
	}
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

// Date returns an INTERNALDATE as records have it; the zero time where it is none.
func Date(internalDate string) time.Time {
	t, err := time.Parse(time.RFC3339, internalDate)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Clone returns a copy that stays when the next record is read.
func (m *Message) Clone() *Message {
	c := *m
	c.Flags, c.GmailLabels, c.Unknown = slices.Clone(m.Flags), slices.Clone(m.GmailLabels), slices.Clone(m.Unknown)
	c.Header, c.Extra, c.body.token = slices.Clone(m.Header), slices.Clone(m.Extra), slices.Clone(m.body.token)
	return &c
}
