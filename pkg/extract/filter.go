package extract

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// Why an archive cannot be what is asked for, where users can change it.
var (
	ErrReadOnce = errors.New("the archive can be read only once")
	ErrOtherKey = errors.New("selection and archive have different keys")
)

// fit tells why a stream cannot be what is asked for.
func (x *extract) fit(b *stream.Begin) error {
	switch {
	case b.Plan:
		return fault.Errorf(fault.Usage, "the archive is a plan").
			WithHint("take what you need of the stream that it was made from, and give that to imap-diff")
	case x.needs.LargestUID && x.firstPass == nil:
		return fault.Errorf(fault.Usage, "the largest UID, *, is not known before a pipe has ended").
			Because(ErrReadOnce)
	case x.needs.Flags && x.firstPass == nil && x.streams > 1:
		return fault.Errorf(fault.Usage,
			"flags choose among messages whose flags a later stream may change, and a pipe cannot be read twice").
			Because(ErrReadOnce)
	case b.Content == stream.Full:
		return nil
	case x.needs.Body, x.needs.Header && !onlyShown(x.needs.Fields):
		return fault.Errorf(fault.Usage,
			"the archive has no bodies: of the header it has Message-ID, Date, From and Subject, and the criteria "+
				"look at more")
	}
	return nil
}

// onlyShown reports whether every record has the fields.
func onlyShown(fields []string) bool {
	return fields != nil && !slices.ContainsFunc(fields, func(name string) bool {
		return !slices.Contains(shownHere, name)
	})
}

// shownHere are the fields, in lower case, that a record has of any header.
var shownHere = []string{"message-id", "date", "from", "subject"}

// consider decides on a message, as soon as that can be done.
func (x *extract) consider(m *stream.Message) error {
	facts := x.facts(m)
	switch needsOctets := x.needs.Octets() || x.needs.Size && m.Size == 0; {
	case !needsOctets:
	case m.Parts > 0:
		return x.large.wait(m)
	case m.HasBody():
		var err error
		if x.octets, err = m.AppendBody(x.octets[:0]); err != nil {
			return x.damaged(m, err)
		}
		facts.Octets = bytes.NewReader(x.octets)
	case x.begin.Content != stream.Full:
		facts.Octets = strings.NewReader(shownHeader(m.Header))
	case x.taken.has(x.begin, m):
		return x.take(m) // it has come before, and has other flags now
	default:
		return x.leave(m, export.Excluded)
	}
	v, err := x.opt.Messages.Judge(facts)
	if err != nil {
		return err
	}
	return x.settled(m, v)
}

// settled does what was decided.
func (x *extract) settled(m *stream.Message, v export.Verdict) error {
	if v != export.Included {
		if m.Parts > 0 {
			x.large.fate = dropped
		}
		return x.leave(m, v)
	}
	if x.needs.Octets() {
		x.taken.add(x.begin, m)
	}
	return x.take(m)
}

// facts are what can be said of a message without its octets.
func (x *extract) facts(m *stream.Message) search.Message {
	facts := search.Message{UID: m.UID, Flags: m.Flags, InternalDate: stream.Date(m.InternalDate), Size: m.Size,
		FlagsUnknown: m.Lacks(stream.ItemFlags), DateUnknown: m.Lacks(stream.ItemDate)}
	if x.firstPass != nil {
		var known bool
		facts.Flags, known = x.firstPass.flagsOf(x.begin, m)
		facts.FlagsUnknown = !known
		facts.LargestUID = x.firstPass.largest[placeOf(x.begin, m)]
	}
	return facts
}

// damaged is a message on which nobody can decide.
func (x *extract) damaged(m *stream.Message, err error) error {
	x.listed++
	x.opt.Progress.Add(1, 0)
	return x.failures.Write(x.w, &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID,
		Reason: stream.ReasonDamaged, Text: err.Error()})
}

// shownHeader is a header of the fields that a record shows.
func shownHeader(header []byte) string {
	var b strings.Builder
	for _, name := range []string{"Message-ID", "Date", "From", "Subject"} {
		if value := canonical.StringMember(header, name); value != "" {
			b.WriteString(name + ": " + strings.NewReplacer("\r", " ", "\n", " ").Replace(value) + "\r\n")
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

// isLocal tells a failure to read the input from damage in it.
func isLocal(err error) bool {
	var stream *stream.Error
	return !errors.As(err, &stream)
}
