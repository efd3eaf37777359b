// Package rejects writes a plan of the messages that were not appended.
package rejects

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
)

// Plan holds the messages that were not appended, with their content and the server's words, to be repaired and pushed
// again.
type Plan struct {
	w      *stream.Writer
	begin  *stream.Begin
	toc    []*stream.Folder
	listed int64
	ties   map[*tie.Tie]uint64 // their numbers here
	tied   uint64              // the last of these
	bare   bool                // the content is not at hand
	err    error               // that ended the writing
}

// New makes a Plan. bare says that the content of messages is not at hand.
func New(w *stream.Writer, bare bool) *Plan { return &Plan{w: w, bare: bare} }

// Open takes begin and table of contents of the plan that is carried out, or of the
// first of several.
func (r *Plan) Open(begin *stream.Begin, toc []*stream.Folder) {
	if r != nil && r.begin == nil {
		r.begin, r.toc = begin, toc
	}
}

// start writes begin and the table of contents before the first message.
func (r *Plan) start() error {
	if r.w.Begun() {
		return nil
	}
	b := *r.begin
	if r.bare {
		b.Content = stream.Headers
	}
	b.Filters = append(slices.Clone(b.Filters), "rejects")
	if err := r.w.Write(&b); err != nil {
		return err
	}
	for _, f := range r.toc {
		if err := r.w.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// Add adds a message. A nil plan takes none.
func (r *Plan) Add(m *batch.Message, reason, text string) {
	if r != nil && r.err == nil {
		r.err = r.write(m, reason, text)
	}
}

// Failed returns what ended the writing.
func (r *Plan) Failed() error {
	if r == nil {
		return nil
	}
	return r.err
}

func (r *Plan) write(m *batch.Message, reason, text string) error {
	if err := r.start(); err != nil {
		return err
	}
	r.listed++
	why, err := json.Marshal(struct {
		Reason string `json:"reason"`
		Text   string `json:"text"`
	}{reason, strings.ToValidUTF8(text, "\ufffd")})
	if err != nil {
		return err
	}
	out := m.Message
	if m.Tie != nil {
		id, err := r.tie(m.Tied)
		if err != nil {
			return err
		}
		out.Tie = &stream.TieOf{ID: id}
	}
	out.Extra = codec.SetExtra(m.Extra, "rejected", canonical.Value(why))
	if r.bare {
		out.SHA256, out.Parts = "", 0
		return r.w.Write(&out)
	}
	if m.Size <= stream.PartSize {
		body := make([]byte, m.Size)
		if _, err := io.ReadFull(io.NewSectionReader(m, 0, m.Size), body); err != nil {
			return err
		}
		out.SetBody(body)
		return r.w.Write(&out)
	}
	out.SHA256, out.Parts = "", stream.PartCount(m.Size)
	if err := r.w.Write(&out); err != nil {
		return err
	}
	parts := r.w.Parts(&out)
	if _, err := io.Copy(parts, io.NewSectionReader(m, 0, m.Size)); err != nil {
		return err
	}
	return parts.Close()
}

// tie writes the record of a tie before the first of its messages. Nil is one that
// nobody knows: whoever reads the plan finds that out, too.
func (r *Plan) tie(x *tie.Tie) (id uint64, err error) {
	if id, known := r.ties[x]; known && x != nil {
		return id, nil
	}
	r.tied++
	if x == nil {
		return r.tied, nil
	}
	if r.ties == nil {
		r.ties = map[*tie.Tie]uint64{}
	}
	r.ties[x] = r.tied
	for _, record := range x.Record(r.tied).Split() {
		if err := r.w.Write(record); err != nil {
			return 0, err
		}
	}
	return r.tied, nil
}

// End closes the plan, which may hold nothing. There is none where nothing was read.
func (r *Plan) End() error {
	if r == nil || r.begin == nil {
		return nil
	}
	if err := r.start(); err != nil {
		return err
	}
	return r.w.End(&stream.End{Plan: true, Listed: r.listed})
}
