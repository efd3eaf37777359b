package cli

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Hint says which options help against errors with a cause: libraries know none.
type Hint struct {
	Cause error
	Text  string // one line without a full stop; a format where the cause has details
}

// commonHints are for errors that any command may have.
var commonHints = []Hint{
	{limit.ErrOctets, "--max-bytes is the bound; the same command does more"},
	{limit.ErrErrors, "--max-errors is the bound; see what went wrong, then run again"},
	{stream.ErrFiltered, "if it was filtered on purpose, give --edited"},
	{stream.ErrLateDelta,
		"put all of them into one FILE, and give that to imap-diff, imap-list --source or imap-fetch --source"},
	{stream.ErrCompression,
		"imap-list --source FILE --verify tells what is whole; of files that were joined, check each"},
	{stream.ErrFolderIsTwo, "give the newest stream alone, or make the later one with imap-fetch --base"},
}

// hintOf returns what the user can do about an error, or "".
func hintOf(err error, hints []Hint) string {
	for _, h := range append(hints[:len(hints):len(hints)], commonHints...) {
		if !errors.Is(err, h.Cause) {
			continue
		}
		if details := fault.DetailsOf(err); fault.CauseOf(err) == h.Cause && len(details) > 0 {
			return fmt.Sprintf(h.Text, details...)
		}
		return h.Text
	}
	return exit.HintOf(err)
}
