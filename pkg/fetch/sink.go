package fetch

import (
	"cmp"
	"context"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// slabSize is the memory of one batch, in octets: what is fetched by one
	// command and must be in hand before the next. A larger message is read in
	// pieces of this size.
	slabSize = 4 << 20
	// slabSlack is what a batch may go over it where a server's sizes are too
	// small.
	slabSlack = slabSize / 4
	// slabs is how many batches there are: one fills, one is written.
	slabs = 2
	// keepAlive is how often a waiting connection says NOOP.
	keepAlive = time.Minute
)

// sink takes what the windows of a run give, batch after batch in the order of
// the stream, and owns what reading changes of the run as a whole: the memory,
// the counts of the end record, the octets of --max-bytes.
//
// Its methods are for the one whose window is next in the stream.
type sink struct {
	free     chan *batch // the only place to wait: see take
	filled   chan *batch // has room for all
	idle     time.Duration
	limits   *limits
	progress progress.Counter

	listed   int64
	excluded int64 // messages that the choice left out
}

func newSink(opt *Options) *sink {
	s := &sink{free: make(chan *batch, slabs), filled: make(chan *batch, slabs), limits: newLimits(opt.Limits),
		idle: cmp.Or(opt.keepAlive, keepAlive), progress: opt.Progress}
	for range slabs {
		s.free <- &batch{}
	}
	return s
}

// run reads on a goroutine of its own and hands each batch to write, which runs
// on the caller's. The first error ends both.
func (s *sink) run(ctx context.Context, read func(context.Context) error, write func(*batch) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var readErr error
	go func() {
		readErr = read(ctx)
		close(s.filled)
	}()
	for b := range s.filled {
		if err == nil {
			if err = write(b); err != nil {
				cancel(err)
			}
		}
		s.release(b)
	}
	if err == nil {
		err = readErr
	}
	return err
}

// take waits for memory. This is where a slow reader of the stream is felt; keep
// is called now and then, so that the server knows that we are still here.
func (s *sink) take(ctx context.Context, f *stream.Folder, keep func(context.Context)) (*batch, error) {
	tick := time.NewTimer(s.idle)
	defer tick.Stop()
	for {
		select {
		case b := <-s.free:
			b.folder = f
			return b, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
			keep(ctx)
			tick.Reset(s.idle)
		}
	}
}

// give hands a batch to the writer, as far as --max-bytes allows. The error is a
// *limit.ReachedError where it does not allow all.
func (s *sink) give(ctx context.Context, b *batch) error {
	s.exclude(b.excluded)
	s.listed -= int64(b.unlisted)
	reached := s.limits.spend(b)
	select {
	case s.filled <- b:
		return reached
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pass writes one item that needs no memory.
func (s *sink) pass(ctx context.Context, f *stream.Folder, keep func(context.Context), it item) error {
	b, err := s.take(ctx, f, keep)
	if err != nil {
		return err
	}
	b.add(it)
	return s.give(ctx, b)
}

// release takes a batch back.
func (s *sink) release(b *batch) {
	b.items, b.slab, b.excluded, b.unlisted = b.items[:0], b.slab[:0], 0, 0
	s.free <- b
}

// count counts what a folder is planned to give.
func (s *sink) count(pl *plan) {
	s.listed += pl.listed
	s.excluded += pl.excluded
}

// exclude counts messages that were listed and are left out after all.
func (s *sink) exclude(n int) {
	s.listed -= int64(n)
	s.excluded += int64(n)
	s.progress.Add(int64(n), 0)
}
