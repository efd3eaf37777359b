package files

import (
	"context"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// StreamOutput is where a command writes its stream. However the command
// fares, the stream says so: it ends in an end or in an abort record.
type StreamOutput struct {
	*stream.Writer
	From *stream.Recovered // what an earlier run left, or nil

	out   *Output
	name  string
	begin *stream.Begin
}

// AutoLevel compresses a file, and no pipe.
const AutoLevel frame.Level = -1

// StreamOptions tells OpenStream what is written.
type StreamOptions struct {
	Command string // who writes, for an abort record
	// Begin is written when the command has to stop before it wrote a begin record
	// of its own, and must be that of the file which Resume continues.
	Begin     *stream.Begin
	Level     frame.Level
	Overwrite bool // replace FILE whatever it holds
	Resume    bool // go on with what an earlier run left
	// Greeted is the level of the stream that stdout has been greeted with, or nil.
	Greeted *frame.Level
}

// OpenStream prepares the output to file, as NewOutput does.
func OpenStream(ctx context.Context, file string, opt StreamOptions) (*StreamOutput, error) {
	out, err := NewOutput(ctx, file, OutputOptions{Binary: opt.Level != frame.None})
	if err != nil {
		return nil, err
	}
	s := &StreamOutput{out: out, name: opt.Command, begin: opt.Begin}
	if err := s.open(opt); err != nil {
		out.Abort()
		return nil, err
	}
	return s, nil
}

func (s *StreamOutput) open(opt StreamOptions) (err error) {
	var first func(*stream.Begin) error
	if !opt.Overwrite {
		if first, err = guardStream(s.out, s.begin); err != nil {
			return err
		}
		if isRejects(s.begin) {
			first = nil // too late: messages have been appended by then
		}
	}
	if !s.out.stdout {
		opt.Greeted = nil
	}
	level := s.level(opt)
	if opt.Resume {
		if err := s.recover(level); err != nil {
			return err
		}
	}
	s.Writer = stream.NewWriter(s.out, stream.WriterOptions{Level: level, Live: !s.out.IsFile(),
		Greeted: opt.Greeted != nil, From: s.From, First: first})
	return nil
}

// level returns how the stream is compressed.
func (s *StreamOutput) level(opt StreamOptions) frame.Level {
	level := opt.Level
	if level == AutoLevel {
		level = frame.Store
		if s.out.IsFile() {
			level = frame.Default
		}
	}
	if opt.Greeted != nil && (*opt.Greeted == frame.None) != (level == frame.None) {
		level = *opt.Greeted // it cannot be taken back
	}
	return level
}

// Name is what messages call the output.
func (s *StreamOutput) Name() string { return s.out.Name() }

// Unfinished names the file in which a stream that was not ended waits for the
// next run, "" where there is none.
func (s *StreamOutput) Unfinished() string {
	if !s.out.whole {
		return ""
	}
	return s.out.partial()
}

// Recovered returns how many messages an earlier run left.
func (s *StreamOutput) Recovered() (n int64) {
	if s.From != nil {
		for _, p := range s.From.Done {
			n += p.Messages
		}
	}
	return n
}

// recover finds out what FILE.partial holds.
func (s *StreamOutput) recover(level frame.Level) error {
	partial, err := s.out.Partial()
	if err != nil || partial == nil {
		return err
	}
	from, err := stream.Recover(partial, level)
	if err != nil {
		return err
	}
	if from.Begin == nil {
		return s.out.TruncateTo(0)
	}
	if !sameExport(from.Begin, s.begin) {
		return exit.Errorf(exit.CantCreate,
			"%s.partial holds another export: its account, selection, key or labels differ", text.Safe(s.out.Name())).
			WithHint("give --restart to begin anew, or another --output")
	}
	s.From = from
	return s.out.TruncateTo(from.Offset)
}

// sameExport compares what the options decide; what the server and the clock
// decide is in the stream already.
func sameExport(a, b *stream.Begin) bool {
	x, y := *a, *b
	for _, r := range []*stream.Begin{&x, &y} {
		r.Tool, r.Prefix, r.Delimiter, r.Extra = "", "", "", nil
		r.Filters = slices.Clone(r.Filters)
		for i, f := range r.Filters {
			r.Filters[i], _, _ = stream.CutFilterAt(f)
		}
	}
	return string(stream.Line(&x)) == string(stream.Line(&y))
}

// Finish ends the stream as err demands and puts the file in its place if it
// is whole. It returns err, or what went wrong here.
func (s *StreamOutput) Finish(err error) error {
	switch code := exit.CodeOf(err); {
	case s.Aborted() || s.From != nil && s.From.Ended:
	case !s.Ended():
		if err == nil {
			err = exit.Errorf(exit.Bug, "the stream was not ended")
		}
		AbortStream(s.Writer, s.begin, s.name, err)
	case err != nil && code != exit.Partial && code != exit.Different: // before a further stream
		AbortStream(s.Writer, s.begin, s.name, err)
	}
	if closeErr := s.Close(); closeErr != nil && (err == nil || exit.CodeOf(err) == exit.Partial) {
		err = closeErr
	}
	if s.Aborted() || exit.CodeOf(err) == exit.IO || exit.CodeOf(err) == exit.BrokenPipe {
		s.out.Abort()
		return err
	}
	if commitErr := s.out.Commit(); commitErr != nil {
		return commitErr
	}
	return err
}

// AbortStream says in band that a command stops early. begin is written where w has
// no begin record yet.
func AbortStream(w *stream.Writer, begin *stream.Begin, command string, err error) {
	if !w.Begun() && !w.Ended() && w.Write(begin) != nil {
		return
	}
	// Whoever does not get this record finds the stream cut.
	_ = w.Abort(&stream.Abort{Command: command, Exit: int(exit.CodeOf(err)), Text: err.Error()})
}
