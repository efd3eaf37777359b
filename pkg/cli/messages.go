package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// messageCap bounds a message on stderr, in octets: a server's words may be
// a megabyte.
const messageCap = 4096

// Messages is the one writer on stderr. Every message is one line, begins with
// the command's name and passes through Safe; a progress line is taken off
// the terminal before it. Its methods may be called from any goroutine.
type Messages struct {
	name  string
	hints []Hint
	quiet atomic.Bool // a signal may be answered before it is set

	mu       sync.Mutex
	w        io.Writer
	drawn    int // columns of the progress line that is on the terminal
	progress *Progress
}

func newMessages(name string, w io.Writer) *Messages {
	return &Messages{name: name, w: w}
}

// MessagesOf returns the Messages of the command that runs.
func MessagesOf(c *ucli.Context) *Messages {
	return stateOf(c.App).messages
}

// Name is the command's name.
func (t *Messages) Name() string { return t.name }

// Info prints what is good to know, unless --quiet was given.
func (t *Messages) Info(format string, args ...any) {
	if !t.quiet.Load() {
		t.Print(fmt.Sprintf(format, args...))
	}
}

// Warn prints a warning, and the hint of the first error among its arguments that has one.
func (t *Messages) Warn(format string, args ...any) {
	t.Print("warning: " + fmt.Sprintf(format, args...))
	for _, arg := range args {
		if err, ok := arg.(error); ok && t.hint(err) {
			return
		}
	}
}

// WarnSkipped says what was passed over in an edited stream, once it was read.
func (t *Messages) WarnSkipped(in *stream.Reader) {
	if n := in.Skipped(); n > 0 {
		t.Warn("passed over %d body parts whose message was filtered away", n)
	}
}

// fail prints an error and its hint. That the reader of our output went away
// is for the reader to explain, and an error without text for nobody.
func (t *Messages) fail(err error) {
	if err == nil || err.Error() == "" || exit.CodeOf(err) == exit.BrokenPipe {
		return
	}
	t.Print(err.Error())
	t.hint(err)
}

// hint prints what the user can do about an error, and reports whether that is known.
func (t *Messages) hint(err error) bool {
	hint := hintOf(err, t.hints)
	if hint != "" {
		t.Print("hint: " + hint)
	}
	return hint != ""
}

// Print prints one message. Errors are ignored: there is nobody left to tell.
func (t *Messages) Print(message string) {
	t.raw(t.name + ": " + Safe(text.Shorten(message, messageCap)))
}

// raw prints a line that is safe already.
func (t *Messages) raw(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, t.erasure()+line+"\n")
	t.drawn = 0
}

// draw replaces the progress line by one of the given width in columns.
func (t *Messages) draw(line string, columns int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := max(0, t.drawn-columns)
	io.WriteString(t.w, "\r"+line+strings.Repeat(" ", rest)+strings.Repeat("\b", rest))
	t.drawn = columns
}

// Clear takes the progress line off the terminal.
func (t *Messages) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, t.erasure())
	t.drawn = 0
}

// erasure is what takes the progress line away. Blanks do it on any terminal.
func (t *Messages) erasure() string {
	if t.drawn == 0 {
		return ""
	}
	return "\r" + strings.Repeat(" ", t.drawn) + "\r"
}

// follow makes p what SIGUSR1 reports.
func (t *Messages) follow(p *Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = p
}

// report answers SIGUSR1.
func (t *Messages) report() {
	t.mu.Lock()
	p := t.progress
	t.mu.Unlock()
	if p == nil {
		t.Print("nothing done yet")
		return
	}
	p.report()
}
