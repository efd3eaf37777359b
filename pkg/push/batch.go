package push

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// batchOctets is the memory of one batch. A larger message waits in a
	// temporary file.
	batchOctets = 4 << 20
	// batches is how many there are: one is on the wire, one is filled.
	batches = 2
	// starving is how long a batch waits for more.
	starving = 200 * time.Millisecond
	// keepAlive is how often a connection that waits for the plan is kept.
	keepAlive = time.Minute
)

// message is one message of a batch, with its octets in hand.
type message struct {
	stream.Message
	octets  []byte   // in the batch's slab
	file    *os.File // instead, for a large message
	spooled *spooled // instead, for one that waited
	odd     oddity
	altered *altered // nil: it is sent as it is

	copied bool     // by the server: its octets are at the source alone
	tie    *tie.Tie // nil: it is part of none, or the plan does not tell of it
	loose  *loose   // what these are known by, once that is needed
	now    []string // the flags that it has there
	unseen int      // how often it was copied, as the server says, and was not there

	insisted bool // it was copied once more after a refusal

	answered bool // it has its receipt
	inDoubt  bool // it was sent, and nobody knows what became of it
}

// ReadAt reads the octets.
func (m *message) ReadAt(p []byte, at int64) (int, error) {
	switch {
	case m.altered != nil && m.altered.large != nil:
		return m.altered.large.Octets.ReadAt(p, at)
	case m.file != nil:
		return m.file.ReadAt(p, at)
	case m.spooled != nil:
		return m.spooled.file.ReadAt(p, m.spooled.at+at)
	}
	return bytes.NewReader(m.octets).ReadAt(p, at)
}

func (m *message) close() {
	if m.altered != nil {
		m.altered.close()
		m.altered.was.close()
	}
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// oddity is what some servers refuse in a message. An odd one travels alone,
// so that it does not take a batch with it, until the server has shown that it
// does not mind.
type oddity uint8

const (
	hasNUL oddity = 1 << iota
	hasBareLF
	hasBareCR
	hasNoHeader
	hasEmptyLineFirst
	has8BitHeader
)

// oddityOf looks at octets for what servers are known to refuse.
func oddityOf(octets []byte) (o oddity) {
	if bytes.IndexByte(octets, 0) >= 0 {
		o |= hasNUL
	}
	lines := bytes.Count(octets, []byte{'\n'})
	pairs := bytes.Count(octets, []byte("\r\n"))
	if lines != pairs {
		o |= hasBareLF
	}
	if bytes.Count(octets, []byte{'\r'}) != pairs {
		o |= hasBareCR
	}
	head, _, found := bytes.Cut(octets, []byte("\r\n\r\n"))
	if !found {
		o |= hasNoHeader
	}
	if len(octets) == 0 || octets[0] == '\r' || octets[0] == '\n' {
		o |= hasEmptyLineFirst
	}
	if first, _, _ := bytes.Cut(head, []byte("\r\n")); bytes.IndexByte(first, ':') <= 0 || bytes.HasPrefix(first, []byte("From ")) {
		o |= hasNoHeader
	}
	if slices.ContainsFunc(head[:min(len(head), 64<<10)], func(c byte) bool { return c >= 0x80 }) {
		o |= has8BitHeader
	}
	return o
}

// work is what the assembler hands over: a batch of messages for one target,
// or a record of another kind.
type work struct {
	messages []*message
	slab     []byte
	record   stream.Record
	err      error // the end of the plan: io.EOF, or what is wrong with it
}

func (w *work) full(n int64) bool {
	return len(w.messages) == imapconn.MaxBatchMessages || int64(len(w.slab))+n > batchOctets
}

// assembler reads the plan and fills batches. Its run is on a goroutine of its
// own; next is called from another.
type assembler struct {
	in     *stream.Reader
	bodies bool // messages must have them
	copies bool // the server copies them
	ready  chan *work
	free   chan *work
	stop   chan struct{}

	begin *stream.Begin
	seen  stream.Seen
	ties  tie.Index

	mu   sync.Mutex
	cur  *work // being filled, or nil
	last time.Time
	open *message // its parts are under way
	sum  digest
}

func newAssembler(in *stream.Reader, bodies, copies bool) *assembler {
	a := &assembler{in: in, bodies: bodies, copies: copies, ready: make(chan *work), free: make(chan *work, batches), stop: make(chan struct{})}
	for range batches {
		a.free <- &work{slab: make([]byte, 0, batchOctets)}
	}
	return a
}

// next returns the next piece of work. A batch that waits for more messages is
// taken as it is after a while. Once a minute it calls idle. It returns nil when
// late, which may be nil, fires.
func (a *assembler) next(idle func(), late <-chan time.Time) *work {
	tick := time.NewTicker(starving / 4)
	defer tick.Stop()
	keep := time.NewTicker(keepAlive)
	defer keep.Stop()
	for {
		select {
		case w := <-a.ready:
			return w
		case <-tick.C:
			if w := a.steal(); w != nil {
				return w
			}
		case <-keep.C:
			idle()
		case <-late:
			return nil
		}
	}
}

func (a *assembler) steal() *work {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cur == nil || len(a.cur.messages) == 0 || time.Since(a.last) < starving {
		return nil
	}
	w := a.cur
	a.cur = nil
	return w
}

// done gives a batch back to be filled again.
func (a *assembler) done(w *work) {
	for _, m := range w.messages {
		m.close()
	}
	if w.record == nil && w.err == nil {
		w.messages, w.slab = w.messages[:0], w.slab[:0]
		a.free <- w
	}
}

// run reads the plan to its end.
func (a *assembler) run() {
	for {
		rec, err := a.in.Next()
		if err == nil {
			err = a.record(rec)
		}
		if err != nil {
			a.drop()
			if a.give() == nil {
				a.pass(&work{err: err})
			}
			return
		}
	}
}

func (a *assembler) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		a.begin = r
		a.ties.Begin()
	case *stream.Tie:
		a.drop()
		a.ties.Add(r)
		return nil
	case *stream.Message:
		return a.message(r)
	case *stream.Body:
		return a.part(r)
	}
	a.drop()
	if err := a.give(); err != nil {
		return err
	}
	return a.pass(&work{record: rec})
}

