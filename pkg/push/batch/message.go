// Package batch reads a plan and puts its messages together into batches. A
// message is wholly in hand, and its content checked, before it is handed over.
package batch

import (
	"bytes"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// Message is one message of a batch, with its content in hand.
type Message struct {
	stream.Message
	content []byte         // in the batch's slab
	file    *tempfile.File // instead, for a large message
	spooled *spooled       // instead, for one that waited
	changed *changed       // nil: it is sent as it is

	Oddity Oddity
	Tied   *tie.Tie         // nil: it is part of none, or the plan does not say what is there
	Loose  *headerkey.Loose // nil until it is needed

	Answered bool // it has its receipt
	InDoubt  bool // it was sent, and nobody knows what became of it

	// Of a message that the server copies: its content is at the source alone.
	Copied      bool
	SourceFlags []string // that it has there
	Unseen      int      // how often the server said that it had copied it, and it was not there
	Retried     bool     // it was copied once more after a refusal
}

// ReadAt reads the content.
func (m *Message) ReadAt(p []byte, at int64) (int, error) {
	switch {
	case m.changed != nil && m.changed.large != nil:
		return m.changed.large.Octets.ReadAt(p, at)
	case m.file != nil:
		return m.file.ReadAt(p, at)
	case m.spooled != nil:
		return m.spooled.file.ReadAt(p, m.spooled.at+at)
	}
	return bytes.NewReader(m.content).ReadAt(p, at)
}

// Close frees what holds the content.
func (m *Message) Close() {
	if m.changed != nil {
		m.changed.close()
		m.changed.was.Close()
	}
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// Source returns the message as it is at the source.
func (m *Message) Source() *Message {
	if m.changed != nil {
		return m.changed.was
	}
	return m
}

// Date returns the INTERNALDATE in seconds, -1 if it is unknown.
func (m *Message) Date() int64 { return Seconds(m.InternalDate) }

// Seconds returns an RFC 3339 date in seconds, -1 if it is none.
func Seconds(date string) int64 {
	t := stream.Date(date)
	if t.IsZero() {
		return -1
	}
	return t.Unix()
}

// Hash returns what the content is known by.
func (m *Message) Hash() (*headerkey.Loose, error) {
	if m.Loose != nil {
		return m.Loose, nil
	}
	var err error
	m.Loose, err = headerkey.LooseOf(io.NewSectionReader(m, 0, m.Size))
	return m.Loose, err
}

// Forms returns how the message may be at the destination.
func (m *Message) Forms() (forms []tie.Form, err error) {
	for _, one := range []*Message{m, m.Source()} {
		loose, err := one.Hash()
		if err != nil {
			return nil, err
		}
		forms = append(forms, tie.Form{Loose: loose, Date: one.Date()})
		if m.Source() == m {
			break
		}
	}
	return forms, nil
}

// Receipt begins the receipt of a message.
func (m *Message) Receipt(target string, result receipt.Result) receipt.Receipt {
	x := receipts.Of(&m.Source().Message, target, result)
	x.Copied = m.Copied && result == receipt.Appended
	if c := m.changed; c != nil && (result == receipt.Appended || result == receipt.Rejected) {
		x.Transforms, x.SentSHA256, x.BreaksSignature = c.changes, c.sum, c.breaks
		if m.Key != x.Key {
			x.SentKey = m.Key
		}
	}
	return x
}

// UnknownItems returns the items of a message that is appended which nobody knows:
// not its date where it gets another.
func (m *Message) UnknownItems() (items []string) {
	for _, item := range m.Unknown {
		if item != stream.ItemSize && (item != stream.ItemDate || m.InternalDate == "") && !m.Copied {
			items = append(items, item)
		}
	}
	return items
}

// Examine notes what may be the reason that a message was refused.
func (m *Message) Examine(x *receipt.Receipt) error {
	x.Octets = m.Size
	if m.Copied {
		return nil
	}
	var err error
	x.Anomalies, x.LongestLine, err = transform.Anomalies(&transform.Message{Octets: m, Size: m.Size})
	return err
}

// Total returns the size of messages, in bytes.
func Total(ms []*Message) (size int64) {
	for _, m := range ms {
		size += m.Size
	}
	return size
}

// UIDs returns the UIDs that messages have at the source.
func UIDs(ms []*Message) (uids []uint64) {
	for _, m := range ms {
		uids = append(uids, m.UID)
	}
	return uids
}

// Oddity is what some servers refuse in a message. An odd one travels alone, so
// that it does not take a batch with it, until the server has taken its kind.
type Oddity uint8

const (
	hasNUL Oddity = 1 << iota
	hasBareLF
	hasBareCR
	hasNoHeader
	hasEmptyLineFirst
	has8BitHeader
)

// maxHeader is how much of a header is looked at for 8-bit bytes.
const maxHeader = 64 << 10

// oddityOf looks for what servers are known to refuse.
func oddityOf(content []byte) (o Oddity) {
	if bytes.IndexByte(content, 0) >= 0 {
		o |= hasNUL
	}
	lines := bytes.Count(content, []byte{'\n'})
	pairs := bytes.Count(content, []byte("\r\n"))
	if lines != pairs {
		o |= hasBareLF
	}
	if bytes.Count(content, []byte{'\r'}) != pairs {
		o |= hasBareCR
	}
	head, _, found := bytes.Cut(content, []byte("\r\n\r\n"))
	if !found {
		o |= hasNoHeader
	}
	if len(content) == 0 || content[0] == '\r' || content[0] == '\n' {
		o |= hasEmptyLineFirst
	}
	first, _, _ := bytes.Cut(head, []byte("\r\n"))
	if bytes.IndexByte(first, ':') <= 0 || bytes.HasPrefix(first, []byte("From ")) {
		o |= hasNoHeader
	}
	if slices.ContainsFunc(head[:min(len(head), maxHeader)], func(c byte) bool { return c >= 0x80 }) {
		o |= has8BitHeader
	}
	return o
}

// Spool is a file without a name that holds the content of messages that wait.
type Spool struct {
	file *tempfile.File
	end  int64
}

// spooled is where the content of a message begins in a file.
type spooled struct {
	file *tempfile.File
	at   int64
}

// Keep returns a copy of a message that stays when its batch is done.
func (s *Spool) Keep(m *Message) (*Message, error) {
	if s.file == nil {
		var err error
		if s.file, err = tempfile.New("messages that wait"); err != nil {
			return nil, err
		}
	}
	kept := *m
	kept.content, kept.file, kept.spooled = nil, nil, &spooled{s.file, s.end}
	n, err := io.Copy(io.NewOffsetWriter(s.file, s.end), io.NewSectionReader(m, 0, m.Size))
	s.end += n
	if err != nil {
		return nil, err
	}
	return &kept, nil
}

// Close removes the file.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
}
