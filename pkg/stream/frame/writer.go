// Package frame packs lines of records into zstd frames, and gives them back once each
// frame was found whole. It knows nothing of what the records say.
package frame

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Size is how many octets of records a frame holds before it ends with the record that
// goes over it. A frame is one unit of damage, of resumption and of compression.
const Size = 2 << 20

// compressors is how many cores compress, whatever the machine has.
const compressors = 2

// Frame is a run of whole records on its way to the output.
type Frame struct {
	Records []byte // lines
	packed  []byte
	said    int // so many of its first octets were written as a greeting
	err     error
	done    chan struct{}
}

// Grow makes room for a full frame once it is clear that there will be one: a
// buffer that grows step by step leaves its smaller selves behind.
func (f *Frame) Grow() {
	if full := Size + Size/4; len(f.Records) > Size/16 && cap(f.Records) < full {
		f.Records = append(make([]byte, 0, full), f.Records...)
	}
}

// Writer compresses runs of records on a few cores and writes them in order.
type Writer struct {
	out    io.Writer
	level  Level
	verify bool
	said   int // octets of the next frame that were written as a greeting

	jobs  chan *Frame // to the compressors
	queue chan *Frame // to the committer, in order
	free  chan *Frame // not in use: their number bounds the memory
	wait  sync.WaitGroup

	mu  sync.Mutex
	err error // the first failure
}

// NewWriter makes a Writer, which has to be closed. With verify each compressed frame is
// decoded again and compared before it is written: what lasts should be right.
func NewWriter(out io.Writer, level Level, verify bool) *Writer {
	w := &Writer{out: out, level: level, verify: verify, jobs: make(chan *Frame),
		queue: make(chan *Frame, compressors+1), free: make(chan *Frame, compressors+1)}
	for range compressors + 1 {
		w.free <- &Frame{}
	}
	if level > Store {
		for range compressors {
			w.wait.Go(w.compress)
		}
	}
	w.wait.Go(w.commit)
	return w
}

func (w *Writer) compress() {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(w.level.encoder()),
		zstd.WithWindowSize(Size), zstd.WithLowerEncoderMem(true))
	if err != nil {
		w.fail(err)
	}
	var v check
	defer v.close()
	for job := range w.jobs {
		job.packed = enc.EncodeAll(job.Records, job.packed[:0])
		if w.verify {
			job.err = v.verify(job)
		}
		close(job.done)
	}
}

// check decodes frames again. zstd encoders have corrupted data before.
type check struct {
	dec   *zstd.Decoder
	plain []byte
}

func (v *check) verify(job *Frame) (err error) {
	if v.dec == nil {
		if v.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
			return err
		}
	}
	v.plain, err = v.dec.DecodeAll(job.packed, v.plain[:0])
	if err != nil || !bytes.Equal(v.plain, job.Records) {
		return fault.Errorf(fault.Bug,
			"zstd did not give back what it was given (%v); nothing of this frame was written", err)
	}
	return nil
}

func (v *check) close() {
	if v.dec != nil {
		v.dec.Close()
	}
}

func (w *Writer) commit() {
	for job := range w.queue {
		<-job.done
		if err := job.err; err == nil && w.Err() == nil {
			if _, err = w.out.Write(job.packed[job.said:]); err != nil {
				w.fail(err)
			}
		} else if err != nil {
			w.fail(err)
		}
		if w.level == None {
			job.packed = nil
		}
		w.free <- job
	}
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
}

// Err returns the first failure so far.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Take returns an empty frame to fill, when there is one.
func (w *Writer) Take() *Frame {
	job := <-w.free
	job.Records, job.err, job.done = job.Records[:0], nil, make(chan struct{})
	job.said, w.said = w.said, 0
	return job
}

// Put hands over a filled frame.
func (w *Writer) Put(job *Frame) {
	switch w.level {
	case None:
		job.packed = job.Records
	case Store:
		job.packed = appendStored(job.packed[:0], job.Records)
	default:
		w.queue <- job
		w.jobs <- job
		return
	}
	close(job.done)
	w.queue <- job
}

// Greet writes the Greeting, unless that was done already. It comes before the first
// frame.
func (w *Writer) Greet(done bool) {
	if !done {
		job := w.Take()
		job.packed = append(job.packed[:0], Greeting(w.level)...)
		close(job.done)
		w.queue <- job
	}
	if w.level == None {
		w.said = len(opening)
	}
}

// Close waits until all is written, and returns the first failure.
func (w *Writer) Close() error {
	close(w.jobs)
	close(w.queue)
	w.wait.Wait()
	return w.Err()
}
