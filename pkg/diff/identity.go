package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
)

// Identity says when two messages are one, and what becomes of those that are
// there more than once.
type Identity struct {
	Key      *headerkey.Recipe // what to compare by, or nil: as the source does
	Receipts *Receipts         // of earlier runs, or nil
	Account  bool              // what another folder of the destination has is present
	Once     bool              // exclude what a source folder before has
	Unique   bool              // exclude what goes to one folder twice, by key
	Strict   bool              // a message with nothing but its key in common with another is missing
}
