package export

import (
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// MessageFilter says which messages of the chosen folders to export. The zero value
// takes all.
type MessageFilter struct {
	Criteria search.Criteria
	// Skip is what a message must meet, too. One that meets the Criteria alone
	// is named by a skipped record: nobody could know of it otherwise.
	Skip search.Criteria
	// SkipText is what these records say.
	SkipText string
	// Here leaves the server out of it: what it would be asked is found out
	// from the messages.
	Here bool
}

// IsZero tells that all messages are taken.
func (c *MessageFilter) IsZero() bool { return c.Criteria.IsZero() && c.Skip.IsZero() }

// Needs tells what has to be known of a message.
func (c *MessageFilter) Needs() search.Needs { return c.Criteria.And(c.Skip).Needs() }

// Verdict is what a choice makes of a message.
type Verdict byte

const (
	Included Verdict = iota
	Excluded
	Skipped // left out, and named
)

// Judge decides on a message. The error is of reading its octets.
func (c *MessageFilter) Judge(m search.Message) (Verdict, error) {
	if ok, err := c.Criteria.Match(m); err != nil || !ok {
		return Excluded, err
	}
	if ok, err := c.Skip.Match(m); err != nil || !ok {
		return Skipped, err
	}
	return Included, nil
}

// SkippedRecord names a message that was skipped.
func (c *MessageFilter) SkippedRecord(f string, validity, uid uint64) *stream.Skipped {
	return &stream.Skipped{Folder: f, UIDValidity: validity, UID: uid, Reason: stream.ReasonContent, Text: c.SkipText}
}
