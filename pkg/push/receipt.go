package push

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// The words of pkg/receipt that this package writes most.
type (
	// Receipt is the answer to one record of the plan.
	Receipt = receipt.Receipt
	// Sums add up what became of the messages.
	Sums = receipt.Sums
)

// receipts writes receipts, one line each, as they come.
type receipts struct {
	out  io.Writer
	buf  bytes.Buffer
	enc  *json.Encoder
	sums Sums
	now  func() time.Time

	failures *failure.Classes
	begin    *receipt.Begin // the last, or nil
	broken   bool           // out takes no more
}

func newReceipts(out io.Writer, failures *failure.Classes) *receipts {
	r := &receipts{out: out, now: time.Now, failures: failures}
	r.enc = json.NewEncoder(&r.buf)
	r.enc.SetEscapeHTML(false)
	return r
}

func (r *receipts) time() string { return r.now().UTC().Format(time.RFC3339) }

func (r *receipts) add(v any) error {
	if err := r.enc.Encode(v); err != nil {
		return exit.Wrap(exit.Bug, err)
	}
	return nil
}

// flush hands the lines on: a receipt must not wait for the next.
func (r *receipts) flush() error {
	_, err := r.out.Write(r.buf.Bytes())
	r.buf.Reset()
	r.broken = r.broken || err != nil
	return exit.Wrap(exit.IO, err)
}

// message counts and adds the receipt of a message.
func (r *receipts) message(x Receipt, octets int64) error {
	switch x.Result {
	case receipt.Appended:
		r.sums.Appended++
		if len(x.Unknown) > 0 {
			r.sums.Unknown++
		}
		r.sums.Octets += octets
	case receipt.Present:
		r.sums.Present++
	case receipt.Rejected:
		r.sums.Rejected++
	case receipt.Failed:
		r.sums.Failed++
	case receipt.Gone:
		r.sums.Gone++
	case receipt.Skipped:
		r.sums.Skipped++
	case receipt.Rekeyed:
		r.sums.Rekeyed++
	}
	return r.put(x)
}

// retract adds the receipt of a message that was counted as appended, and is not
// there.
func (r *receipts) retract(x Receipt, octets int64) error {
	r.sums.Appended--
	r.sums.Octets -= octets
	return r.message(x, 0)
}

// folder counts and adds the receipt of what concerns a folder.
func (r *receipts) folder(x Receipt) error {
	if x.Result == receipt.Rejected || x.Result == receipt.Failed {
		r.sums.Folders++
	}
	return r.put(x)
}

func (r *receipts) put(x Receipt) error {
	x.Type, x.Time = receipt.TypeReceipt, r.time()
	x.Text = strings.ToValidUTF8(x.Text, "\ufffd")
	classify(r.failures, &x)
	return r.add(x)
}

// of begins the receipt of a message.
func of(m *stream.Message, target string, result receipt.Result) Receipt {
	return Receipt{Result: result, Folder: m.Folder, UIDValidity: jsonnum.Uint64(m.UIDValidity), UID: jsonnum.Uint64(m.UID), Key: m.Key, Target: target}
}
