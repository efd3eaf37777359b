package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/export"
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
	out := newSink(&opt)
	from := &accountBodies{windowReader: newWindowReader(&connection{warn: opt.Warn}, out, false), opt: &opt, conn: conn}
	defer from.close()
	s := &export.Selection{Options: &opt.Options, In: in, Bodies: from}
	emit := &selectedEmitter{opt: &opt, w: w, failures: export.NewFailures(&opt.Options)}
	err := out.run(ctx, func(ctx context.Context) error {
		from.ctx = ctx
		return s.Read()
	}, emit.batch)
	return s.Result(err, w)
}

// selectedEmitter is an emitter that learns from the stream how messages are
// told apart.
type selectedEmitter struct {
	*emitter
	opt      *Options
	w        *stream.Writer
	failures *export.Failures
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

// accountBodies reads what is selected from an account, in windows. A message
// waits until a window of its folder is full.
type accountBodies struct {
	*windowReader
	ctx  context.Context
	opt  *Options
	conn imapconn.Options

	wants  []want // of one folder, not fetched yet, in the stream's order
	from   *stream.Folder
	octets int64
}

func (s *accountBodies) Begin(b *stream.Begin, recipe headerkey.Recipe) error {
	s.tellApart(recipe)
	s.folder = nil
	if b.Host != "" && b.Account() != s.conn.Account() {
		s.opt.Warn("the stream is of %s, and messages are read from %s", b.Account().Words(), s.conn.Account().Words())
	}
	return nil
}

func (s *accountBodies) Message(m *stream.Message, f *stream.Folder) error {
	if len(s.wants) > 0 {
		last := s.wants[len(s.wants)-1].base
		if last.Folder != m.Folder || last.UIDValidity != m.UIDValidity || m.UID <= last.UID ||
			len(s.wants) == windowMessages || s.octets+m.Size > slabSize {
			if err := s.Flush(); err != nil {
				return err
			}
		}
	}
	m.DropBody()
	claim := m.Size
	if m.RFC822Size != nil {
		claim = max(claim, *m.RFC822Size)
	}
	s.wants = append(s.wants, want{uid: m.UID, size: m.Size, claim: claim, date: packDate(m.InternalDate), twin: m.Twin,
		base: m.Clone()})
	s.octets += m.Size
	s.from = f
	return nil
}

func (s *accountBodies) Flush() error {
	wants := s.wants
	s.wants, s.octets = nil, 0
	if len(wants) == 0 {
		return nil
	}
	validity := wants[0].base.UIDValidity
	reason, text, err := s.reach(s.from, validity)
	if err != nil {
		return err
	}
	if reason != "" {
		return s.fail(wants, reason, text)
	}
	return s.read(s.ctx, window{folder: s.from, validity: validity, wants: wants, items: bodies})
}

// Forward passes on a record of the stream that selects.
func (s *accountBodies) Forward(r stream.Record) error {
	return s.sink.pass(s.ctx, s.folder, s.keep, item{kind: itemRecord, record: r, passed: true})
}

// reach opens the folder f. A reason says why its messages cannot be had.
func (s *accountBodies) reach(f *stream.Folder, validity uint64) (stream.Reason, string, error) {
	if err := s.connect(); err != nil {
		return "", "", err
	}
	if _, err := folder.ToWire(f.Name); err != nil {
		return stream.ReasonNoFolder, err.Error(), nil
	}
	if s.folder == f && s.unstable && !s.box.Current() {
		s.folder = nil
	}
	err := s.open(s.ctx, f, validity)
	var replaced *replacedError
	switch {
	case errors.As(err, &replaced), err == nil && validity == 0:
		return stream.ReasonUIDValidity,
			fmt.Sprintf("the stream has %d, the folder %d", validity, s.box.UIDValidity), nil
	case folderReason(err) != "":
		return folderReason(err), err.Error(), nil
	}
	return "", "", err
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
		err := s.pass(s.ctx, s.folder, &stream.Failed{Folder: w.base.Folder, UIDValidity: w.base.UIDValidity, UID: w.uid,
			Reason: reason, Text: text})
		if err != nil {
			return err
		}
	}
	return nil
}
