package fetch

import (
	"fmt"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// emitter turns items into records.
type emitter struct {
	w        *stream.Writer
	content  stream.Content
	scan     *headerkey.Scanner
	progress progress.Counter
	failures *export.Failures

	msg   stream.Message // reused
	parts *stream.Parts  // of the large message under way
	left  int64          // octets of it still to come

	manifest manifest
}

func newEmitter(recipe headerkey.Recipe, content stream.Content, w *stream.Writer, count progress.Counter,
	failed *export.Failures) *emitter {
	return &emitter{w: w, content: content, scan: headerkey.NewScanner(recipe), progress: count, failures: failed}
}

// batch writes the records of what one window gave.
func (e *emitter) batch(b *batch) error {
	if b.folder != nil {
		e.progress.Folder(b.folder.Name)
	}
	for i := range b.items {
		if err := e.item(b.folder, &b.items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) item(f *stream.Folder, it *item) error {
	switch it.kind {
	case itemRecord:
		return e.record(it)
	case itemGone:
		e.progress.Add(1, 0)
		return e.w.Write(&stream.Expunged{Folder: f.Name, UIDValidity: f.UIDValidity, UID: it.uid})
	case itemFailed:
		e.parts, e.manifest.hash = nil, nil
		e.progress.Add(1, 0)
		return e.failures.Write(e.w, &stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, UID: it.uid,
			Reason: it.reason, Text: it.text})
	case itemSkipped:
		e.progress.Add(1, 0)
		return e.w.Write(&stream.Skipped{Folder: f.Name, UIDValidity: f.UIDValidity, UID: it.uid,
			Reason: stream.ReasonContent, Text: it.text})
	case itemPiece:
		return e.piece(it.octets)
	}
	return e.message(f, it)
}

// record passes a record on.
func (e *emitter) record(it *item) error {
	switch r := it.record.(type) {
	case *stream.End:
		return e.w.End(r)
	case *stream.Abort:
		return e.w.Abort(r)
	case *stream.Failed:
		if !it.passed {
			return e.failures.Write(e.w, r)
		}
	}
	return e.w.Write(it.record)
}

// message writes a message record and as much of its body as is there.
func (e *emitter) message(f *stream.Folder, it *item) error {
	m := &e.msg
	e.describe(m, f, it)
	if it.base != nil && m.Key != it.base.Key {
		return e.failures.Write(e.w, &stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, UID: it.uid,
			Reason: stream.ReasonKey, Text: fmt.Sprintf("the message with this UID has the key %s", m.Key)})
	}
	if it.base != nil {
		e.fill(m, it.base)
	}
	if m.Change = ""; it.news {
		m.Change = stream.ChangeFlags
	}
	if e.content == stream.Headers || it.bare {
		m.DropBody()
		e.progress.Add(1, 0)
		return e.w.Write(m)
	}
	if e.content == stream.Hashes {
		return e.hashed(m, it)
	}
	if it.size <= stream.PartSize {
		m.SetBody(it.octets)
		e.progress.Add(1, m.Size)
		return e.w.Write(m)
	}
	m.DropBody()
	m.SHA256, m.Parts = "", stream.PartCount(it.size)
	if err := e.w.Write(m); err != nil {
		return err
	}
	e.parts, e.left = e.w.Parts(m), it.size
	return e.piece(it.octets)
}

// piece goes on with a large message, and ends it with its last octet.
func (e *emitter) piece(octets []byte) error {
	if e.manifest.hash != nil {
		return e.hashPiece(octets)
	}
	if e.parts == nil {
		return nil
	}
	if _, err := e.parts.Write(octets); err != nil {
		return err
	}
	e.left -= int64(len(octets))
	e.progress.Add(0, int64(len(octets)))
	if e.left > 0 {
		return nil
	}
	parts := e.parts
	e.parts = nil
	e.progress.Add(1, 0)
	return parts.Close()
}

// describe fills a record with everything but the body.
func (e *emitter) describe(m *stream.Message, f *stream.Folder, it *item) {
	if id := it.identity; id != nil {
		m.Key, m.Received, m.Header = id.key, id.received, append(m.Header[:0], id.header...)
	} else {
		e.scan.Reset()
		e.scan.Write(it.octets)
		m.Key, m.Received = e.scan.Sum().Key, e.scan.Received()
		m.Header = canonical.AppendObject(m.Header[:0], e.scan.Shown())
	}
	m.Folder, m.UIDValidity, m.UID, m.Size, m.Twin = f.Name, f.UIDValidity, it.uid, it.size, it.twin
	m.Flags, m.InternalDate, m.Parts, m.SHA256 = it.flags, it.date, 0, ""
	m.GmailLabels, m.GmailMsgID, m.GmailThrID = it.gmail.Labels, it.gmail.MessageID, it.gmail.ThreadID
	m.Target, m.Tie, m.Extra = "", nil, nil
	m.Unknown, m.RFC822Size = unknownItems(it.unknown), nil
	if !it.bare && e.content != stream.Headers && it.claim >= 0 && it.claim != it.size {
		m.RFC822Size = &it.claim
	}
}

// askedItems are those that are asked for when a message is read.
var askedItems = []string{stream.ItemFlags, stream.ItemDate, stream.ItemLabels, stream.ItemSize}

// fill takes over what a selection says of a message; the octets are the
// account's, and so is what the selection does not know.
func (e *emitter) fill(m *stream.Message, base *stream.Message) {
	unknown := slices.DeleteFunc(slices.Clone(base.Unknown), func(item string) bool {
		return slices.Contains(askedItems, item) && !m.Lacks(item)
	})
	if !base.Lacks(stream.ItemFlags) {
		m.Flags = base.Flags
	}
	if !base.Lacks(stream.ItemDate) {
		m.InternalDate = base.InternalDate
	}
	if !base.Lacks(stream.ItemLabels) {
		m.GmailLabels = base.GmailLabels
	}
	m.Unknown = unknown
	if m.RFC822Size == nil && base.RFC822Size != nil && m.Size == base.Size {
		m.RFC822Size = base.RFC822Size
	}
	m.Target, m.Received, m.Twin, m.Extra = base.Target, base.Received, base.Twin, base.Extra
	m.GmailMsgID, m.GmailThrID = base.GmailMsgID, base.GmailThrID
	m.Tie = base.Tie
	if base.Header != nil {
		m.Header = append(m.Header[:0], base.Header...)
	}
}
