package fetch

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// RunSelect gives the messages that a stream names their bodies and passes all
// else through. It connects when the first message asks for it. What was whole
// in a damaged stream is acted on before the error is returned; an abort is
// passed on, and is returned as an error with its code.
func RunSelect(ctx context.Context, conn imapconn.Options, opt Options, in *stream.Reader, w *stream.Writer) error {
	s := &selection{ctx: ctx, conn: conn, opt: &opt, in: in, w: w, memory: newPool()}
	defer s.close()
	for {
		rec, err := in.Next()
		if err != nil {
			if failed := s.flush(); failed != nil {
				return failed
			}
			if err == io.EOF {
				return s.verdict()
			}
			return err
		}
		if err := s.record(rec); err != nil {
			return err
		}
	}
}

// selection is one run over a stream that names messages.
type selection struct {
	ctx  context.Context
	conn imapconn.Options
	opt  *Options
	in   *stream.Reader
	w    *stream.Writer

	session *imapconn.Session
	folder  *stream.Folder // the one that box is of, as the stream knows it
	box     *imapconn.Selected
	emit    *emitter
	memory  pool

	unfit   error // why nothing can be selected by this stream; an abort may excuse it
	toc     map[string]*stream.Folder
	wants   []want // of one folder, not fetched yet, in the stream's order
	octets  int64
	aborted *stream.Abort
}

func (s *selection) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Message:
		return s.message(r)
	case *stream.Body:
		return nil // the account's octets take its place
	case *stream.Failed:
		if r.Reason == stream.ReasonIncomplete {
			return nil // what an edited stream lost, the account has
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Begin:
		return s.begin(r)
	case *stream.Folder:
		s.toc[r.Name] = r
	case *stream.End:
		return s.w.End(r)
	case *stream.Abort:
		s.aborted = r
		return s.w.Abort(r)
	}
	return s.w.Write(rec)
}

func (s *selection) begin(b *stream.Begin) error {
	recipe, err := headerkey.ParseRecipe(b.Key)
	s.unfit = nil
	if err != nil {
		s.unfit = exit.Errorf(exit.Data, "the stream's key recipe: %w", err)
	}
	s.opt.Recipe = recipe
	if b.User != s.conn.User || b.Host != s.conn.Host {
		s.opt.Warn("the stream is of %s at %s, and messages are read from %s at %s", b.User, b.Host, s.conn.User, s.conn.Host)
	}
	out := *b
	out.Tool, out.Content = s.opt.Tool, stream.Full
	out.Labels = append(slices.Clone(b.Labels), s.opt.Labels...)
	if s.opt.Edited {
		out.Filters = append(slices.Clone(b.Filters), "edited")
	}
	s.toc = map[string]*stream.Folder{}
	s.emit = newEmitter(recipe, stream.Full, s.w, s.opt.Progress)
	return s.w.Write(&out)
}

// message holds a message until a window of its folder is full.
func (s *selection) message(m *stream.Message) error {
	if s.unfit != nil {
		return s.unfit
	}
	if len(s.wants) > 0 {
		last := s.wants[len(s.wants)-1].base
		if last.Folder != m.Folder || last.UIDValidity != m.UIDValidity || m.UID <= last.UID || len(s.wants) == windowMessages || s.octets+m.Size > slabSize {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	base := *m
	base.DropBody()
	base.Flags, base.Header, base.Extra = slices.Clone(m.Flags), slices.Clone(m.Header), slices.Clone(m.Extra)
	s.wants = append(s.wants, want{uid: m.UID, size: m.Size, twin: m.Twin, base: &base})
	s.octets += m.Size
	return nil
}

// flush fetches what is held.
func (s *selection) flush() error {
	wants := s.wants
	s.wants, s.octets = nil, 0
	if len(wants) == 0 {
		return nil
	}
	first := wants[0].base
	f := s.toc[first.Folder]
	reason, text, err := s.open(f, first.UIDValidity)
	if err != nil {
		return err
	}
	if reason != "" {
		return s.fail(wants, reason, text)
	}
	src := newSource(s.ctx, s.session, s.box, s.opt, s.memory)
	_, err = src.run(func() error { return src.fetch(wants) }, func(b *batch) error { return s.emit.batch(f, b) })
	return err
}

// open makes box the folder f. A reason says why its messages cannot be had.
func (s *selection) open(f *stream.Folder, validity uint32) (stream.Reason, string, error) {
	if err := s.connect(); err != nil {
		return "", "", err
	}
	wire, err := folder.ToWire(f.Name)
	if err != nil {
		return stream.ReasonNoFolder, err.Error(), nil
	}
	if s.folder != f {
		s.folder = nil
		s.opt.Progress.Folder(f.Name)
		box, err := s.session.Examine(s.ctx, wire)
		if err != nil {
			if refused(err) {
				return stream.ReasonRefused, err.Error(), nil
			}
			return "", "", err
		}
		s.folder, s.box = f, box
	}
	if validity == 0 || s.box.UIDValidity != validity {
		return stream.ReasonUIDValidity, fmt.Sprintf("the stream has %d, the folder %d", validity, s.box.UIDValidity), nil
	}
	return "", "", nil
}

func (s *selection) connect() error {
	if s.session != nil {
		return nil
	}
	session, err := imapconn.Open(s.ctx, s.conn)
	if err != nil {
		return err
	}
	s.session = session
	return nil
}

func (s *selection) close() {
	if s.session != nil {
		s.session.Close()
	}
}

func (s *selection) fail(wants []want, reason stream.Reason, text string) error {
	for _, w := range wants {
		err := s.w.Write(&stream.Failed{Folder: w.base.Folder, UIDValidity: w.base.UIDValidity, UID: w.uid, Reason: reason, Text: text})
		if err != nil {
			return err
		}
	}
	return nil
}

// verdict is the outcome of a stream that was read to its end.
func (s *selection) verdict() error {
	if a := s.aborted; a != nil {
		return exit.Errorf(exit.Code(a.Exit), "%s stopped early: %s", a.Command, a.Text)
	}
	return partial(s.w.Failures())
}
