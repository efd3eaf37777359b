package cli

import (
	"io"
	"os"
	"sync"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// The values of --progress.
const (
	progressAuto   = "auto"
	progressNone   = "none"
	progressNDJSON = "ndjson"
)

// How often progress is shown on a terminal, and told to a program.
const (
	drawEvery = 200 * time.Millisecond
	tellEvery = time.Second
)

// Progress shows how far a command is: as one line on stderr when that is a
// terminal and stdout is not a pipe to the next command, as JSON objects
// with --progress ndjson, and whenever SIGUSR1 comes. The nil Progress does
// nothing. Its methods may be called from any goroutine; Add costs a lock.
type Progress struct {
	messages *Messages
	mode     string
	width    func() int // columns of the terminal
	now      func() time.Time
	stop     chan struct{}
	ticked   sync.WaitGroup

	mu      sync.Mutex
	count   count
	began   time.Time
	samples samples
}

// count is how far a phase is. A total of 0 is not known.
type count struct {
	phase, folder                string
	messages, octets             int64
	totalMessages, totalOctets   int64
	skippedMessages, skippedSize int64
}

// NewProgress starts the progress that --progress and --quiet ask for. Stop
// ends it.
func NewProgress(c *ucli.Context) (*Progress, error) {
	messages := MessagesOf(c)
	mode := c.String("progress")
	switch mode {
	case progressNDJSON, progressNone:
	case progressAuto:
		if messages.quiet.Load() || !descriptor.IsTerminal(os.Stderr) || descriptor.IsPipe(os.Stdout) {
			mode = progressNone
		}
	default:
		return nil, exit.Errorf(exit.Usage, "--progress is %q, but can be auto, none or ndjson", mode)
	}
	p := newProgress(messages, mode)
	p.start()
	return p, nil
}

func newProgress(messages *Messages, mode string) *Progress {
	p := &Progress{messages: messages, mode: mode, now: time.Now, width: stderrWidth, stop: make(chan struct{})}
	p.began = p.now()
	return p
}

// start begins to show p.
func (p *Progress) start() {
	p.messages.follow(p)
	if p.mode == progressNone {
		return
	}
	every := drawEvery
	if p.mode == progressNDJSON {
		every = tellEvery
	}
	p.ticked.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.show()
			case <-p.stop:
				return
			}
		}
	})
}

// Phase begins a new part of the work, with its own counts and totals.
// phase is a word or two ("reading the destination"), or "".
func (p *Progress) Phase(phase string) {
	p.change(func(c *count) {
		*c = count{phase: phase}
		p.began = p.now()
		p.samples = samples{}
	})
}

// Total says how many messages and octets there are to do; 0 is not known.
func (p *Progress) Total(messages, octets int64) {
	p.change(func(c *count) { c.totalMessages, c.totalOctets = messages, octets })
}

// Folder says which folder is being worked on.
func (p *Progress) Folder(name string) {
	p.change(func(c *count) { c.folder = name })
}

// Add counts messages and octets as done.
func (p *Progress) Add(messages, octets int64) {
	p.change(func(c *count) { c.messages += messages; c.octets += octets })
}

// Skip counts as done what took no work (an earlier run did it): it is no
// part of the rate.
func (p *Progress) Skip(messages, octets int64) {
	p.change(func(c *count) {
		c.messages += messages
		c.octets += octets
		c.skippedMessages += messages
		c.skippedSize += octets
	})
}

func (p *Progress) change(fn func(*count)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(&p.count)
}

// Stop takes the line away, or writes the last object. SIGUSR1 still
// reports the final counts. It may be called twice.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	select {
	case <-p.stop:
		p.mu.Unlock()
		return
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.ticked.Wait()
	switch p.mode {
	case progressNDJSON:
		p.messages.raw(p.object(true))
	case progressAuto:
		p.messages.Clear()
	}
}

// Until returns w, and stops p before the first octet goes there: a line on the
// terminal would stand in the way of a table.
func (p *Progress) Until(w io.Writer) io.Writer { return &stopsFirst{w, p} }

type stopsFirst struct {
	io.Writer
	progress *Progress
}

func (s *stopsFirst) Write(b []byte) (int, error) {
	s.progress.Stop()
	return s.Writer.Write(b)
}

// show is what happens at every tick.
func (p *Progress) show() {
	if p.mode == progressNDJSON {
		p.messages.raw(p.object(false))
		return
	}
	columns := p.width() - 1 // in the last column some terminals wrap
	line, width := text.Cut(p.messages.name+": "+p.line(), columns)
	p.messages.draw(line, width)
}

// report answers SIGUSR1.
func (p *Progress) report() {
	if p.mode == progressNDJSON {
		p.messages.raw(p.object(false))
		return
	}
	p.messages.Print(p.line())
}

// snapshot returns the counts and what follows from them.
func (p *Progress) snapshot() (count, speed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, p.samples.speed(p.now().Sub(p.began), p.count)
}
