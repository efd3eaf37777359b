package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

const (
	// maxBytes is the memory of one batch. A larger message waits in a temporary
	// file.
	maxBytes = 4 << 20
	// batches is how many there are where one goes at a time: one is on the wire, one
	// is filled.
	batches = 2
	// maxWait is how long a batch waits for more messages.
	maxWait = 200 * time.Millisecond
	// KeepAlive is how often a connection that waits for the plan is kept.
	KeepAlive = time.Minute
)

// Item is a part of a plan: a batch of messages of one folder that go to one
// folder, or a record of another kind.
type Item struct {
	Messages []*Message
	Record   stream.Record
	Err      error // the end of the plan: io.EOF, or what is wrong with it
	slab     []byte
}

func (i *Item) full(n int64) bool {
	return len(i.Messages) == imapconn.MaxBatchMessages || int64(len(i.slab))+n > maxBytes
}

// Duplicate is a record that stands for a message that a concatenation held before.
type Duplicate struct{ stream.Unknown }

// Damaged is a record that stands for a message whose content is not what its
// record says.
type Damaged struct {
	stream.Unknown
	Message *stream.Message
	Err     error
}

// Content says where the content of messages comes from.
type Content int

const (
	InPlan   Content = iota // from the plan
	Nowhere                 // it is not needed
	AtServer                // the server copies it
)

// Batcher reads a plan and fills batches. Its Run is on a goroutine of its own.
type Batcher struct {
	in      *stream.Reader
	content Content
	ready   chan *Item
	free    chan *Item
	stop    chan struct{}
	ahead   []*Item // taken from ready, and not yet given out

	begin *stream.Begin
	seen  stream.Seen
	ties  tie.Index
	large large

	mu   sync.Mutex
	cur  *Item // being filled, or nil
	last time.Time
}

// large is a message that is put together from parts in a temporary file.
type large struct {
	message *Message // nil: there is none
	sum     hash.Hash
	size    int64
	buf     []byte
}

// NewBatcher makes a Batcher that may read so many batches ahead.
func NewBatcher(in *stream.Reader, content Content, ahead int) *Batcher {
	n := batches + ahead
	b := &Batcher{
		in: in, content: content,
		ready: make(chan *Item, ahead), free: make(chan *Item, n), stop: make(chan struct{}),
	}
	for range n {
		b.free <- &Item{}
	}
	return b
}

// Stop ends Run when nobody calls Next any more.
func (b *Batcher) Stop() { close(b.stop) }

// errStopped ends Run.
var errStopped = errors.New("stopped")

// Next returns the next part of the plan. A batch that waits for more messages is
// taken as it is after a while. Once a minute it calls idle. It returns nil when
// timeout, which may be nil, fires.
func (b *Batcher) Next(idle func(), timeout <-chan time.Time) *Item {
	if len(b.ahead) > 0 {
		item := b.ahead[0]
		b.ahead = slices.Delete(b.ahead, 0, 1)
		return item
	}
	tick := time.NewTicker(maxWait / 4)
	defer tick.Stop()
	keep := time.NewTicker(KeepAlive)
	defer keep.Stop()
	for {
		select {
		case item := <-b.ready:
			return item
		case <-tick.C:
			if item := b.steal(); item != nil {
				return item
			}
		case <-keep.C:
			idle()
		case <-timeout:
			return nil
		}
	}
}

// Ahead returns the batches that Next will return next, as far as they have been read
// and nothing else comes between.
func (b *Batcher) Ahead() []*Item {
	batch := func(i *Item) bool { return i.Record == nil && i.Err == nil }
	for len(b.ahead) == 0 || batch(b.ahead[len(b.ahead)-1]) {
		select {
		case item := <-b.ready:
			b.ahead = append(b.ahead, item)
			continue
		default:
		}
		return b.ahead
	}
	return b.ahead[:len(b.ahead)-1]
}

// steal takes the batch that is being filled, if all before it have been given out.
func (b *Batcher) steal() *Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cur == nil || len(b.ready) > 0 || len(b.cur.Messages) == 0 || time.Since(b.last) < maxWait {
		return nil
	}
	item := b.cur
	b.cur = nil
	return item
}

// Done closes the messages of an item, and gives it back to be filled again.
func (b *Batcher) Done(item *Item) {
	for _, m := range item.Messages {
		m.Close()
	}
	if item.Record == nil && item.Err == nil {
		item.Messages, item.slab = item.Messages[:0], item.slab[:0]
		b.free <- item
	}
}

// Run reads the plan to its end.
func (b *Batcher) Run() {
	for {
		rec, err := b.in.Next()
		if err == nil {
			err = b.record(rec)
		}
		if err != nil {
			b.dropLarge()
			if b.handOver() == nil {
				b.pass(&Item{Err: err})
			}
			return
		}
	}
}

func (b *Batcher) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		b.begin = r
		b.ties.Begin()
	case *stream.Tie:
		b.dropLarge()
		b.ties.Add(r)
		return nil
	case *stream.Message:
		return b.message(r)
	case *stream.Body:
		return b.part(r)
	}
	b.dropLarge()
	return b.passRecord(rec)
}

