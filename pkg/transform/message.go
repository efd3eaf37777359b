package transform

import (
	"errors"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Message is a message to be changed.
type Message struct {
	Octets io.ReaderAt
	Size   int64 // octets
	Origin
}

// Origin is where a message comes from and where it goes. All of it comes from
// outside, and may hold anything.
type Origin struct {
	User, Host   string // of the source
	Folder       string
	Target       string // the destination folder
	UIDValidity  uint64
	UID          uint64
	InternalDate string // RFC 3339, or ""
}

// Outcome is what became of a message. It has to be closed.
type Outcome struct {
	Octets       io.ReaderAt
	Size         int64
	InternalDate string // RFC 3339; "": the destination's clock
	// Changes name what was changed, in the order in which it was done:
	// "fix:bare-lf", "header-add:X-Folder", "pipe", "internaldate:header"; or
	// "internaldate:unusable" where the date that was asked for cannot be had. Nothing was
	// changed where there are none.
	Changes []string
	// Altered tells that the octets are others than the message's.
	Altered bool
	// Breaks tells that a DKIM signature (RFC 6376) that the message has may not
	// hold any more.
	Breaks bool

	rooms []*room
}

// Close gives back what a large message needed.
func (o *Outcome) Close() {
	for _, r := range o.rooms {
		r.close()
	}
	o.rooms = nil
}

// Refusal is the error for a message that must not be sent.
type Refusal struct {
	Reason string // one word
	Text   string // for people; may hold what a command of the user's said
	Skip   bool   // a rule asked for it to be left out
	Cause  error  // something that users can change, or nil
}

func (r *Refusal) Error() string { return r.Text }
func (r *Refusal) Unwrap() error { return r.Cause }

// IsRefusal tells a message that must not be sent from what ends the run.
func IsRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	return r, errors.As(err, &r)
}

// ioError is a local failure, which ends the run.
func ioError(err error) error { return fault.Wrap(fault.IO, err) }
