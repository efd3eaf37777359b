package cli

import (
	"cmp"
	"os"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const producing = "Output"

// StreamFlags are the options of a command that writes a stream.
func StreamFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: producing,
			Usage: "`FILE`: write the stream there; it appears when it is whole, and until then is FILE.partial; a " +
				"FILE that is there is replaced only by a stream of the same account"},
		&ucli.StringFlag{Name: "level", Category: producing,
			Usage: "`none|fastest|default|better`: compression; none is plain NDJSON (default: fastest into a pipe, " +
				"default into a file)"},
		OverwriteFlag(),
		&ucli.StringSliceFlag{Name: "label", Category: producing,
			Usage: "`NAME=VALUE`: note in the stream, for dates and case numbers; repeatable"},
	}
}

// WritesFile reports whether arguments send the stream to a file.
func WritesFile(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "-o" || a == "--output" || strings.HasPrefix(a, "-o=") || strings.HasPrefix(a, "--output=")
	})
}

// Labels reads --label, sorted by name.
func Labels(c *ucli.Context) ([]stream.Label, error) {
	var out []stream.Label
	for _, l := range c.StringSlice("label") {
		name, value, ok := strings.Cut(l, "=")
		if !ok || name == "" {
			return nil, exit.Errorf(exit.Usage, "--label %s is not NAME=VALUE", Safe(l))
		}
		if slices.ContainsFunc(out, func(o stream.Label) bool { return o.Name == name }) {
			return nil, exit.Errorf(exit.Usage, "--label %s is given twice", Safe(name))
		}
		out = append(out, stream.Label{Name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b stream.Label) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// StreamOutput is where a command writes its stream. However the command
// fares, the stream says so: it ends in an end or in an abort record.
type StreamOutput struct {
	*stream.Writer
	From *stream.Recovered // what an earlier run left, or nil

	out   *Output
	name  string
	begin *stream.Begin
}

// OpenStream prepares the output that StreamFlags describe. begin is written
// when the command has to stop before it wrote one of its own, and must be
// that of the file which --output continues, if resume is set.
func OpenStream(c *ucli.Context, begin *stream.Begin, resume bool) (*StreamOutput, error) {
	if IsSet(c, "output") && c.String("output") == "" {
		return nil, exit.Errorf(exit.Usage, "--output has no file name").WithHint("is a variable of your shell empty?")
	}
	return OpenStreamFile(c, c.String("output"), begin, resume)
}

// OpenStreamFile is OpenStream to a file of another option's.
func OpenStreamFile(c *ucli.Context, file string, begin *stream.Begin, resume bool) (*StreamOutput, error) {
	level, err := levelOf(c)
	if err != nil {
		return nil, err
	}
	out, err := NewOutput(c.Context, file, OutputOptions{Binary: level != stream.None})
	if err != nil {
		return nil, err
	}
	var first func(*stream.Begin) error
	if !c.Bool("overwrite") {
		if first, err = out.guardStream(begin); err != nil {
			out.Abort()
			return nil, err
		}
		if isRejects(begin) {
			first = nil // too late: messages have been appended by then
		}
	}
	if level < 0 {
		level = stream.Fastest
		if out.IsFile() {
			level = stream.Default
		}
	}
	greeted := stateOf(c.App).greeted
	if !out.stdout {
		greeted = nil
	}
	if greeted != nil && (*greeted == stream.None) != (level == stream.None) {
		level = *greeted // it cannot be taken back
	}
	s := &StreamOutput{out: out, name: c.App.Name, begin: begin}
	if resume {
		if err := s.recover(level); err != nil {
			out.Abort()
			return nil, err
		}
	}
	s.Writer = stream.NewWriter(out, stream.WriterOptions{Level: level, Live: !out.IsFile(), Greeted: greeted != nil,
		From: s.From, First: first})
	stateOf(c.App).opened = true
	return s, nil
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

// levelOf reads --level; -1 where it was not given.
func levelOf(c *ucli.Context) (stream.Level, error) {
	if text := c.String("level"); text != "" {
		return stream.ParseLevel(text)
	}
	return -1, nil
}

// recover finds out what FILE.partial holds.
func (s *StreamOutput) recover(level stream.Level) error {
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
			"%s.partial holds another export: its account, selection, key or labels differ", Safe(s.out.Name())).
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
		s.abort(err)
	case err != nil && code != exit.Partial && code != exit.Different: // before a further stream
		s.abort(err)
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

// abort says in band that the command stops early.
func (s *StreamOutput) abort(err error) {
	if !s.Begun() && !s.Ended() {
		if s.Write(s.begin) != nil {
			return
		}
	}
	// Whoever does not get this record finds the stream cut.
	_ = s.Abort(&stream.Abort{Command: s.name, Exit: int(exit.CodeOf(err)), Text: err.Error()})
}

// greet tells the next command of a pipe that a stream comes, before anything is
// waited for: if this command is killed now, the input of that one is cut, and
// not empty.
func (st *state) greet(args []string) {
	if !st.pipesStream(args) {
		return
	}
	level := levelIn(args)
	if _, err := os.Stdout.Write(stream.Greeting(level)); err == nil { // else the first record finds out
		st.greeted = &level
	}
}

// levelIn returns whether arguments ask for a plain stream, as None or Fastest:
// the last --level counts.
func levelIn(args []string) stream.Level {
	level := stream.Fastest
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name != "level" || name == arg {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if level = stream.Fastest; value == "none" {
			level = stream.None
		}
	}
	return level
}

// pipesStream reports whether stdout is a pipe that carries a stream.
func (st *state) pipesStream(args []string) bool {
	if st.command.Stream == nil || !st.command.Stream(args) {
		return false
	}
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// abortUnopened tells the next command of a pipe that this one stopped before
// it had a stream to say it in.
func (st *state) abortUnopened(args []string, err error) {
	if err == nil || st.opened || !st.pipesStream(args) {
		return
	}
	level := stream.Fastest
	if st.greeted != nil {
		level = *st.greeted
	}
	w := stream.NewWriter(os.Stdout, stream.WriterOptions{Level: level, Greeted: st.greeted != nil})
	s := StreamOutput{Writer: w, name: st.command.Name,
		begin: &stream.Begin{Tool: Tool(st.command.Name), Content: stream.Headers}}
	s.abort(err)
	w.Close()
}

// Tool names a command and its version, as records do.
func Tool(name string) string { return name + " " + Version() }
