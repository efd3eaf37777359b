package push

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Result says what became of a record of the plan.
type Result string

// The results.
const (
	Appended   Result = "appended"
	Present    Result = "present" // it was there already
	Created    Result = "created"
	Subscribed Result = "subscribed"
	Removed    Result = "removed"  // a folder
	Granted    Result = "granted"  // rights on a folder, to somebody
	Skipped    Result = "skipped"  // nothing was tried
	Rejected   Result = "rejected" // the destination refuses it
	Failed     Result = "failed"   // it could not be had, or its octets are damaged
	Gone       Result = "gone"     // it was expunged at the source
)

// Receipt is the answer to one record of the plan.
type Receipt struct {
	Type              string   `json:"type"`
	Result            Result   `json:"result"`
	Folder            string   `json:"folder,omitempty"`
	UIDValidity       uint32   `json:"uidvalidity,omitempty"`
	UID               uint32   `json:"uid,omitempty"`
	Key               string   `json:"key,omitempty"`
	Target            string   `json:"target,omitempty"`
	TargetUIDValidity uint32   `json:"target_uidvalidity,omitempty"`
	TargetUID         uint32   `json:"target_uid,omitempty"`
	DroppedFlags      []string `json:"dropped_flags,omitempty"` // could not be kept
	DroppedDate       bool     `json:"dropped_date,omitempty"`  // the server's clock was used
	Identifier        string   `json:"identifier,omitempty"`    // of a right that was granted
	Rights            string   `json:"rights,omitempty"`
	DroppedRights     string   `json:"dropped_rights,omitempty"` // the destination does not know them
	Reason            string   `json:"reason,omitempty"`
	Text              string   `json:"text,omitempty"` // the server's own words
	Time              string   `json:"time"`
}

// ReceiptsFormat is the value of the format field that begins receipts.
const ReceiptsFormat = "imap-receipts"

type account struct {
	User string `json:"user"`
	Host string `json:"host"`
}

type receiptsBegin struct {
	Type        string  `json:"type"`
	Format      string  `json:"format"`
	Version     int     `json:"version"`
	Tool        string  `json:"tool"`
	Source      account `json:"source"`
	Destination account `json:"destination"`
	Plan        string  `json:"plan"` // sha256 of the plan's begin and folder records
	DryRun      bool    `json:"dry_run,omitempty"`
	Time        string  `json:"time"`
}

type receiptsEnd struct {
	Type string `json:"type"`
	Sums
	Plan string `json:"plan_hash,omitempty"` // the hash in the plan's end record
	Exit int    `json:"exit"`
	Text string `json:"text,omitempty"`
	Time string `json:"time"`
}

// Sums add up what became of the messages: Listed is the sum of the others
// that count messages.
type Sums struct {
	Listed   int64 `json:"listed"`
	Present  int64 `json:"present"`
	Appended int64 `json:"appended"`
	Rejected int64 `json:"rejected"`
	Gone     int64 `json:"gone"`
	Failed   int64 `json:"failed"`
	Skipped  int64 `json:"skipped"`
	Folders  int64 `json:"folders_failed"` // folders, not messages
	Octets   int64 `json:"octets"`         // of the messages appended
}

func (s *Sums) total() int64 {
	return s.Present + s.Appended + s.Rejected + s.Gone + s.Failed + s.Skipped
}

// receipts writes receipts, one line each, as they come.
type receipts struct {
	out  io.Writer
	buf  bytes.Buffer
	enc  *json.Encoder
	sums Sums
	now  func() time.Time

	failures *failure.Classes
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
	return exit.Wrap(exit.IO, err)
}

// message counts and adds the receipt of a message.
func (r *receipts) message(x Receipt, octets int64) error {
	switch x.Result {
	case Appended:
		r.sums.Appended++
		r.sums.Octets += octets
	case Present:
		r.sums.Present++
	case Rejected:
		r.sums.Rejected++
	case Failed:
		r.sums.Failed++
	case Gone:
		r.sums.Gone++
	case Skipped:
		r.sums.Skipped++
	}
	return r.put(x)
}

// folder counts and adds the receipt of what concerns a folder.
func (r *receipts) folder(x Receipt) error {
	if x.Result == Rejected || x.Result == Failed {
		r.sums.Folders++
	}
	return r.put(x)
}

func (r *receipts) put(x Receipt) error {
	x.Type, x.Time = "receipt", r.time()
	x.Text = strings.ToValidUTF8(x.Text, "\ufffd")
	classify(r.failures, &x)
	return r.add(x)
}

// of begins the receipt of a message.
func of(m *stream.Message, target string, result Result) Receipt {
	return Receipt{Result: result, Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Key: m.Key, Target: target}
}
