package report

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
)

// Difference is one message, or with UID and TargetUID 0 one folder, that is
// not the same on both sides. It has a field for each field of the JSON object.
type Difference struct {
	Type         string         `json:"type"` // difference
	Kind         Kind           `json:"kind"`
	Folder       string         `json:"folder,omitempty"`
	UID          jsonnum.Uint64 `json:"uid,omitempty"`
	Target       string         `json:"target,omitempty"`
	TargetUID    jsonnum.Uint64 `json:"target_uid,omitempty"`
	CopyOf       jsonnum.Uint64 `json:"copy_of,omitempty"` // UID of the message of the same folder that it is a copy of
	Key          string         `json:"key,omitempty"`
	InternalDate string         `json:"internaldate,omitempty"`
	Size         int64          `json:"size,omitempty"`
	TargetSize   int64          `json:"target_size,omitempty"`
	Differs      []string       `json:"differs,omitempty"` // by-key: of size, internaldate and received
	Flags        []string       `json:"flags,omitempty"`
	TargetDate   string         `json:"target_internaldate,omitempty"`
	TargetFlags  []string       `json:"target_flags,omitempty"`
	Subject      string         `json:"subject,omitempty"`
	MessageID    string         `json:"message_id,omitempty"`
	Reason       string         `json:"reason,omitempty"`
	Text         string         `json:"text,omitempty"`

	unknown []string          // items of the source message that are unknown
	fields  []headerkey.Field // of the key, for an explanation
	looks   match.Evidence
	guess   bool // another that looks alike could be the one
}

// Kind says in what two sides differ.
type Kind string

// The kinds of difference.
const (
	KindMissing Kind = "missing" // the destination lacks it
	KindExtra   Kind = "extra"   // the source lacks it
	KindFlags   Kind = "flags"
	KindDate    Kind = "date"
	KindAltered Kind = "altered" // other bytes under one key
	KindFailed  Kind = "failed"  // it could not be compared
	KindFolder  Kind = "folder"  // the destination lacks the folder
	KindByKey   Kind = "by-key"  // it shares nothing but the key with what it was taken for
	KindCopy    Kind = "copy"    // the folder holds the same message before it, byte for byte
	KindUnknown Kind = "unknown" // flags or date that a server does not tell, and that were not compared
)

// Summary counts one folder, or with no folder named all of them. It has a field for
// each field of the JSON object.
type Summary struct {
	Type      string `json:"type"` // folder or summary
	Folder    string `json:"folder,omitempty"`
	Target    string `json:"target,omitempty"`
	Folders   int64  `json:"folders_missing"` // at the destination
	Listed    int64  `json:"listed"`
	Present   int64  `json:"present"`
	ByKey     int64  `json:"present_by_key,omitempty"` // of those present
	Missing   int64  `json:"missing"`
	Extra     int64  `json:"extra"`
	Flags     int64  `json:"flags"`
	Date      int64  `json:"date"`
	Altered   int64  `json:"altered"`
	Ambiguous int64  `json:"ambiguous"`
	Expunged  int64  `json:"expunged"`
	Failed    int64  `json:"failed"`
	Unread    int64  `json:"bodies_not_compared,omitempty"` // of those present: not both sides have a sha256
	Elsewhere int64  `json:"elsewhere,omitempty"`           // of those present, in another folder
	Excluded  int64  `json:"excluded,omitempty"`            // by --dedup account or --dedup folder, and not listed
	Unknown   int64  `json:"unknown,omitempty"`             // of those present, with flags or date unknown

	sources []string // names of the source folders, for Folder
}

// Equal reports whether nothing differs and nothing stayed unknown.
func (s *Summary) Equal() bool {
	return s.Folders+s.Missing+s.Extra+s.Flags+s.Date+s.Altered+s.Failed+s.Ambiguous+s.ByKey+s.Unknown == 0
}

func (s *Summary) count(k Kind) {
	switch k {
	case KindMissing:
		s.Missing++
	case KindExtra:
		s.Extra++
	case KindFlags:
		s.Flags++
	case KindDate:
		s.Date++
	case KindAltered:
		s.Altered++
	case KindFailed:
		s.Failed++
	case KindFolder:
		s.Folders++
	case KindByKey:
		s.ByKey++
	case KindUnknown:
		s.Unknown++
	}
}

func (s *Summary) add(o *Summary) {
	s.Folders += o.Folders
	s.Listed += o.Listed
	s.Present += o.Present
	s.ByKey += o.ByKey
	s.Missing += o.Missing
	s.Extra += o.Extra
	s.Flags += o.Flags
	s.Date += o.Date
	s.Altered += o.Altered
	s.Ambiguous += o.Ambiguous
	s.Expunged += o.Expunged
	s.Failed += o.Failed
	s.Unread += o.Unread
	s.Elsewhere += o.Elsewhere
	s.Unknown += o.Unknown
	s.Excluded += o.Excluded
}