// pass hands over work that is no batch.
func (a *assembler) pass(w *work) error {
	select {
	case a.ready <- w:
		return nil
	case <-a.stop:
		return errStopped
	}
}

// give hands over the batch that is being filled.
func (a *assembler) give() error {
	a.mu.Lock()
	w := a.cur
	a.cur = nil
	a.mu.Unlock()
	switch {
	case w == nil:
		return nil
	case len(w.messages) == 0:
		a.free <- w
		return nil
	}
	return a.pass(w)
}

// together tells whether two messages go to one folder.
func together(a, b *message) bool { return a.Target == b.Target && a.Folder == b.Folder }

// room returns a batch, locked, that takes m with n octets of memory; one that
// is alone begins a new one.
func (a *assembler) room(m *message, n int64, alone bool) (*work, error) {
	a.mu.Lock()
	if w := a.cur; w != nil && len(w.messages) > 0 && (alone || w.full(n) || !together(w.messages[0], m)) {
		a.mu.Unlock()
		if err := a.give(); err != nil {
			return nil, err
		}
		a.mu.Lock()
	}
	if a.cur == nil {
		a.mu.Unlock()
		select {
		case w := <-a.free:
			a.mu.Lock()
			a.cur = w
		case <-a.stop:
			return nil, errStopped
		}
	}
	return a.cur, nil
}

// duplicate stands for a message that a concatenation held before.
type duplicate struct{ stream.Unknown }

func (a *assembler) message(r *stream.Message) error {
	a.drop()
	if again, err := a.seen.Again(a.begin, r); err != nil {
		return err
	} else if again {
		if err := a.give(); err != nil {
			return err
		}
		return a.pass(&work{record: &duplicate{}})
	}
	if a.bodies && !r.HasBody() && r.Parts == 0 {
		return exit.Errorf(exit.Usage, "bodies missing: %s UID %d has none", strconv.QuoteToASCII(r.Folder), r.UID).WithHint("put `imap-fetch --select -` before imap-push")
	}
	m := &message{Message: *r, copied: a.copies, tie: a.ties.Find(r)}
	m.Flags, m.Header, m.Extra = slices.Clone(r.Flags), slices.Clone(r.Header), slices.Clone(r.Extra)
	m.GmailLabels, m.Unknown = slices.Clone(r.GmailLabels), slices.Clone(r.Unknown)
	m.DropBody()
	if a.bodies && r.Parts > 0 {
		return a.large(m)
	}
	memory := r.Size
	if !a.bodies {
		memory = 0
	}
	w, err := a.room(m, memory, false)
	if err != nil {
		return err
	}
	if a.bodies {
		start := len(w.slab)
		if w.slab, err = r.AppendBody(w.slab); err != nil {
			a.mu.Unlock()
			return a.damaged(m, err)
		}
		m.octets = w.slab[start:len(w.slab):len(w.slab)]
		m.odd = oddityOf(m.octets)
	}
	w.messages = append(w.messages, m)
	a.last = time.Now()
	a.mu.Unlock()
	return nil
}

// damaged passes on a message whose octets are not what its record says.
func (a *assembler) damaged(m *message, err error) error {
	if err := a.give(); err != nil {
		return err
	}
	return a.pass(&work{record: &damage{m: &m.Message, err: err}})
}

// errStopped ends the assembler when nobody wants its work any more.
var errStopped = errors.New("stopped")
