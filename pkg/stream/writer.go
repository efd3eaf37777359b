package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// Writer writes one stream. It counts and hashes what it writes, so that End
// needs only what the producer alone knows. A Writer may be used from one
// goroutine.
type Writer struct {
	frames *frame.Writer
	hash   hash.Hash
	counts counts

	mu     sync.Mutex // cur is shared with the timer
	cur    *frame.Frame
	last   time.Time
	timer  *time.Timer // nil: frames are never cut by time
	begun  bool
	closed bool
	fails  int64 // failed records of all sections

	contents int // octets of this stream's folder records
	how      closing
	total    End                // of all streams that were ended
	first    func(*Begin) error // to be asked yet, or nil
}

// closing is how the last stream of a concatenation ended.
type closing uint8

const (
	notClosed closing = iota
	byEnd
	byAbort
)

// WriterOptions says how a stream is packed.
type WriterOptions struct {
	Level frame.Level
	// Live says that a reader waits: it is told at once that a stream comes, and what was
	// written is sent on after 100 ms. Otherwise each frame is verified.
	Live bool
	// Greeted says that frame.Greeting was written to the output already.
	Greeted bool
	From    *Recovered // go on after what a cut file holds
	// First is asked before the first begin record is written; may be nil. Its
	// error ends the stream before it holds anything.
	First func(*Begin) error
}

// NewWriter makes a Writer. Nothing but a greeting to a live reader is written
// before the first frame is full.
func NewWriter(out io.Writer, opt WriterOptions) *Writer {
	w := &Writer{frames: frame.NewWriter(out, opt.Level, !opt.Live), hash: sha256.New(), first: opt.First}
	if opt.Live || opt.Greeted {
		w.frames.Greet(opt.Greeted)
	}
	w.cur = w.frames.Take()
	if opt.From != nil && opt.From.Begin != nil {
		w.hash, w.counts, w.begun = opt.From.hash, opt.From.counts, true
		w.cur.Records = append(w.cur.Records, opt.From.open...)
		w.fails = w.counts.failed + w.counts.folders
		for i := range opt.From.Folders {
			w.contents += len(Line(&opt.From.Folders[i]))
		}
	}
	if opt.Live {
		w.timer = time.AfterFunc(time.Hour, w.tick)
	}
	return w
}

// Begun reports whether a begin record was written that no end or abort has
// followed.
func (w *Writer) Begun() bool { return w.begun }

// Ended reports whether an end record was the last to be written.
func (w *Writer) Ended() bool { return !w.begun && w.how == byEnd }

// Aborted reports whether an abort record was the last to be written.
func (w *Writer) Aborted() bool { return !w.begun && w.how == byAbort }

// Messages returns how many messages stand in the streams that were ended.
func (w *Writer) Messages() int64 { return w.total.Emitted }

// Octets returns the sizes of those messages together.
func (w *Writer) Octets() int64 { return w.total.Octets }

// Excluded returns how many messages were left out of the streams that were
// ended, and of these how many have a skipped record.
func (w *Writer) Excluded() (all, skipped int64) { return w.total.Excluded, w.total.Skipped }

// Doubts returns of how many messages in the streams that were ended items are
// unknown, and how many have another size than the server says.
func (w *Writer) Doubts() (unknown, sizes int64) { return w.total.Unknown, w.total.SizesDiffer }

// Failures returns how many failed records were written.
func (w *Writer) Failures() int64 { return w.fails }

// Write writes one record. Records stand in the order that FORMAT.md gives;
// the Writer trusts its caller with it.
func (w *Writer) Write(r Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fault.Errorf(fault.Bug, "a %s record after the stream was closed", r.kind())
	}
	if err := w.frames.Err(); err != nil {
		return fault.Wrap(fault.IO, err)
	}
	if b, ok := r.(*Begin); ok && w.first != nil {
		if err := w.first(b); err != nil {
			return err
		}
		w.first = nil
	}
	if m, ok := r.(*Message); ok && m.Parts > 0 {
		w.cut() // a resumption cuts at frames, and a message with parts goes as one
	}
	w.cur.Grow()
	start := len(w.cur.Records)
	line, bodyAt := r.appendTo(w.cur.Records)
	if len(line)-start >= MaxLine {
		w.cur.Records = line[:start]
		return fault.Errorf(fault.Data, "a %s record of %d octets exceeds the limit of %d", r.kind(),
			len(line)-start, MaxLine)
	}
	if _, ok := r.(*Folder); ok {
		if w.contents += len(line) - start + 1; w.contents > MaxContents {
			w.cur.Records = line[:start]
			return fault.Errorf(fault.Data, "the folder records together exceed the limit of %d octets", MaxContents).
				WithHint("select fewer folders, and run again for the others")
		}
	}
	if _, ok := r.(*End); !ok {
		w.hash.Write(line[start:bodyAt])
		w.hash.Write(lineFeed)
	}
	w.cur.Records = append(line, '\n')
	w.counts.add(r)
	if _, ok := r.(*Failed); ok {
		w.fails++
	}
	w.begun = true
	if len(w.cur.Records) >= frame.Size {
		w.cut()
	}
	if w.timer != nil {
		w.wake(start == 0)
	}
	return nil
}

// idle is how long a producer may wait before what it wrote is sent on.
const idle = 100 * time.Millisecond

