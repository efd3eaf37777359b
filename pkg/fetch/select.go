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
	bodies := &accountBodies{source: newSource(ctx, &opt), conn: conn}
	defer bodies.close()
	s := &selection{opt: &opt, in: in, bodies: bodies}
	emit := &selectedEmitter{opt: &opt, w: w, failures: newFailures(&opt)}
	return s.result(bodies.run(s.read, emit.batch), w)
}

// selectedEmitter is an emitter that learns from the stream how messages are
// told apart.
type selectedEmitter struct {
	*emitter
	opt      *Options
	w        *stream.Writer
	failures *failures
}

func (e *selectedEmitter) batch(b *batch) error {
	if len(b.items) == 1 {
		if begin, ok := b.items[0].record.(*stream.Begin); ok {
			recipe, err := headerkey.ParseRecipe(begin.Key)
			if err != nil {
				recipe = e.opt.Recipe // no message will come: see unfit
			}
			e.emitter = newEmitter(recipe, stream.Full, e.w, e.opt.Progress, e.failures)
		}
	}
	return e.emitter.batch(b)
}

// bodies is where a selection gets its messages from.
type bodies interface {
	// begin comes with each stream of the selection.
	begin(b *stream.Begin, recipe headerkey.Recipe) error
	// message is to get its octets. It may wait until flush.
	message(m *stream.Message, f *stream.Folder) error
	// flush is done with all messages so far.
	flush() error
	// forward writes a record of the selection as it is.
	forward(r stream.Record) error
}

// selection is one run over a stream that names messages.
type selection struct {
	opt    *Options
	in     *stream.Reader
	bodies bodies

	unfit   error // why nothing can be selected by this stream; an abort may excuse it
	toc     map[string]*stream.Folder
	handled int64 // messages that an edited stream still names
	aborted *stream.Abort
}

// result is what a run over the stream came to.
func (s *selection) result(err error, w *stream.Writer) error {
	switch {
	case err != nil:
		return err
	case s.aborted != nil:
		return exit.Errorf(exit.Code(s.aborted.Exit), "%s stopped early: %s", s.aborted.Command, s.aborted.Text)
	}
	return partial(w.Failures())
}

// read goes through the stream. What was whole in a damaged one is fetched
// before the error is returned.
func (s *selection) read() error {
	for {
		rec, err := s.in.Next()
		if err == nil {
			err = s.record(rec)
		} else if flushed := s.bodies.flush(); flushed != nil {
			return flushed
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *selection) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Message:
		if s.unfit != nil {
			return s.unfit
		}
		s.handled++
		r.Change = "" // it gets its octets
		return s.bodies.message(r, s.toc[r.Folder])
	case *stream.Body:
		return nil // other octets take its place
	case *stream.Failed:
		if r.Reason == stream.ReasonIncomplete {
			return nil // what an edited stream lost, the source has
		}
	}
	if err := s.bodies.flush(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Begin:
		return s.begin(r)
	case *stream.Folder:
		s.toc[r.Name] = r
	case *stream.Failed:
		if r.UID != 0 {
			s.handled++
		}
	case *stream.Expunged:
		s.handled++
	case *stream.End:
		if s.opt.Edited { // what was filtered away is not counted any more
			r.Listed, r.Missing = r.Present+s.handled, 0
		}
	case *stream.Abort:
		s.aborted = r
	}
	return s.bodies.forward(rec)
}

func (s *selection) begin(b *stream.Begin) error {
	s.toc, s.handled = map[string]*stream.Folder{}, 0
	recipe, err := headerkey.ParseRecipe(b.Key)
	if s.unfit = nil; err != nil {
		s.unfit = exit.Errorf(exit.Data, "the stream's key recipe: %w", err)
	} else if err := s.bodies.begin(b, recipe); err != nil {
		return err
	}
	out := *b
	out.Tool, out.Content = s.opt.Tool, stream.Full
	out.Labels = stream.MergeLabels(b.Labels, s.opt.Labels)
	if s.opt.Edited {
		out.Filters = append(slices.Clone(b.Filters), "edited")
	}
	return s.bodies.forward(&out)
}

// accountBodies reads what is selected from an account, in windows. A message
// waits until a window of its folder is full.
type accountBodies struct {
	*source
	conn imapconn.Options

	wants  []want // of one folder, not fetched yet, in the stream's order
	from   *stream.Folder
	octets int64
}

func (s *accountBodies) begin(b *stream.Begin, recipe headerkey.Recipe) error {
	s.tellApart(recipe)
	s.folder = nil
	if b.Host != "" && b.Account() != s.conn.Account() {
		s.opt.Warn("the stream is of %s, and messages are read from %s", b.Account().Words(), s.conn.Account().Words())
	}
	return nil
}

func (s *accountBodies) message(m *stream.Message, f *stream.Folder) error {
	if len(s.wants) > 0 {
		last := s.wants[len(s.wants)-1].base
		if last.Folder != m.Folder || last.UIDValidity != m.UIDValidity || m.UID <= last.UID || len(s.wants) == windowMessages || s.octets+m.Size > slabSize {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	m.DropBody()
	claim := m.Size
	if m.RFC822Size != nil {
		claim = max(claim, *m.RFC822Size)
	}
	s.wants = append(s.wants, want{uid: m.UID, size: m.Size, claim: claim, date: packDate(m.InternalDate), twin: m.Twin, base: m.Clone()})
	s.octets += m.Size
	s.from = f
	return nil
}

func (s *accountBodies) flush() error {
	wants := s.wants
	s.wants, s.octets = nil, 0
	if len(wants) == 0 {
		return nil
	}
	reason, text, err := s.open(s.from, wants[0].base.UIDValidity)
	if err != nil {
		return err
	}
	if reason != "" {
		return s.fail(wants, reason, text)
	}
	return s.fetch(wants)
}

// open makes box the folder f. A reason says why its messages cannot be had.
func (s *accountBodies) open(f *stream.Folder, validity uint64) (stream.Reason, string, error) {
	if err := s.connect(); err != nil {
		return "", "", err
	}
	wire, err := folder.ToWire(f.Name)
	if err != nil {
		return stream.ReasonNoFolder, err.Error(), nil
	}
	if s.folder != f || s.unstable && !s.box.Current() {
		s.folder = nil
		box, err := s.session.Examine(s.ctx, wire)
		if err != nil {
			if reason := folderReason(err); reason != "" {
				return reason, err.Error(), nil
			}
			return "", "", err
		}
		s.box = box
		if _, err := s.recognize(f); refused(err) {
			return stream.ReasonRefused, err.Error(), nil
		} else if err != nil {
			return "", "", err
		}
		s.folder = f
	}
	if validity == 0 || s.box.UIDValidity != validity && !(s.unstable && validity == f.UIDValidity) {
		return stream.ReasonUIDValidity, fmt.Sprintf("the stream has %d, the folder %d", validity, s.box.UIDValidity), nil
	}
	return "", "", nil
}

func (s *accountBodies) connect() error {
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

func (s *accountBodies) close() {
	if s.session != nil {
		s.session.Close()
	}
}

func (s *accountBodies) fail(wants []want, reason stream.Reason, text string) error {
	for _, w := range wants {
		err := s.pass(&stream.Failed{Folder: w.base.Folder, UIDValidity: w.base.UIDValidity, UID: w.uid, Reason: reason, Text: text})
		if err != nil {
			return err
		}
	}
	return nil
}
