package stream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// frameSize is how many octets of records a frame holds before it ends with
// the record that goes over it. A frame is one unit of damage, of resumption
// and of compression.
const frameSize = 2 << 20

// maxWindow is the largest zstd window that a reader allocates.
const maxWindow = 8 << 20

// compressors is how many cores compress, whatever the machine has.
const compressors = 2

// Level is how hard a stream is compressed.
type Level int

// The levels. zstd's best is left out: it has corrupted data more than once.
const (
	None Level = iota // plain NDJSON
	Fastest
	Default
	Better
)

// ParseLevel reads none, fastest, default or better.
func ParseLevel(s string) (Level, error) {
	for i, name := range []string{"none", "fastest", "default", "better"} {
		if s == name {
			return Level(i), nil
		}
	}
	return 0, fault.Errorf(fault.Usage, "level %s is none of none, fastest, default, better", quote(s))
}

func (l Level) encoder() zstd.EncoderLevel {
	switch l {
	case Fastest:
		return zstd.SpeedFastest
	case Better:
		return zstd.SpeedBetterCompression
	}
	return zstd.SpeedDefault
}

// frame is a run of whole records on its way to the output.
type frame struct {
	raw    []byte
	packed []byte
	said   int // so many of its first octets were written as a greeting
	err    error
	done   chan struct{}
}

// room makes room for a full frame once it is clear that there will be one: a
// buffer that grows step by step leaves its smaller selves behind.
func (f *frame) room() {
	if full := frameSize + frameSize/4; len(f.raw) > frameSize/16 && cap(f.raw) < full {
		f.raw = append(make([]byte, 0, full), f.raw...)
	}
}

// frames compresses runs of records on a few cores and writes them in order.
// Each frame is decoded again and compared before it is written.
type frames struct {
	out   io.Writer
	level Level

	jobs  chan *frame // to the compressors
	queue chan *frame // to the committer, in order
	free  chan *frame // not in use: their number bounds the memory
	wait  sync.WaitGroup

	mu  sync.Mutex
	err error // the first failure
}

func newFrames(out io.Writer, level Level) *frames {
	f := &frames{out: out, level: level, jobs: make(chan *frame),
		queue: make(chan *frame, compressors+1), free: make(chan *frame, compressors+1)}
	for range compressors + 1 {
		f.free <- &frame{}
	}
	if level != None {
		for range compressors {
			f.wait.Go(f.compress)
		}
	}
	f.wait.Go(f.commit)
	return f
}

func (f *frames) compress() {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(f.level.encoder()),
		zstd.WithWindowSize(frameSize), zstd.WithLowerEncoderMem(true))
	if err != nil {
		f.fail(err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		f.fail(err)
	}
	defer dec.Close()
	var check []byte
	for job := range f.jobs {
		job.packed = enc.EncodeAll(job.raw, job.packed[:0])
		check, err = dec.DecodeAll(job.packed, check[:0])
		if err != nil || !bytes.Equal(check, job.raw) {
			job.err = fault.Errorf(fault.Bug,
				"zstd did not give back what it was given (%v); nothing of this frame was written", err)
		}
		close(job.done)
	}
}

func (f *frames) commit() {
	for job := range f.queue {
		<-job.done
		if err := job.err; err == nil && f.failure() == nil {
			if _, err = f.out.Write(job.packed[job.said:]); err != nil {
				f.fail(err)
			}
		} else if err != nil {
			f.fail(err)
		}
		if f.level == None {
			job.packed = nil
		}
		f.free <- job
	}
}

func (f *frames) fail(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.mu.Unlock()
}

func (f *frames) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// take returns an empty frame to fill, when there is one.
func (f *frames) take() *frame {
	job := <-f.free
	job.raw, job.err, job.done = job.raw[:0], nil, make(chan struct{})
	job.said = 0
	return job
}

// put hands over a filled frame.
func (f *frames) put(job *frame) {
	f.queue <- job
	if f.level == None {
		job.packed = job.raw
		close(job.done)
		return
	}
	f.jobs <- job
}

// emptyFrame is a frame without records, as zstd(1) makes it of no input.
var emptyFrame = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x00, 0x01, 0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51}

// opening is how the first record of every stream begins, a begin or an abort.
const opening = `{"type":"`

// Greeting returns what a Writer of a level writes to a live reader before
// anything else: a frame without records or, where nothing is compressed, the
// first octets of the first record.
func Greeting(level Level) []byte {
	if level == None {
		return []byte(opening)
	}
	return bytes.Clone(emptyFrame)
}

// greet writes a greeting, so that whoever reads from a pipe can tell a stream
// whose writer died before its first record from an input that holds nothing.
func (f *frames) greet() {
	job := f.take()
	job.packed = append(job.packed[:0], Greeting(f.level)...)
	close(job.done)
	f.queue <- job
}

func (f *frames) close() error {
	close(f.jobs)
	close(f.queue)
	f.wait.Wait()
	return f.failure()
}

// decompressor returns the plain records of r, which is compressed or not.
// The first octets tell.
func decompressor(r *bufio.Reader) (io.Reader, func(), error) {
	head, err := r.Peek(4)
	switch {
	case len(head) == 0 && err == io.EOF:
		return nil, nil, damage(Truncated, fmt.Errorf("the input is empty"))
	case err != nil && err != io.EOF:
		return nil, nil, fault.Wrap(fault.IO, fmt.Errorf("read the stream: %w", err))
	case head[0] == '{':
		return r, func() {}, nil
	case !isZstd(head):
		return nil, nil, damage(NotStream, fmt.Errorf("the input is neither zstd nor NDJSON"))
	}
	v, err := newVerifier(r)
	if err != nil {
		return nil, nil, err
	}
	return v, v.Close, nil
}

// isZstd knows a frame (RFC 8878 section 3.1.1) and a skippable frame.
func isZstd(head []byte) bool {
	return len(head) == 4 && (bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}))
}

// idle is how long a producer may wait before what it wrote is sent on.
const idle = 100 * time.Millisecond

// GreetingSize is how many octets of an input MayBeJoined wants to see.
const GreetingSize = 13

// MayBeJoined reports whether an input that begins so may be several streams, as cat
// joins them. It is one stream where a command of ours writes it into a pipe: that
// begins with a frame without records, unless it is plain.
func MayBeJoined(head []byte) bool {
	return len(head) == GreetingSize && (head[0] == '{' || isZstd(head[:4]) && !bytes.Equal(head, emptyFrame))
}
