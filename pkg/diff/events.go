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

// started comes once the table of contents of a stream is complete.
type started struct {
	begin   *stream.Begin
	folders []*source
}

// compared comes for every message that was not met before.
type compared struct {
	message *stream.Message
	ordinal uint32 // among the messages of all streams
	source  *source
	verdict match.Verdict
	entry   *match.Entry // what the message was paired with, or nil
}

// excluded comes in place of compared for a message that Options exclude.
type excluded struct {
	record  *stream.Skipped
	ordinal uint32
	source  *source
}

// repeated comes for a message that an earlier stream of a concatenation held.
type repeated struct {
	begin   *stream.Begin
	message *stream.Message
}

// retracted comes when the parts of the last message, which waits, end in its
// failure. The failed record itself follows.
type retracted struct{ record *stream.Failed }

// resolved comes when what waits for a folder of the destination is decided:
// between started and the end of a stream, or once the whole source has ended.
type resolved struct {
	target *Target
	*match.Resolution
	elsewhere map[*match.Entry]*Target // the folders of entries that are in another
}

// mistaken comes for messages that were taken for present, by their ordinals or
// UIDs: the folder does not have them after all.
type mistaken struct {
	target    *Target
	claimants []match.Claimant
}

// aborted comes where a stream was aborted, which may not have been started. What
// waits then is resolved later.
type aborted struct {
	abort *stream.Abort
	begin *stream.Begin // nil where the stream had none
}

// finished comes last, also after a source that was cut: for what was decided too
// late for its own stream.
type finished struct{}
