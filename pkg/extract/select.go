package extract

import (
	"fmt"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// RunSelect is fetch.RunSelect from an archive in place of an account. A
// selection in the archive's order, such as a plan made from it, is served in
// one pass; for any other the archive is read again from its first octet, where
// that can be done.
func RunSelect(a *Archive, opt export.Options, in *stream.Reader, w *stream.Writer) error {
	bodies := &archiveBodies{opt: &opt, w: w, failures: export.NewFailures(&opt), archive: a, in: a.In}
	bodies.in.CheckBodies()
	s := &export.Selection{Options: &opt, In: in, Bodies: bodies}
	return s.Result(s.Read(), w)
}

// archiveBodies finds what is selected in an archive, and copies its octets.
type archiveBodies struct {
	opt      *export.Options
	w        *stream.Writer
	failures *export.Failures
	archive  *Archive

	plan *stream.Begin // of the selection
	of   *stream.Begin // the account in the archive that it is about, once that is known

	in      *stream.Reader
	reading *stream.Begin // of the archive's stream that is read
	here    marks         // the messages that were met in the archive
	all     bool          // these are all
	damaged string        // why the message that was looked for last has no octets, or ""
	parted  bool          // parts of the last message are to come
	aborted *stream.Abort
}

func (s *archiveBodies) Begin(b *stream.Begin, _ headerkey.Recipe) error {
	s.plan, s.of = b, nil
	return nil
}

func (s *archiveBodies) Flush() error { return nil }

func (s *archiveBodies) Forward(r stream.Record) error {
	switch r := r.(type) {
	case *stream.End:
		return s.w.End(r)
	case *stream.Abort:
		return s.w.Abort(r)
	}
	return s.w.Write(r)
}

// Message writes a message with the octets that the archive has of it.
func (s *archiveBodies) Message(m *stream.Message, _ *stream.Folder) error {
	if s.of == nil {
		if err := s.recognise(); err != nil {
			return err
		}
	}
	s.opt.Progress.Folder(m.Folder)
	s.opt.Progress.Add(1, m.Size)
	found, err := s.find(m)
	switch {
	case err != nil:
		return err
	case found == nil && s.damaged != "":
		return s.fail(m, stream.ReasonDamaged, s.damaged)
	case found == nil:
		return s.lacks(m)
	case found.Key != m.Key:
		return s.fail(m, stream.ReasonKey, "the archive's message with this UID has the key "+found.Key)
	}
	m.TakeBody(found)
	if err := s.w.Write(m); err != nil {
		return err
	}
	return s.parts(m)
}

// parts copies the body parts of the message that was found.
func (s *archiveBodies) parts(m *stream.Message) error {
	for s.parted {
		rec, err := s.next()
		if err == io.EOF {
			return s.stopped()
		}
		if err != nil {
			return err
		}
		if f, ok := rec.(*stream.Failed); ok && f.Reason == stream.ReasonDamaged {
			return s.fail(m, f.Reason, f.Text)
		}
		if _, ok := rec.(*stream.Body); !ok {
			return s.fail(m, stream.ReasonIncomplete, "the archive has not all of its parts")
		}
		if err := s.w.Write(rec); err != nil {
			return err
		}
	}
	return nil
}

func (s *archiveBodies) fail(m *stream.Message, reason stream.Reason, text string) error {
	return s.failures.Write(s.w, &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID,
		Reason: reason, Text: text})
}

// lacks says why a message was not found.
func (s *archiveBodies) lacks(m *stream.Message) error {
	if err := s.stopped(); err != nil {
		return err
	}
	if s.here.has(s.of, m) {
		return fault.Errorf(fault.Usage,
			"the selection is in another order than the archive, which is a pipe and cannot be read twice").
			Because(ErrReadOnce)
	}
	for p := range s.here.places {
		if p.folder == m.Folder && p.validity != m.UIDValidity {
			return s.fail(m, stream.ReasonUIDValidity, fmt.Sprintf("the stream has %d, the archive %d", m.UIDValidity,
				p.validity))
		}
	}
	return s.fail(m, stream.ReasonNotReturned, "the archive does not hold it")
}