// passRecord hands over a record, after what is being filled.
func (b *Batcher) passRecord(rec stream.Record) error {
	if err := b.handOver(); err != nil {
		return err
	}
	return b.pass(&Item{Record: rec})
}

func (b *Batcher) pass(item *Item) error {
	select {
	case b.ready <- item:
		return nil
	case <-b.stop:
		return errStopped
	}
}

// handOver hands over the batch that is being filled.
func (b *Batcher) handOver() error {
	b.mu.Lock()
	item := b.cur
	b.cur = nil
	b.mu.Unlock()
	switch {
	case item == nil:
		return nil
	case len(item.Messages) == 0:
		b.free <- item
		return nil
	}
	return b.pass(item)
}

// together reports whether two messages go from one folder to one folder.
func together(x, y *Message) bool { return x.Target == y.Target && x.Folder == y.Folder }

// lockFor locks, and returns a batch that takes m with n bytes of memory. One that
// is alone begins a new one.
func (b *Batcher) lockFor(m *Message, n int64, alone bool) (*Item, error) {
	b.mu.Lock()
	if c := b.cur; c != nil && len(c.Messages) > 0 && (alone || c.full(n) || !together(c.Messages[0], m)) {
		b.mu.Unlock()
		if err := b.handOver(); err != nil {
			return nil, err
		}
		b.mu.Lock()
	}
	if b.cur == nil {
		b.mu.Unlock()
		select {
		case item := <-b.free:
			if item.slab == nil {
				item.slab = make([]byte, 0, maxBytes)
			}
			b.mu.Lock()
			b.cur = item
		case <-b.stop:
			return nil, errStopped
		}
	}
	return b.cur, nil
}

func (b *Batcher) message(r *stream.Message) error {
	b.dropLarge()
	if again, err := b.seen.Again(b.begin, r); err != nil {
		return err
	} else if again {
		return b.passRecord(&Duplicate{})
	}
	bodies := b.content == InPlan
	if bodies && !r.HasBody() && r.Parts == 0 {
		return fault.Errorf(fault.Usage, "bodies missing: %s UID %d has none", strconv.QuoteToASCII(r.Folder), r.UID).
			Because(ErrNoBodies)
	}
	m := &Message{Message: *r, Copied: b.content == AtServer, Tied: b.ties.Find(r)}
	m.Flags, m.Header, m.Extra = slices.Clone(r.Flags), slices.Clone(r.Header), slices.Clone(r.Extra)
	m.GmailLabels, m.Unknown = slices.Clone(r.GmailLabels), slices.Clone(r.Unknown)
	m.DropBody()
	if bodies && r.Parts > 0 {
		return b.beginLarge(m)
	}
	memory := r.Size
	if !bodies {
		memory = 0
	}
	item, err := b.lockFor(m, memory, false)
	if err != nil {
		return err
	}
	if bodies {
		start := len(item.slab)
		if item.slab, err = r.AppendBody(item.slab); err != nil {
			b.mu.Unlock()
			return b.damaged(m, err)
		}
		m.content = item.slab[start:len(item.slab):len(item.slab)]
		m.Oddity = oddityOf(m.content)
	}
	item.Messages = append(item.Messages, m)
	b.last = time.Now()
	b.mu.Unlock()
	return nil
}

func (b *Batcher) damaged(m *Message, err error) error {
	return b.passRecord(&Damaged{Message: &m.Message, Err: err})
}

func (b *Batcher) beginLarge(m *Message) error {
	var err error
	if m.file, err = tempfile.New("a large message"); err != nil {
		return err
	}
	b.large.message, b.large.sum, b.large.size = m, sha256.New(), 0
	return nil
}

func (b *Batcher) part(r *stream.Body) error {
	l := &b.large
	m := l.message
	if err := b.seen.Part(r); err != nil || m == nil {
		return err
	}
	var err error
	if l.buf, err = r.AppendOctets(l.buf[:0]); err != nil {
		b.dropLarge()
		return b.damaged(m, err)
	}
	if _, err := m.file.Write(l.buf); err != nil {
		return err
	}
	l.sum.Write(l.buf)
	l.size += int64(len(l.buf))
	if r.Part < r.Parts {
		return nil
	}
	l.message = nil
	if m.SHA256 = r.SHA256; l.size != m.Size || hex.EncodeToString(l.sum.Sum(nil)) != r.SHA256 {
		m.Close()
		return b.damaged(m, &stream.DamageError{Folder: m.Folder, UID: m.UID})
	}
	item, err := b.lockFor(m, 0, true)
	if err != nil {
		return err
	}
	item.Messages = append(item.Messages, m)
	b.mu.Unlock()
	return b.handOver()
}

// dropLarge forgets a message whose parts did not all come.
func (b *Batcher) dropLarge() {
	if b.large.message != nil {
		b.large.message.Close()
		b.large.message = nil
		b.seen.Forget()
	}
}
