package stream

import (
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
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

	body codec.Body
}

func (*Message) kind() string { return messageTable.Kind }

func (r *Message) appendTo(b []byte) ([]byte, int) { return messageTable.Encode(b, r) }

var messageTable = newTable("message", codec.Fields[Message]{
	codec.Name("folder", func(r *Message) *string { return &r.Folder }, required, 1),
	codec.Uint64("uidvalidity", func(r *Message) *uint64 { return &r.UIDValidity }, required, 1),
	codec.Uint64("uid", func(r *Message) *uint64 { return &r.UID }, filled, 1),
	codec.String("change", func(r *Message) *string { return &r.Change }, optional, 1),
	codec.Name("target", func(r *Message) *string { return &r.Target }, optional, 1),
	codec.String("key", func(r *Message) *string { return &r.Key }, written, 1),
	codec.Strings("flags", func(r *Message) *[]string { return &r.Flags }, written, 1),
	codec.String("internaldate", func(r *Message) *string { return &r.InternalDate }, optional, 1),
	codec.Int64("size", func(r *Message) *int64 { return &r.Size }, written, 1),
	codec.OptionalInt64("rfc822_size", func(r *Message) **int64 { return &r.RFC822Size }, optional, 1),
	codec.Strings("unknown", func(r *Message) *[]string { return &r.Unknown }, optional, 1),
	codec.String("received", func(r *Message) *string { return &r.Received }, optional, 1),
	codec.Bool("twin", func(r *Message) *bool { return &r.Twin }, optional, 1),
	codec.RawObject("header", func(r *Message) *[]byte { return &r.Header }, optional, 1),
	codec.KnownStrings("gmail_labels", func(r *Message) *[]string { return &r.GmailLabels }, optional, 1),
	codec.String("gmail_msgid", func(r *Message) *string { return &r.GmailMsgID }, optional, 1),
	codec.String("gmail_thrid", func(r *Message) *string { return &r.GmailThrID }, optional, 1),
	codec.Object("tie", func(r *Message) **TieOf { return &r.Tie }, tieOfFields, optional, 1),
	codec.Uint32("parts", func(r *Message) *int { return &r.Parts }, optional, 1),
	codec.Others(func(r *Message) *[]byte { return &r.Extra }),
	codec.SHA256("sha256", func(r *Message) *string { return &r.SHA256 }, optional, 1),
	codec.Octets("body", func(r *Message) *codec.Body { return &r.body }, codec.TextBody, optional, 1),
	codec.Octets("body_base64", func(r *Message) *codec.Body { return &r.body }, codec.Base64Body, optional, 1),
}, Message{}, checkMessage)

func checkMessage(d *codec.Decoder, r *Message) {
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
	c.Header, c.Extra, c.body = slices.Clone(m.Header), slices.Clone(m.Extra), m.body.Clone()
	return &c
}