// stopped is the error of an archive whose producer stopped early, or nil.
func (s *archiveBodies) stopped() error {
	if s.aborted == nil {
		return nil
	}
	return fmt.Errorf("the archive is not whole: %w", s.aborted.Err())
}

// find goes on in the archive to the message that m names, which is valid until
// the next record is read. It returns nil if there is none.
func (s *archiveBodies) find(m *stream.Message) (*stream.Message, error) {
	s.damaged = ""
	if s.all && !s.here.has(s.of, m) {
		return nil, nil
	}
	for again := false; ; {
		rec, err := s.next()
		if err == io.EOF {
			if again || s.archive.Again == nil || !s.here.has(s.of, m) {
				return nil, nil
			}
			again = true
			err = s.rewind()
		}
		if err != nil {
			return nil, err
		}
		if f, ok := rec.(*stream.Failed); ok && f.Reason == stream.ReasonDamaged && f.UID == m.UID &&
			f.Folder == m.Folder && f.UIDValidity == m.UIDValidity {
			s.damaged = f.Text // another stream may have it whole
		}
		found, ok := rec.(*stream.Message)
		if ok && s.holds(found) && found.UID == m.UID && placeOf(s.reading, found) == placeOf(s.of, m) {
			return found, nil
		}
	}
}

// holds reports whether a record of the archive has its octets.
func (s *archiveBodies) holds(m *stream.Message) bool { return m.HasBody() || m.Parts > 0 }

func (s *archiveBodies) rewind() (err error) {
	s.in.Close() // before anybody else reads from the same file
	if s.in, err = s.archive.Again(); err == nil {
		s.in.CheckBodies()
	}
	return err
}

// next reads on in the archive.
func (s *archiveBodies) next() (stream.Record, error) {
	rec, err := s.in.Next()
	if err != nil {
		s.all = s.all || err == io.EOF
		return nil, err
	}
	switch r := rec.(type) {
	case *stream.Begin:
		s.reading, s.parted = r, false
		if r.Key != s.plan.Key {
			return nil, fault.Errorf(fault.Usage, "the selection tells messages apart by %q, the archive by %q",
				s.plan.Key, r.Key).Because(ErrOtherKey)
		}
	case *stream.Message:
		if s.parted = r.Parts > 0; !s.all && s.holds(r) && !s.here.has(s.reading, r) {
			s.here.add(s.reading, r)
		}
	case *stream.Body:
		s.parted = r.Part < r.Parts
	case *stream.Failed:
		s.parted = false
	case *stream.Abort:
		s.aborted, s.parted = r, false
	}
	return rec, nil
}

// recognise finds the account in the archive that the selection is about. It is
// the one of the same name; an archive of one account that has another name may
// be of the same account by another address, and serves with a warning.
func (s *archiveBodies) recognise() error {
	s.of = s.plan
	if s.reading == nil {
		if _, err := s.next(); err != nil && err != io.EOF {
			return err
		}
	}
	if s.reading == nil || s.reading.Account() == s.plan.Account() {
		return nil
	}
	if s.archive.Again == nil {
		return fault.Errorf(fault.Usage, "the selection is of %s, the archive of %s, as far as a pipe tells",
			s.plan.Account().Words(), s.reading.Account().Words()).Because(ErrReadOnce)
	}
	first := s.reading
	if err := s.rewind(); err != nil {
		return err
	}
	found, err := survey(s.in)
	if err == nil {
		err = s.rewind()
	}
	switch {
	case err != nil:
		return err
	case found.accounts[s.plan.Account()]:
		return nil
	case len(found.accounts) > 1:
		return fault.Errorf(fault.Usage, "the archive holds several accounts, and none of them is the selection's, %s",
			s.plan.Account().Words())
	}
	s.opt.Warn("the stream is of %s, and messages are read from an archive of %s", s.plan.Account().Words(),
		first.Account().Words())
	s.of = first
	return nil
}
