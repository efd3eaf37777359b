package stream

import (
	"bytes"
	"errors"
	"hash"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// Recovered is what a cut file holds: everything up to the end of the last
// whole frame after which a Writer can go on.
type Recovered struct {
	Offset  int64 // octets of the file to keep
	Begin   *Begin
	Folders []Folder
	Done    map[string]Progress // by folder name
	Ended   bool                // nothing is missing but the file's name

	hash   hash.Hash
	counts counts
	open   []byte // records of a frame that was cut short, which a Writer fills up
}

// Progress is how far a folder came.
type Progress struct {
	Messages int64  // message, expunged and failed records
	Expunged int64  // of these
	LastUID  uint64 // the highest of them, and of skipped records
	LastKey  string // of the message with this UID, "" if none was written
}

// Excluded returns how many of the messages that were there are not among the
// records.
func (p Progress) Excluded(there int64) int64 { return max(0, there-(p.Messages-p.Expunged)) }

// Recover reads what a Writer left in a file and finds where to go on. A
// damaged or cut end is left out, to be written again, and so is all from a message
// on whose octets are not those of its record. Of plain NDJSON nothing else can be
// checked: only frames have a checksum. An error is fault.IO.
func Recover(f io.Reader, level frame.Level) (*Recovered, error) {
	scan := &recovery{section: newSection(false), check: newChecker(), lines: level == frame.None,
		found: &Recovered{Done: map[string]Progress{}}, done: map[string]Progress{}}
	units, err := frame.NewUnits(f, level)
	if err != nil {
		return nil, err
	}
	defer units.Close()
	for err == nil {
		var plain []byte
		var size int
		if plain, size, err = units.Next(); err == nil {
			err = scan.take(plain, int64(size))
		}
	}
	if err == errAborted {
		scan.reopen()
	} else {
		scan.settle()
	}
	if fault.KindOf(err) == fault.IO {
		return nil, err
	}
	return scan.found, nil // whatever stands behind the last good frame is written again
}

// recovery goes through the frames of a cut file.
type recovery struct {
	section *section
	check   *checker
	found   *Recovered
	folders []Folder
	begin   *Begin
	done    map[string]Progress
	changed []string // folders with progress since the last snapshot
	key     string   // of the last message record
	begun   bool     // a record came that follows the table of contents
	lines   bool     // there are no frames: each record stands by itself
	whole   bool     // the frame before is one to go on after, unless it was cut short
	last    []byte   // that frame
	before  int64    // where it begins
	offset  int64    // where it ends
}

var (
	errStop = errors.New("nothing further to recover")
	// errAborted: the frame before an abort record was cut short for it. An
	// uninterrupted run would have filled it, so it is taken up again, and the
	// file in the end is the same.
	errAborted = errors.New("an abort record")
)

// take looks at one frame, which took packed octets of the file.
func (c *recovery) take(plain []byte, packed int64) error {
	if c.found.Ended {
		return errStop
	}
	if bytes.HasPrefix(plain, []byte(`{"type":"abort"`)) {
		return errAborted
	}
	c.settle()
	c.last = append(c.last[:0], plain...)
	for len(plain) > 0 {
		i := bytes.IndexByte(plain, '\n')
		if i < 0 {
			return errStop
		}
		r, err := c.section.line(plain[:i])
		if err != nil {
			return err
		}
		if f, ok := c.check.record(r).(*Failed); ok && f != r {
			return errStop // its octets are damaged: it is written again
		}
		if _, ok := r.(*Abort); ok {
			return errAborted
		}
		c.note(r)
		plain = plain[i+1:]
	}
	c.before = c.offset
	c.offset += packed
	// A table of contents may be cut too: only what follows it shows that it
	// is whole.
	c.whole = c.section.counts.open.all == 0 && c.begun
	return nil
}

// settle takes the frame before for one to go on after.
func (c *recovery) settle() {
	if c.whole {
		c.snapshot()
	}
	c.whole = false
}

// reopen is settle for a frame that may have been cut short.
func (c *recovery) reopen() {
	short := c.whole && len(c.last) < frame.Size && !c.lines
	c.settle()
	if short {
		c.found.Offset, c.found.open = c.before, c.last
	}
}

func (c *recovery) note(r Record) {
	c.begun = true
	switch r := r.(type) {
	case *Begin:
		c.begin, c.begun = r, false
	case *FolderExpunged: // as a table of contents
		c.begun = false
	case *Folder:
		c.begun = false
		c.folders = append(c.folders, *r)
	case *Message:
		if r.Parts == 0 {
			c.step(r.Folder, r.UID, Progress{Messages: 1, LastKey: r.Key})
		}
		c.key = r.Key
	case *Body:
		if r.Part == r.Parts {
			c.step(r.Folder, r.UID, Progress{Messages: 1, LastKey: c.key})
		}
	case *Expunged:
		c.step(r.Folder, r.UID, Progress{Messages: 1, Expunged: 1})
	case *Skipped:
		c.step(r.Folder, r.UID, Progress{})
	case *Failed:
		if r.UID != 0 {
			c.step(r.Folder, r.UID, Progress{Messages: 1})
		}
	case *End:
		c.found.Ended = true
	}
}

func (c *recovery) step(folder string, uid uint64, more Progress) {
	p := c.done[folder]
	if uid >= p.LastUID {
		p.LastUID, p.LastKey = uid, more.LastKey
	}
	p.Messages, p.Expunged = p.Messages+more.Messages, p.Expunged+more.Expunged
	c.done[folder] = p
	if n := len(c.changed); n == 0 || c.changed[n-1] != folder {
		c.changed = append(c.changed, folder)
	}
}

// snapshot remembers this frame's end as a place to go on from.
func (c *recovery) snapshot() {
	f := c.found
	f.Offset, f.Begin, f.Folders = c.offset, c.begin, c.folders
	for _, name := range c.changed {
		f.Done[name] = c.done[name]
	}
	c.changed = c.changed[:0]
	if clone, err := c.section.hash.(hash.Cloner).Clone(); err == nil {
		f.hash = clone.(hash.Hash)
	}
	f.counts = c.section.counts
}
