package export

import (
	"cmp"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Bodies is where a selection gets its messages from.
type Bodies interface {
	// begin comes with each stream of the selection.
	Begin(b *stream.Begin, recipe headerkey.Recipe) error
	// message is to get its octets. It may wait until flush.
	Message(m *stream.Message, f *stream.Folder) error
	// flush is done with all messages so far.
	Flush() error
	// forward writes a record of the selection as it is.
	Forward(r stream.Record) error
}

// Selection is one run over a stream that names messages.
type Selection struct {
	Options *Options
	In      *stream.Reader
	Bodies  Bodies

	unfit   error // why nothing can be selected by this stream; an abort may excuse it
	toc     map[string]*stream.Folder
	handled int64 // messages that an edited stream still names
	aborted *stream.Abort
}

// Result is what a run over the stream came to.
func (s *Selection) Result(err error, w *stream.Writer) error {
	switch {
	case err != nil:
		return err
	case s.aborted != nil:
		return s.aborted.Err()
	}
	return Partial(w.Failures())
}

// Read goes through the stream. What was whole in a damaged one is fetched
// before the error is returned.
func (s *Selection) Read() error {
	for rec, err := range s.In.All() {
		if err != nil {
			return cmp.Or(s.Bodies.Flush(), err)
		}
		if err := s.record(rec); err != nil {
			return err
		}
	}
	return s.Bodies.Flush()
}

func (s *Selection) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Message:
		if s.unfit != nil {
			return s.unfit
		}
		s.handled++
		r.Change = "" // it gets its octets
		return s.Bodies.Message(r, s.toc[r.Folder])
	case *stream.Body:
		return nil // other octets take its place
	case *stream.Failed:
		if r.Reason == stream.ReasonIncomplete {
			return nil // what an edited stream lost, the source has
		}
	}
	if err := s.Bodies.Flush(); err != nil {
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
		if s.Options.Edited { // what was filtered away is not counted any more
			r.Listed, r.Missing = r.Present+s.handled, 0
		}
	case *stream.Abort:
		s.aborted = r
	}
	return s.Bodies.Forward(rec)
}

func (s *Selection) begin(b *stream.Begin) error {
	s.toc, s.handled = map[string]*stream.Folder{}, 0
	recipe, err := headerkey.ParseRecipe(b.Key)
	if s.unfit = nil; err != nil {
		s.unfit = fault.Errorf(fault.Data, "the stream's key recipe: %w", err)
	} else if err := s.Bodies.Begin(b, recipe); err != nil {
		return err
	}
	out := *b
	out.Tool, out.Content = s.Options.Tool, stream.Full
	out.Labels = stream.MergeLabels(b.Labels, s.Options.Labels)
	if s.Options.Edited {
		out.Filters = append(slices.Clone(b.Filters), "edited")
	}
	return s.Bodies.Forward(&out)
}
