package files

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Bare takes the operation and the path off an error: the message has them.
func Bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// WriteError gives a code to a failed write to what is called name.
func WriteError(name string, err error) *exit.Error {
	err = Bare(err)
	if errors.Is(err, syscall.EPIPE) {
		return exit.Errorf(exit.BrokenPipe, "write to %s: the reader went away: %w", name, err)
	}
	return exit.Errorf(exit.IO, "write to %s: %w", name, err)
}
