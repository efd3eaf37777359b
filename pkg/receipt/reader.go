package receipt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// maxLine is the longest line, in octets: a receipt has names, flags and one
// answer of a server.
const maxLine = 2 << 20

// opening is how a run begins. It cannot stand within a JSON string.
const opening = `{"type":"begin","format":"` + Format + `"`

// Reader reads the receipts of one run or of many, one after the other.
type Reader struct {
	lines *bufio.Reader
	line  int64
	run   *Begin
	cut   bool
}

// NewReader makes a reader of receipts.
func NewReader(r io.Reader) *Reader { return &Reader{lines: bufio.NewReaderSize(r, maxLine)} }

// Run is the run to which the last receipt belongs, or nil.
func (r *Reader) Run() *Begin { return r.run }

// Cut reports whether a run was killed within a line: what it was about to say is
// not known.
func (r *Reader) Cut() bool { return r.cut }

// Next returns the next *Begin, *Receipt, *Deleting or *End; lines of other types are
// passed over. The error is io.EOF after the last, and fault.Data if the input
// is damaged or no receipts. A last line without its line feed is what a
// killed run left, and no damage; so is one that another run's begin follows
// on the same line.
func (r *Reader) Next() (any, error) {
	for {
		line, err := r.read()
		if err != nil {
			return nil, err
		}
		record, err := r.parse(line)
		if err != nil {
			return nil, fault.Errorf(fault.Data, "the receipts are damaged at line %d: %w", r.line, err)
		}
		if record != nil {
			return record, nil
		}
	}
}

// All returns the records that Next would return, and ends where Next returns
// io.EOF. Any other error comes last, with a nil record.
func (r *Reader) All() iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for {
			record, err := r.Next()
			if err == io.EOF || !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func (r *Reader) read() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	r.line++
	switch {
	case err == io.EOF:
		r.cut = r.cut || len(line) > 0
		return nil, io.EOF
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fault.Errorf(fault.Data, "line %d of the receipts is longer than %d octets", r.line, maxLine)
	case err != nil:
		return nil, fault.Wrap(fault.IO, err)
	}
	return line, nil
}

func (r *Reader) parse(line []byte) (any, error) {
	var kind struct {
		Type   string `json:"type"`
		Format string `json:"format"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		at := bytes.LastIndex(line, []byte(opening))
		if at <= 0 {
			return nil, errors.New("it is not JSON")
		}
		r.cut = true
		return r.parse(line[at:])
	}
	switch {
	case kind.Type == TypeBegin && kind.Format != Format:
		return nil, fmt.Errorf("its format is not %s", Format)
	case kind.Type == TypeBegin:
		r.run = new(Begin)
		if err := json.Unmarshal(line, r.run); err != nil {
			return nil, err
		}
		r.run.Source, r.run.Destination = r.run.Source.Clean(), r.run.Destination.Clean()
		if r.run.Version != Version {
			return nil, fmt.Errorf("version %d is not known", r.run.Version)
		}
		return r.run, nil
	case r.run == nil:
		return nil, errors.New("no begin stands before it")
	case kind.Type == TypeReceipt:
		x := new(Receipt)
		return x, json.Unmarshal(line, x)
	case kind.Type == TypeDeleting:
		x := new(Deleting)
		return x, json.Unmarshal(line, x)
	case kind.Type == TypeEnd:
		x := new(End)
		return x, json.Unmarshal(line, x)
	}
	return nil, nil
}
