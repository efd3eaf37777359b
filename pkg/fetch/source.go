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

// source reads an account, or what a selection names of it, in windows. Its
// methods run on the goroutine that owns the connection.
type source struct {
	ctx     context.Context
	session *imapconn.Session
	opt     *Options
	recipe  headerkey.Recipe
	scan    *headerkey.Scanner

	gmail    bool           // labels are asked for
	folder   *stream.Folder // that is read now
	box      *imapconn.Selected
	claims   *imapconn.Claims // what the server says of the open folder, held against its listing
	maybe    []uint64         // UIDs that the base has of it
	unstable bool             // its UIDVALIDITY is another at each look
	chooser  *chooser         // nil: all are taken
	listed   int64
	leftOut  int64
	pacer    *limit.Pacer
	budget   limit.Budget

	free   chan *batch // the only place to wait: see take
	filled chan *batch // has room for all
}

func newSource(ctx context.Context, opt *Options) *source {
	s := &source{ctx: ctx, opt: opt, pacer: limit.NewPacer(opt.Limits.Rates),
		budget: limit.NewBudget(opt.Limits.Octets), free: make(chan *batch, slabs), filled: make(chan *batch, slabs)}
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
	if s.unstable {
		b.doubtGone()
	}
	select {
	case s.filled <- b:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// pass hands over a record of ours that needs nothing from the server.
func (s *source) pass(r stream.Record) error { return s.hand(item{kind: itemRecord, record: r}) }

// Forward is pass for a record of the stream that selects.
func (s *source) Forward(r stream.Record) error {
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

// messages exports the messages of the open folder with UIDs before next, 0
// meaning all, that an earlier run has not done.
func (s *source) messages(next uint64, done stream.Progress) error {
	// Messages that are done count for who looks like whom.
	wants, err := s.chosen(next)
	if err != nil {
		return err
	}
	if err := s.tellClaims(done); err != nil {
		return err
	}
	from := slices.IndexFunc(wants, func(w want) bool { return w.uid > done.LastUID })
	if from < 0 {
		from = len(wants)
	}
	if s.chooser != nil {
		s.leftOut += done.Excluded(int64(from))
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
func (s *source) chosen(next uint64) ([]want, error) {
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
			all := w
			var err error
			if w, err = s.chooser.look(w); err != nil {
				if folderReason(err) == "" {
					return err
				}
				if err := s.failAll(all, err); err != nil {
					return err
				}
				continue
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
func (s *source) list(next uint64, items imapconn.Items, see func(*imapconn.Message, *want)) ([]want, error) {
	var wants []want
	seed := maphash.MakeSeed()
	err := s.box.FetchAll(s.ctx, 1, 0, items, 0, func(m *imapconn.Message) error {
		// One that could not be listed is asked for again with its body.
		w := want{uid: m.UID, size: m.Size, claim: m.Size, date: packDate(m.InternalDate),
			look: look(seed, m.Size, m.InternalDate)}
		if see != nil {
			see(m, &w)
		}
		wants = append(wants, w)
		return nil
	})
	if err == nil {
		wants, err = s.reconcile(wants)
	}
	if err == nil {
		wants, err = s.counted(wants, next)
	}
	if err != nil {
		return nil, err
	}
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
