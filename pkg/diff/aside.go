package diff

import (
	"context"
	"io"
	"os"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Where several source folders go to one that holds messages, what waits for
// the last of them cannot go on its way in its own folder's turn any more. And
// which flags a message has at the source is known only when no later stream can
// tell others. So then a source that comes by a pipe is put aside, and read twice
// like a file.

// aside is a source in a temporary file, which has no name and is gone with
// the process.
type aside struct {
	file *os.File
	w    *stream.Writer
}

// needsTwo tells whether the options need two readings of the source.
func (o *Options) needsTwo() bool { return o.SyncFlags.on() || o.Account || o.Record != nil }

// setAside tells whether the source is put aside, and begins to.
func (c *comparison) setAside() (bool, error) {
	if !c.piped || c.opt.FoldersOnly || !c.opt.needsTwo() && !c.merges() {
		return false, nil
	}
	if len(c.tallies) > 0 {
		return false, exit.Errorf(exit.Usage, "a later stream of the source has folders that become one with others").WithHint("write the source to a file and give that to imap-diff")
	}
	file, err := temporary()
	if err != nil {
		return false, err
	}
	c.aside = &aside{file, stream.NewWriter(file, stream.WriterOptions{Level: stream.Fastest})}
	records := []stream.Record{c.begin}
	for _, s := range c.toc {
		records = append(records, &s.Folder)
	}
	for _, r := range records {
		if err := c.aside.write(r); err != nil {
			return true, err
		}
	}
	return true, nil
}

// putAside takes the next record.
func (c *comparison) putAside(r stream.Record) error {
	if a, ok := r.(*stream.Abort); ok {
		c.aborted = a
	}
	return c.aside.write(r)
}

// merges tells whether messages of two folders go to one that holds some.
func (c *comparison) merges() bool {
	sources := map[*Target]int{}
	for _, s := range c.toc {
		if s.target == nil || s.target.Messages == 0 || s.Messages == 0 {
			continue
		}
		if sources[s.target]++; sources[s.target] > 1 {
			return true
		}
	}
	return false
}

func (a *aside) write(r stream.Record) error {
	switch r := r.(type) {
	case *stream.End:
		return a.w.End(&stream.End{Listed: stream.AsWritten})
	case *stream.Abort:
		return a.w.Abort(r)
	}
	return a.w.Write(r)
}

// open reads it from its start.
func (a *aside) open() (*stream.Reader, error) {
	if err := a.w.Close(); err != nil {
		return nil, err
	}
	return stream.NewReader(io.NewSectionReader(a.file, 0, 1<<62), false), nil
}

func (a *aside) close() {
	a.w.Close()
	a.file.Close()
}

// plan plans what was put aside, after a reading that ended so.
func (a *aside) plan(ctx context.Context, p *planner, read error) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	defer in.Close()
	err = p.twice(ctx, in, a.open)
	if read != nil && exit.CodeOf(err) == exit.Data {
		return read // what was put aside ends where the source does
	}
	return err
}