var lineFeed = []byte{'\n'}

// AsWritten is said of End.Listed by who sets out to handle what there is, and
// hands it on: as many as were written.
const AsWritten = -1

// End writes the end record; the caller gives what it alone knows.
func (w *Writer) End(e *End) error {
	e.Emitted, e.Expunged, e.Failed, e.Folders = w.counts.emitted, w.counts.expunged, w.counts.failed, w.counts.folders
	e.Octets, e.Skipped, e.Records = w.counts.octets, w.counts.skipped, w.counts.records
	e.Unknown, e.SizesDiffer = w.counts.unknown, w.counts.differ
	if e.Plan && e.Missing == 0 {
		e.Missing = e.Emitted - e.Spare
	}
	if e.Listed == AsWritten {
		e.Listed = e.Emitted + e.Expunged + e.Failed
	}
	if sum := e.Emitted + e.Expunged + e.Failed; !e.Plan && e.Listed != sum {
		return fault.Errorf(fault.Bug, "%d messages were listed, and the stream accounts for %d", e.Listed, sum)
	}
	e.Hash = hex.EncodeToString(w.hash.Sum(nil))
	if err := w.Write(e); err != nil {
		return err
	}
	w.total.Add(e)
	return w.reset(byEnd)
}

// Abort writes an abort record in a frame of its own, so that a resumption
// finds the stream without it.
func (w *Writer) Abort(a *Abort) error {
	w.mu.Lock()
	w.cut()
	w.mu.Unlock()
	if err := w.Write(a); err != nil {
		return err
	}
	return w.reset(byAbort)
}

// reset makes ready for another section.
func (w *Writer) reset(how closing) error {
	w.hash.Reset()
	w.counts, w.contents, w.begun, w.how = counts{}, 0, false, how
	return w.Flush()
}

// Flush ends the frame, so that a reader gets what was written.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	return w.frames.Err()
}

// Close flushes and waits until all is written. A second Close does nothing.
func (w *Writer) Close() error {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fault.Wrap(fault.IO, w.frames.Err())
	}
	w.closed = true
	w.cut()
	w.timer = nil
	return fault.Wrap(fault.IO, w.frames.Close())
}

// cut hands the current frame over. The caller holds mu.
func (w *Writer) cut() {
	if len(w.cur.Records) > 0 {
		w.frames.Put(w.cur)
		w.cur = w.frames.Take()
	}
}

// wake arms the timer with the first record of a frame.
func (w *Writer) wake(first bool) {
	w.last = time.Now()
	if first {
		w.timer.Reset(idle)
	}
}

func (w *Writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil || len(w.cur.Records) == 0 {
		return
	}
	if rest := idle - time.Since(w.last); rest > 0 {
		w.timer.Reset(rest)
		return
	}
	w.cut()
}

// Parts writes the octets of a message larger than PartSize as body records.
// Its message record was written before.
type Parts struct {
	w     *Writer
	m     *Message
	sum   hash.Hash
	buf   []byte
	start int64 // where buf begins in the message
	rec   Body
}

// Parts begins the body of m, which has m.Parts parts.
func (w *Writer) Parts(m *Message) *Parts {
	return &Parts{w: w, m: m, sum: sha256.New(), rec: Body{Folder: m.Folder, UID: m.UID, Parts: m.Parts}}
}

// Write takes the next octets of the message.
func (p *Parts) Write(octets []byte) (int, error) {
	total := len(octets)
	for len(octets) > 0 {
		// A part is cut once the octets after its nominal end show where the
		// code point there ends.
		want := int64(p.rec.Part+1)*PartSize + 4 - p.start
		n := min(int(want)-len(p.buf), len(octets))
		p.buf = append(p.buf, octets[:n]...)
		octets = octets[n:]
		if int64(len(p.buf)) == want && p.rec.Part+1 < p.m.Parts {
			if err := p.part(partEnd(p.buf, len(p.buf)-4)); err != nil {
				return 0, err
			}
		} else if int64(len(p.buf)) == want {
			return 0, fmt.Errorf("%s UID %d: more octets than the %d of its record", quote(p.m.Folder), p.m.UID, p.m.Size)
		}
	}
	return total, nil
}

func (p *Parts) part(n int) error {
	p.sum.Write(p.buf[:n])
	p.rec.Part++
	p.rec.body.Set(p.buf[:n])
	p.start += int64(n)
	p.buf = p.buf[:copy(p.buf, p.buf[n:])]
	return p.w.Write(&p.rec)
}

// Close writes what is left with the sha256. The message exists from then on.
func (p *Parts) Close() error {
	if p.start+int64(len(p.buf)) != p.m.Size {
		return fmt.Errorf("%s UID %d: %d octets, not the %d of its record", quote(p.m.Folder), p.m.UID,
			p.start+int64(len(p.buf)), p.m.Size)
	}
	for p.rec.Part+1 < p.m.Parts {
		if err := p.part(partEnd(p.buf, int(int64(p.rec.Part+1)*PartSize-p.start))); err != nil {
			return err
		}
	}
	p.sum.Write(p.buf)
	p.rec.SHA256 = hex.EncodeToString(p.sum.Sum(nil))
	n := len(p.buf)
	p.rec.Part++
	p.rec.body.Set(p.buf[:n])
	return p.w.Write(&p.rec)
}
