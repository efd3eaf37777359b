package cli

import (
	"os"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// greet tells the next command of a pipe that a stream comes, before anything is
// waited for: if this command is killed now, the input of that one is cut, and
// not empty.
func (st *state) greet(args []string) {
	if !st.pipesStream(args) {
		return
	}
	level := levelIn(args)
	if _, err := os.Stdout.Write(frame.Greeting(level)); err == nil { // else the first record finds out
		st.greeted = &level
	}
}

// levelIn returns whether arguments ask for a plain stream, as None or Fastest:
// the last --level counts.
func levelIn(args []string) frame.Level {
	level := frame.Fastest
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name != "level" || name == arg {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if level = frame.Fastest; value == "none" {
			level = frame.None
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
	level := frame.Fastest
	if st.greeted != nil {
		level = *st.greeted
	}
	w := stream.NewWriter(os.Stdout, stream.WriterOptions{Level: level, Greeted: st.greeted != nil})
	begin := &stream.Begin{Tool: Tool(st.command.Name), Content: stream.Headers}
	files.AbortStream(w, begin, st.command.Name, err)
	w.Close()
}
