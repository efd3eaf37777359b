package fetch

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// slabSize is the memory of one window, in octets: what is fetched by one
	// command and must be in hand before the next. A larger message is read in
	// pieces of this size.
	slabSize = 4 << 20
	// slabSlack is what a window may go over it where a server's sizes are too
	// small.
	slabSlack = slabSize / 4
	// slabs is how many windows there are: one fills, one is written.
	slabs = 2
	// windowMessages bounds a window of small messages, windowHeaders one of
	// headers.
	windowMessages = 2000
	windowHeaders  = 5000
	// keepAlive is how often a waiting connection says NOOP.
	keepAlive = time.Minute
)

// item is one thing that the connection gave: a message with its octets, a
// piece of a large one, or that it could not be had.
type item struct {
	kind itemKind
	base *stream.Message // the record of a selection, or nil

	uid    uint32
	flags  []string
	date   string
	size   int64
	twin   bool
	octets []byte // in the batch's slab
	// identity is what the header says, nil where the emitter is to read it
	// from the octets.
	identity *identity

	reason stream.Reason // of itemFailed
	text   string
	record stream.Record // of itemRecord
	passed bool          // the record is not ours, but of the stream that selects
}

// identity is what a header says of its message.
type identity struct {
	key, received string
	header        []headerkey.Field
}

func identityOf(scan *headerkey.Scanner) *identity {
	return &identity{scan.Sum().Key, scan.Received(), scan.Header()}
}

type itemKind byte

const (
	itemMessage itemKind = iota // octets are the message; none where only headers are wanted
	itemLarge                   // a message begins; octets are its first piece
	itemPiece                   // octets go on with it
	itemGone
	itemFailed
	itemSkipped
	itemRecord // a record that passes through
)

// batch is what one window of a folder gave, in the order of the stream.
type batch struct {
	folder *stream.Folder
	items  []item
	slab   []byte
}

// keep copies octets into the slab and returns the copy.
func (b *batch) keep(octets []byte) []byte {
	start := len(b.slab)
	b.slab = append(b.slab, octets...)
	return b.slab[start:len(b.slab):len(b.slab)]
}

// sort puts the items into the order of the stream.
func (b *batch) sort() {
	slices.SortFunc(b.items, func(x, y item) int { return int(int64(x.uid) - int64(y.uid)) })
}

// source reads an account, or what a selection names of it, in windows. Its
// methods run on the goroutine that owns the connection.
type source struct {
	ctx     context.Context
	session *imapconn.Session
	opt     *Options
	recipe  headerkey.Recipe
	scan    *headerkey.Scanner

	folder  *stream.Folder // that is read now
	box     *imapconn.Selected
	chooser *chooser // nil: all are taken
	listed  int64
	leftOut int64
	pacer   *limit.Pacer
	budget  limit.Budget

	free   chan *batch // the only place to wait: see take
	filled chan *batch // has room for all
}

func newSource(ctx context.Context, opt *Options) *source {
	s := &source{ctx: ctx, opt: opt, pacer: limit.NewPacer(opt.Limits.Rates), budget: limit.NewBudget(opt.Limits.Octets), free: make(chan *batch, slabs), filled: make(chan *batch, slabs)}
	s.tellApart(opt.Recipe)
	for range slabs {
		s.free <- &batch{slab: make([]byte, 0, slabSize+slabSlack)}
	}
	return s
}

// tellApart sets how messages are told apart.
func (s *source) tellApart(recipe headerkey.Recipe) {
	s.recipe, s.scan = recipe, headerkey.NewScanner(recipe)
}

// run reads on a goroutine of its own and hands each batch to use, which runs
// on the caller's. The first error ends both.
func (s *source) run(read func() error, use func(*batch) error) (err error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.ctx = ctx
	defer cancel(nil)
	var readErr error
	go func() {
		readErr = read()
		close(s.filled)
	}()
	for b := range s.filled {
		if err == nil {
			if err = use(b); err != nil {
				cancel(err)
			}
		}
		b.items, b.slab = b.items[:0], b.slab[:0]
		s.free <- b
	}
	if err == nil {
		err = readErr
	}
	return err
}

