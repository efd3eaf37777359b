package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A comparison tells what it finds in events, in the order in which it finds it.
// An event is a pointer to one of the types below, or a record of the source: a
// body part of the message that the last compared event was about, a failed or
// expunged record, or an end with the counts of the plan. It is valid until the
// function that handles it returns. Who handles events passes over those that mean
// nothing to him.

// Started comes once the table of contents of a stream is complete.
type Started struct {
	Begin   *stream.Begin
	Folders []*Source
}

// Compared comes for every message that was not met before.
type Compared struct {
	Message *stream.Message
	Ordinal uint32 // among the messages of all streams
	Source  *Source
	Verdict match.Verdict
	Entry   *match.Entry // what the message was paired with, or nil
}

// Excluded comes in place of compared for a message that Options exclude.
type Excluded struct {
	Record  *stream.Skipped
	Ordinal uint32
	Source  *Source
}

// Repeated comes for a message that an earlier stream of a concatenation held.
type Repeated struct {
	Begin   *stream.Begin
	Message *stream.Message
}

// Retracted comes when the parts of the last message, which waits, end in its
// failure. The failed record itself follows.
type Retracted struct{ Record *stream.Failed }

// Resolved comes when what waits for a folder of the destination is decided:
// between started and the end of a stream, or once the whole source has ended.
type Resolved struct {
	Target *Target
	*match.Resolution
	Elsewhere map[*match.Entry]*Target // the folders of entries that are in another
}

// Mistaken comes for messages that were taken for present, by their ordinals or
// UIDs: the folder does not have them after all.
type Mistaken struct {
	Target    *Target
	Claimants []match.Claimant
}

// Aborted comes where a stream was aborted, which may not have been started.
type Aborted struct {
	Abort *stream.Abort
	Begin *stream.Begin // nil where the stream had none
}
