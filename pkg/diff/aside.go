package diff

import (
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// Where several source folders go to one that holds messages, what waits for
// the last of them cannot go on its way in its own folder's turn any more. So then a
// source that comes by a pipe is put aside, and read twice like a file.

// Aside is a source in a temporary file, which has no name and is gone with
// the process.
type Aside struct {
	file *tempfile.File
	w    *stream.Writer
}

// putAsideIfNeeded reports whether the source is put aside, and begins to.
func (c *Comparison) putAsideIfNeeded() (bool, error) {
	if !c.Piped || c.opt.FoldersOnly || !c.opt.Reread && !c.opt.Account && !c.merges() {
		return false, nil
	}
	file, err := tempfile.New("messages that wait")
	if err != nil {
		return false, err
	}
	c.Aside = &Aside{file, stream.NewWriter(file, stream.WriterOptions{Level: frame.Store})}
	records := []stream.Record{c.Begin}
	for _, s := range c.Folders {
		records = append(records, &s.Folder)
	}
	for _, r := range records {
		if err := c.Aside.write(r); err != nil {
			return true, err
		}
	}
	return true, nil
}

// putAside takes the next record.
func (c *Comparison) putAside(r stream.Record) error {
	if a, ok := r.(*stream.Abort); ok {
		c.Aborted = a
	}
	return c.Aside.write(r)
}

// merges reports whether messages of two folders go to one that holds some.
func (c *Comparison) merges() bool {
	sources := map[*Target]int{}
	for _, s := range c.Folders {
		if s.Target == nil || s.Target.Messages == 0 || s.Messages == 0 {
			continue
		}
		if sources[s.Target]++; sources[s.Target] > 1 {
			return true
		}
	}
	return false
}

func (a *Aside) write(r stream.Record) error {
	switch r := r.(type) {
	case *stream.End:
		return a.w.End(&stream.End{Listed: stream.AsWritten})
	case *stream.Abort:
		return a.w.Abort(r)
	}
	return a.w.Write(r)
}

// Open reads it from its start.
func (a *Aside) Open() (*stream.Reader, error) {
	if err := a.w.Close(); err != nil {
		return nil, err
	}
	return stream.NewReader(io.NewSectionReader(a.file, 0, 1<<62), false), nil
}

// Close removes it.
func (a *Aside) Close() {
	a.w.Close()
	a.file.Close()
}