// take waits for memory. This is where a slow reader of the stream is felt;
// the server is told now and then that we are still here.
func (s *source) take() (*batch, error) {
	every := cmp.Or(s.opt.keepAlive, keepAlive)
	tick := time.NewTimer(every)
	defer tick.Stop()
	for {
		select {
		case b := <-s.free:
			b.folder = s.folder
			return b, nil
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		case <-tick.C:
			s.keep()
			tick.Reset(every)
		}
	}
}

// keep tells the server that we are still here. A connection that died
// meanwhile is made anew when it is needed.
func (s *source) keep() {
	if s.session != nil {
		_ = s.session.Noop(s.ctx)
	}
}

// give hands a filled batch over.
func (s *source) give(b *batch) error {
	select {
	case s.filled <- b:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// pass hands over a record of ours that needs nothing from the server.
func (s *source) pass(r stream.Record) error { return s.hand(item{kind: itemRecord, record: r}) }

// forward is pass for a record of the stream that selects.
func (s *source) forward(r stream.Record) error {
	return s.hand(item{kind: itemRecord, record: r, passed: true})
}

func (s *source) hand(it item) error {
	b, err := s.take()
	if err != nil {
		return err
	}
	b.items = append(b.items, it)
	return s.give(b)
}

// want is a message that is to be fetched.
type want struct {
	uid  uint32
	size int64  // what the server says
	look uint64 // what can be seen of it without reading it
	twin bool   // another message of the folder looks the same
	base *stream.Message

	// What is known of the choice.
	left bool // it is not taken
	open bool // it takes its octets to know
	skip bool // it is not taken, and is to be named
}

// uids returns the UIDs of the messages that are to be fetched.
func uids(wants []want) []uint32 {
	out := make([]uint32, 0, len(wants))
	for i := range wants {
		if !wants[i].skip {
			out = append(out, wants[i].uid)
		}
	}
	return out
}

// messages exports the messages of the open folder with UIDs before next, 0
// meaning all, that an earlier run has not done.
func (s *source) messages(next uint32, done stream.Progress) error {
	if next == 1 {
		return nil
	}
	// Messages that are done count for who looks like whom.
	wants, err := s.chosen(next)
	if err != nil {
		return err
	}
	from := slices.IndexFunc(wants, func(w want) bool { return w.uid > done.LastUID })
	if from < 0 {
		from = len(wants)
	}
	if s.chooser != nil {
		s.leftOut += done.LeftOut(int64(from))
	}
	wants = wants[from:]
	s.listed += int64(len(wants))
	wants = slices.DeleteFunc(wants, func(w want) bool {
		if w.left {
			s.chooser.leave(1)
		}
		return w.left
	})
	return s.export(wants)
}

// chosen lists the messages of the open folder, those that the choice leaves out
// as far as that can be known among them.
func (s *source) chosen(next uint32) ([]want, error) {
	if s.chooser == nil {
		return s.list(next, imapconn.Items{InternalDate: true, Size: true}, nil)
	}
	return s.chooser.list(next)
}

// export reads messages, with their bodies if these are wanted.
func (s *source) export(wants []want) error {
	headers := s.opt.Content == stream.Headers
	if !headers && (s.chooser == nil || !s.chooser.looksAhead()) {
		return s.fetch(wants)
	}
	for w := range slices.Chunk(wants, windowHeaders) {
		if s.chooser != nil {
			var err error
			if w, err = s.chooser.look(w); err != nil {
				return err
			}
		}
		read := s.fetch
		if headers {
			read = s.headers
		}
		if err := read(w); err != nil {
			return err
		}
	}
	return nil
}

// list learns which messages there are, how large they say they are, and
// which look like another of the folder from outside. items are what is asked
// for; see, which may be nil, is shown each message that was listed.
func (s *source) list(next uint32, items imapconn.Items, see func(*imapconn.Message, *want)) ([]want, error) {
	var wants []want
	seed := maphash.MakeSeed()
	err := s.box.FetchAll(s.ctx, 1, last(next), items, 0, func(m *imapconn.Message) error {
		// One that could not be listed is asked for again with its body.
		w := want{uid: m.UID, size: m.Size, look: look(seed, m.Size, m.InternalDate)}
		if see != nil {
			see(m, &w)
		}
		wants = append(wants, w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(wants) < int(s.folder.Messages) {
		if wants, err = s.searched(wants, last(next)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(wants, func(a, b want) int { return int(int64(a.uid) - int64(b.uid)) })
	looks := make([]uint64, len(wants))
	for i := range wants {
		looks[i] = wants[i].look
	}
	slices.Sort(looks)
	for i := range wants {
		at, _ := slices.BinarySearch(looks, wants[i].look)
		wants[i].twin = at+1 < len(looks) && looks[at+1] == wants[i].look
	}
	return wants, nil
}

// searched adds the messages that the server knows and the listing did not have:
// there are fewer than STATUS said, be it that some were expunged since.
func (s *source) searched(wants []want, to uint32) ([]want, error) {
	uids, err := s.box.UIDs(s.ctx, 1, to)
	if refused(err) {
		return wants, nil // the server has said what it can
	}
	known := make(map[uint32]bool, len(wants))
	for _, w := range wants {
		known[w.uid] = true
	}
	for _, uid := range uids {
		if !known[uid] {
			wants = append(wants, want{uid: uid, open: s.chooser != nil})
		}
	}
	return wants, err
}

// look hashes what can be seen of a message without reading it.
func look(seed maphash.Seed, size int64, date string) uint64 {
	return maphash.Comparable(seed, struct {
		size int64
		date string
	}{size, date})
}

// last turns a UIDNEXT into the UID of the last message; 0 stays open.
func last(next uint32) uint32 {
	if next == 0 {
		return 0
	}
	return next - 1
}

// fetch reads the wanted messages in windows, large ones alone.
func (s *source) fetch(wants []want) error {
	for len(wants) > 0 {
		n, err := s.some(wants)
		if err != nil {
			return err
		}
		wants = wants[n:]
	}
	return nil
}

// some reads as many of the wanted messages as go together, and returns how
// many it is done with.
func (s *source) some(wants []want) (int, error) {
	if s.budget.FitsNever(wants[0].size) {
		if wants[0].open { // perhaps nobody wants it
			return 1, s.large(wants[0])
		}
		return 1, s.leave(wants[0])
	}
	n, octets := 0, int64(0)
	for n < len(wants) && n < windowMessages && octets+wants[n].size <= slabSize {
		octets += max(wants[n].size, 1)
		n++
	}
	m, err := s.may(wants[:max(n, 1)])
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 1, s.large(wants[0])
	}
	return s.window(wants[:m])
}

var bodyItems = imapconn.Items{Flags: true, InternalDate: true, Body: true}

// window reads messages that fit into one slab together, if the server's
// sizes are true. It stops before the first that does not fit, corrects its
// size, and returns how many it is done with.
func (s *source) window(wants []want) (int, error) {
	b, err := s.take()
	if err != nil {
		return 0, err
	}
	done := len(wants)
	err = s.box.Fetch(s.ctx, uids(wants), bodyItems, slabSize, func(m *imapconn.Message) error {
		i := find(wants, m.UID)
		it := item{base: wants[i].base, uid: m.UID, twin: wants[i].twin, flags: slices.Clone(m.Flags), date: m.InternalDate}
		switch {
		case m.State != imapconn.Have:
			missing(&it, m)
		case m.Body == nil && m.Literal > 0, len(b.slab)+len(m.Body) > slabSize+slabSlack:
			wants[i].size, done = m.Literal, min(done, i)
			return nil
		default:
			it.octets = b.keep(m.Body)
			it.size = int64(len(it.octets))
			wants[i].size = it.size // in case the window has to be read again
		}
		b.items = append(b.items, it)
		return nil
	})
	if err != nil {
		return 0, err
	}
	b.sort()
	if done < len(wants) {
		b.items = slices.DeleteFunc(b.items, func(it item) bool { return it.uid >= wants[done].uid })
	}
	if s.chooser != nil {
		if err := s.chooser.sift(b, wants); err != nil {
			return 0, err
		}
	}
	done, over := s.spend(b, wants, done)
	if err := s.give(b); err != nil {
		return 0, err
	}
	return done, over
}

// find returns where a UID stands among wants, which are sorted by UID.
func find(wants []want, uid uint32) int {
	i, _ := slices.BinarySearchFunc(wants, uid, func(w want, uid uint32) int { return int(int64(w.uid) - int64(uid)) })
	return i
}

// missing makes an item of a message that could not be had.
func missing(it *item, m *imapconn.Message) {
	if m.State == imapconn.Gone {
		it.kind = itemGone
		return
	}
	it.kind, it.reason, it.text = itemFailed, stream.Reason(m.Reason), m.Text
}
