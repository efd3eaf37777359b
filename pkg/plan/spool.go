package plan

import (
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// spool keeps messages that wait, in a temporary file that has no name and is
// gone with the process. It is a stream like any other.
type spool struct {
	file     *tempfile.File
	w        *stream.Writer
	byName   map[string]*diff.Source
	ordinals []uint32 // of its messages, ascending
}

func newSpool(toc []*diff.Source) (*spool, error) {
	file, err := tempfile.New("messages that wait")
	if err != nil {
		return nil, err
	}
	s := &spool{file: file, w: stream.NewWriter(file, stream.WriterOptions{Level: frame.None}),
		byName: map[string]*diff.Source{}}
	err = s.w.Write(&stream.Begin{Content: stream.Full})
	for _, f := range toc {
		if err == nil {
			err = s.w.Write(&f.Folder)
		}
		s.byName[f.Name] = f
	}
	return s, err
}

func (s *spool) message(m *stream.Message, ordinal uint32) error {
	s.ordinals = append(s.ordinals, ordinal)
	return s.w.Write(m)
}

// count returns how many of the ordinals, which ascend, are its messages'.
func (s *spool) count(ordinals []uint32) (n int) {
	for _, o := range s.ordinals {
		if _, found := slices.BinarySearch(ordinals, o); found {
			n++
		}
	}
	return n
}

// seal ends the spool: nothing more goes in, and no buffer is kept for it.
func (s *spool) seal() error {
	if s.w == nil {
		return nil
	}
	err := s.w.End(&stream.End{Listed: int64(len(s.ordinals))})
	if closeErr := s.w.Close(); err == nil {
		err = closeErr
	}
	s.w = nil
	return fault.Wrap(fault.IO, err)
}

// replay emits those with the given ordinals, which ascend.
func (s *spool) replay(ordinals []uint32, d *direct) error {
	if s.count(ordinals) == 0 {
		return nil
	}
	if err := d.complete(); err != nil {
		return err
	}
	if err := s.seal(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := stream.NewReader(s.file, false)
	defer in.Close()
	n := 0
	for rec, err := range in.All() {
		if err != nil {
			return err
		}
		switch r := rec.(type) {
		case *stream.Message:
			d.route = dropped
			if _, found := slices.BinarySearch(ordinals, s.ordinals[n]); found {
				d.route = planned
				err = d.emit(r, s.ordinals[n], s.byName[r.Folder])
			}
			n++
		case *stream.Body:
			err = d.part(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) close() {
	if s.w != nil {
		s.w.Close()
	}
	s.file.Close()
}
