package fetch

import (
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Choice says which messages of the chosen folders to export. The zero value
// takes all.
type Choice struct {
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
func (c *Choice) IsZero() bool { return c.Criteria.IsZero() && c.Skip.IsZero() }

// needs tells what has to be known of a message.
func (c *Choice) needs() search.Needs { return c.Criteria.And(c.Skip).Needs() }

// verdict is what a choice makes of a message.
type verdict byte

const (
	taken verdict = iota
	leftOut
	skipped // left out, and named
)

// judge decides on a message. The error is of reading its octets.
func (c *Choice) judge(m search.Message) (verdict, error) {
	if ok, err := c.Criteria.Match(m); err != nil || !ok {
		return leftOut, err
	}
	if ok, err := c.Skip.Match(m); err != nil || !ok {
		return skipped, err
	}
	return taken, nil
}

// skippedRecord names a message that was skipped.
func (c *Choice) skippedRecord(f string, validity, uid uint64) *stream.Skipped {
	return &stream.Skipped{Folder: f, UIDValidity: validity, UID: uid, Reason: stream.ReasonContent, Text: c.SkipText}
}

// dateOf reads a record's INTERNALDATE; zero where there is none.
func dateOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
