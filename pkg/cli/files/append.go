package files

import (
	"bytes"
	"errors"
	"os"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// OpenAppend opens a file that the option of that name appends lines to. A new
// one is readable by its owner alone. What holds a stream is refused: it would be
// damaged. Errors: exit.CantCreate.
func OpenAppend(option, path string) (*os.File, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, exit.Errorf(exit.CantCreate, "cannot write to --%s %s: %w", option, text.Safe(path), Bare(err))
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return f, nil
	}
	head := make([]byte, 4096)
	n, _ := f.ReadAt(head, 0)
	if bytes.HasPrefix(head, []byte(`{"type":"begin","format":"imap-receipts"`)) {
		return f, nil
	}
	in := stream.NewReader(bytes.NewReader(head[:n]), true)
	defer in.Close()
	_, err = in.Next()
	var damage *stream.Error
	if errors.As(err, &damage) && damage.Kind == stream.NotStream {
		return f, nil
	}
	f.Close()
	return nil, exit.Errorf(exit.CantCreate, "--%s %s holds a stream, and lines appended to it would damage it", option,
		text.Safe(path)).WithHint("name another file")
}

func openAppend(path string) (*os.File, error) {
	target, err := followOutput(path)
	if err != nil {
		return nil, err
	}
	flag := os.O_CREATE | os.O_APPEND
	if _, ok := descriptor.Number(target); !ok {
		flag |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(target, flag|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrPermission) {
		f, err = os.OpenFile(target, flag|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = foreign(target, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
