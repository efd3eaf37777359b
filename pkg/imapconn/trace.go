package imapconn

import (
	"io"
	"sync"
)

// tracer writes the lines of both directions for people. It is nil when nobody
// asked. Credentials never reach it: who sends them hands it other words,
// and what servers repeat of them is hidden.
type tracer struct {
	mu      sync.Mutex
	w       io.Writer
	secrets *secrets
}

func newTracer(w io.Writer, secrets *secrets) *tracer {
	if w == nil {
		return nil
	}
	return &tracer{w: w, secrets: secrets}
}

func (t *tracer) client(line string) { t.line("C: ", line) }
func (t *tracer) server(line []byte) { t.line("S: ", string(line)) }

func (t *tracer) line(direction, line string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, direction+printable(t.secrets.hide(line))+"\n")
}
