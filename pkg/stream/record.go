package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/frame"

// Format is the value of begin's format field, and Version the only value of
// its version field that this package reads and writes.
const (
	Format  = "imap-stream"
	Version = 1
	SpecURL = "https://github.com/imap-pipe/imap-pipe/blob/main/pkg/stream/FORMAT.md"
)

// Limits of the format, in octets.
const (
	MaxLine     = frame.MaxLine // a record with its line feed
	MaxContents = 32 << 20      // all folder records of a stream, which every reader holds
	PartSize    = 1 << 20       // octets of a message in one body part; a larger message has parts
)

// Record is one line of a stream: *Begin, *Folder, *Message, *Body, *Failed,
// *Expunged, *FolderExpunged, *Skipped, *Create, *Subscribe, *Delete, *DeleteFolder, *FlagChange, *Tie, *End,
// *Abort, or *Unknown for a type that this version does not know and passes on.
type Record interface {
	kind() string
	appendTo(b []byte) (line []byte, bodyAt int)
}

// Unknown is a record of a type that this version does not know.
type Unknown struct {
	Type string
	Line []byte // canonical JSON without the line feed
}

func (u *Unknown) kind() string { return u.Type }

func (u *Unknown) appendTo(b []byte) ([]byte, int) {
	b = append(b, u.Line...)
	return b, len(b)
}

// Line returns a record as it stands in a stream, with its line feed.
func Line(r Record) []byte {
	b, _ := r.appendTo(nil)
	return append(b, '\n')
}
