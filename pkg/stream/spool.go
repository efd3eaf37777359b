package stream

import (
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// Spool keeps records that have to wait, in a temporary file that has no name
// and is gone with the process. It is for one goroutine. Its errors have the
// code fault.IO.
type Spool struct {
	file  *tempfile.File
	ends  []int64 // where each record ends in the file
	line  []byte
	parse *section
}

// NewSpool makes an empty Spool.
func NewSpool() (*Spool, error) {
	file, err := tempfile.New("what has to wait")
	if err != nil {
		return nil, err
	}
	return &Spool{file: file, parse: newSection(false)}, nil
}

// Len returns how many records there are.
func (s *Spool) Len() int { return len(s.ends) }

// Add keeps a record.
func (s *Spool) Add(r Record) error {
	s.line, _ = r.appendTo(s.line[:0])
	at := s.start(len(s.ends))
	if _, err := s.file.WriteAt(s.line, at); err != nil {
		return err
	}
	s.ends = append(s.ends, at+int64(len(s.line)))
	return nil
}

// start returns where record i begins.
func (s *Spool) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return s.ends[i-1]
}

// At returns record i, from 0, which is valid until the next call.
func (s *Spool) At(i int) (Record, error) {
	start := s.start(i)
	s.line = append(s.line[:0], make([]byte, s.ends[i]-start)...)
	if _, err := s.file.ReadAt(s.line, start); err != nil {
		return nil, err
	}
	kind, err := codec.TypeOf(s.line)
	r := s.parse.decode(kind, s.line)
	if err == nil {
		err = s.parse.decoder.Err
	}
	return r, fault.Wrap(fault.IO, err)
}

// Reset forgets all that was added.
func (s *Spool) Reset() error {
	s.ends = s.ends[:0]
	return s.file.Truncate(0)
}

// Close gives the room back.
func (s *Spool) Close() { s.file.Close() }
