// Package receipts writes the answers to the records of a plan, and counts them.
package receipts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// RunEnded is the reason of what was not tried because the run had to stop.
const RunEnded = "run-ended"

// Writer writes receipts, one line each.
type Writer struct {
	Sums receipt.Sums

	out      io.Writer
	lines    bytes.Buffer // that were not handed on yet
	enc      *json.Encoder
	failures *failure.Classes // may be nil
	begun    *receipt.Begin   // the last, or nil
	broken   bool             // out takes no more
}

// New makes a Writer that counts in failures, which may be nil, what was not carried
// over.
func New(out io.Writer, failures *failure.Classes) *Writer {
	w := &Writer{out: out, failures: failures}
	w.enc = json.NewEncoder(&w.lines)
	w.enc.SetEscapeHTML(false)
	return w
}

// Begun returns the last begin that was written, or nil.
func (w *Writer) Begun() *receipt.Begin { return w.begun }

// Broken reports whether the output takes no more.
func (w *Writer) Broken() bool { return w.broken }

// Begin says where the messages of the receipts that follow come from.
func (w *Writer) Begin(b receipt.Begin) error {
	b.Type, b.Format, b.Version, b.Time = receipt.TypeBegin, receipt.Format, receipt.Version, now()
	w.begun = &b
	if err := w.add(b); err != nil {
		return err
	}
	return w.Flush()
}

// End ends the receipts of a run.
func (w *Writer) End(e receipt.End) error {
	e.Type, e.Sums, e.Time = receipt.TypeEnd, w.Sums, now()
	if err := w.add(e); err != nil {
		return err
	}
	return w.Flush()
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func (w *Writer) add(v any) error {
	return fault.Wrap(fault.Bug, w.enc.Encode(v))
}

// Flush hands the lines on: a receipt must not wait for the next.
func (w *Writer) Flush() error {
	_, err := w.out.Write(w.lines.Bytes())
	w.lines.Reset()
	w.broken = w.broken || err != nil
	return fault.Wrap(fault.IO, err)
}

// Message counts the receipt of a message, and writes it at the next Flush. size is
// that of what was appended, in bytes.
func (w *Writer) Message(x receipt.Receipt, size int64) error {
	switch s := &w.Sums; x.Result {
	case receipt.Appended:
		s.Appended++
		if len(x.Unknown) > 0 {
			s.Unknown++
		}
		s.Octets += size
	case receipt.Present:
		s.Present++
	case receipt.Rejected:
		s.Rejected++
	case receipt.Failed:
		s.Failed++
	case receipt.Expunged:
		s.Expunged++
	case receipt.Skipped:
		s.Skipped++
	case receipt.Rekeyed:
		s.Rekeyed++
	}
	return w.Put(x)
}

// Retract is Message for a message that was counted as appended, and is not there.
func (w *Writer) Retract(x receipt.Receipt, size int64) error {
	w.Sums.Appended--
	w.Sums.Octets -= size
	return w.Message(x, 0)
}

// Folder counts and writes the receipt of what concerns a folder.
func (w *Writer) Folder(x receipt.Receipt) error {
	if x.Result == receipt.Rejected || x.Result == receipt.Failed {
		w.Sums.Folders++
	}
	if err := w.Put(x); err != nil {
		return err
	}
	return w.Flush()
}

// Put writes a receipt at the next Flush. It is in no sum.
func (w *Writer) Put(x receipt.Receipt) error {
	x.Type, x.Time = receipt.TypeReceipt, now()
	x.Text = strings.ToValidUTF8(x.Text, "\ufffd")
	skipped := x.Result == receipt.Skipped && !slices.Contains(noFailures, x.Reason)
	if skipped || x.Result == receipt.Rejected || x.Result == receipt.Failed {
		w.failures.Add(x.Reason, cmp.Or(x.Folder, x.Target), uint64(x.UID), x.Text)
	}
	return w.add(x)
}

// noFailures are the reasons for which something is skipped and nothing is wrong.
var noFailures = []string{"dry-run", "limit", RunEnded, "missing", string(stream.ReasonDuplicate)}

// Deleting says what is about to be deleted, before anything of it is: the messages of
// a folder that have these UIDs or, where none is given, the folder.
func (w *Writer) Deleting(target string, validity uint64, uids []uint64) error {
	d := receipt.Deleting{Type: receipt.TypeDeleting, Target: target, TargetUIDValidity: jsonnum.Uint64(validity),
		Time: now()}
	for _, uid := range uids {
		d.TargetUIDs = append(d.TargetUIDs, jsonnum.Uint64(uid))
	}
	if err := w.add(d); err != nil {
		return err
	}
	return w.Flush()
}

// Of begins the receipt of a message.
func Of(m *stream.Message, target string, result receipt.Result) receipt.Receipt {
	return receipt.Receipt{
		Result: result, Folder: m.Folder, UIDValidity: jsonnum.Uint64(m.UIDValidity), UID: jsonnum.Uint64(m.UID),
		Key: m.Key, Target: target,
	}
}
