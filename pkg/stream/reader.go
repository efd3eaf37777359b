package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// Reader reads a stream, or several one after the other, and checks it as it
// goes. It holds one line of at most MaxLine octets and never more.
type Reader struct {
	src     source
	plain   *frame.Lines
	release func()
	section *section
	whole   bool     // at least one stream has ended
	fold    *fold    // of the deltas among the streams, or nil
	check   *checker // of bodies, or nil
	passes  bool     // deltas behind others are given as they are
	pending Record   // comes after a failure that was found at it
	err     error
}

// source remembers what the input itself said, beneath the decompressor, which
// may still read ahead when it has given up.
type source struct {
	r io.Reader

	mu     sync.Mutex
	err    error
	closed bool
}

func (s *source) Read(p []byte) (int, error) {
	if s.isClosed() {
		return 0, io.ErrClosedPipe
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *source) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

var errLate = fault.Errorf(fault.Usage,
	"a delta stands behind the stream that it is about, and this input is read only once").
	Because(ErrLateDelta)

// NewReader makes a Reader of a stream that is compressed or not. With edited
// it takes a stream whose counts and hash no longer fit.
func NewReader(r io.Reader, edited bool) *Reader {
	return &Reader{src: source{r: r}, section: newSection(edited)}
}

// Next returns the next record, which is valid until the following call, and
// io.EOF after a stream that is whole or was aborted in band. Any other error
// is final, and fault.Data or fault.IO.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	for {
		rec, err := r.next()
		if r.err = err; err != nil {
			r.Close() // whoever has read one stream to its end may be about to read another
			return nil, err
		}
		if r.fold != nil {
			rec = r.fold.record(rec)
		}
		if r.check != nil && rec != nil {
			rec = r.check.record(rec)
		}
		if rec != nil {
			return rec, nil
		}
	}
}

// All returns the records that Next would return, each valid until the next one,
// and ends where Next returns io.EOF. Any other error comes last, with a nil Record.
func (r *Reader) All() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			rec, err := r.Next()
			if err == io.EOF || !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Follow makes the input what it is in the end: messages and folders that a
// later delta says are gone are left out, flags are the last ones, and so are
// the entries of the tables of contents. h is the Survey of the same input. It
// must come before the first Next.
func (r *Reader) Follow(h *History) { r.fold = &fold{History: h} }

// PassDeltas gives deltas that stand behind what they are about as they are. A
// Reader that neither passes nor follows them refuses such an input, for what
// it gave was not so in the end. The error is fault.Usage.
func (r *Reader) PassDeltas() { r.passes = true }

// Follows reports whether the input is what it is in the end.
func (r *Reader) Follows() bool { return r.fold != nil }

func (r *Reader) next() (Record, error) {
	if r.plain == nil {
		plain, release, err := frame.Open(bufio.NewReaderSize(&r.src, 128<<10))
		switch {
		case err == frame.ErrEmpty:
			return nil, damage(Truncated, err)
		case err == frame.ErrFormat:
			return nil, damage(NotStream, err)
		case err != nil:
			return nil, err
		}
		r.plain, r.release = frame.NewLines(plain), release
	}
	if rec := r.pending; rec != nil {
		r.pending = nil
		return rec, nil
	}
	for {
		line, err := r.plain.Next()
		if err != nil {
			return nil, r.ended(len(line), err)
		}
		rec, err := r.section.line(line[:len(line)-1])
		switch rec.(type) {
		case *End, *Abort:
			r.whole = true
		case *Begin:
			if r.section.late && r.fold == nil && !r.passes {
				return nil, errLate
			}
		}
		if lost := r.section.lost; lost != nil && rec != nil {
			r.section.lost, r.pending = nil, rec
			return lost, nil
		}
		if rec != nil || err != nil {
			return rec, err
		}
	}
}

// ended says what it means that no further line can be read.
func (r *Reader) ended(rest int, err error) error {
	failure := r.src.failure()
	switch {
	case failure != nil:
		return fault.Wrap(fault.IO, fmt.Errorf("read the stream: %w", failure))
	case err == bufio.ErrBufferFull:
		return damage(Limit, fmt.Errorf("record %d: a line of more than %d octets", r.section.counts.records+1, MaxLine))
	case err == io.EOF && rest == 0 && r.whole && r.section.begin == nil:
		return io.EOF
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return damage(Truncated, errors.New("the stream is cut: it has no end record"))
	case frame.IsLimit(err):
		return notZstd(Limit, err)
	}
	return notZstd(Corrupt, err)
}

// notZstd is the error of a compressed stream that cannot be decompressed.
// Most often it was cut, and something else stands behind it.
func notZstd(kind Kind, err error) error {
	err = fmt.Errorf("the compressed stream is damaged, or was cut with something else behind it: zstd: %w", err)
	return fault.New(fault.Data, &Error{kind, err}).Because(ErrCompression)
}

// Skipped returns how many body parts without their message an edited stream
// has had so far.
func (r *Reader) Skipped() int64 { return r.section.skipped }

// Close releases the decompressor and what it holds, as the end of the stream
// does. It does not close the input. A read from a pipe that nobody writes to
// any more is not waited for.
func (r *Reader) Close() {
	if r.plain = nil; r.err == nil {
		r.err = io.ErrClosedPipe
	}
	if r.release == nil {
		return
	}
	r.src.close()
	done := make(chan struct{})
	go func(release func()) {
		release()
		close(done)
	}(r.release)
	r.release = nil
	select {
	case <-done:
	case <-time.After(idle):
	}
}
