package fetch

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// windowReader reads windows over one connection. It shares nothing with readers
// over other connections but the sink and the limits.
type windowReader struct {
	*connection
	sink   *sink
	limits *limits

	gmail  bool // labels are asked for
	recipe headerkey.Recipe
	scan   *headerkey.Scanner
}

func newWindowReader(c *connection, s *sink, gmail bool) *windowReader {
	return &windowReader{connection: c, sink: s, limits: s.limits, gmail: gmail}
}

// tellApart sets how messages are told apart.
func (r *windowReader) tellApart(recipe headerkey.Recipe) {
	r.recipe, r.scan = recipe, headerkey.NewScanner(recipe)
}

// read reads a window and gives the sink what it holds. An error with a
// folderReason concerns the whole folder.
func (r *windowReader) read(ctx context.Context, w window) error {
	if w.items == nothing {
		return r.expunged(ctx, w)
	}
	if err := r.open(ctx, w.folder, w.validity); err != nil {
		return err
	}
	if w.judge != nil && (w.items == headers || w.judge.looksAhead()) {
		taken, excluded, err := r.look(ctx, w)
		if err != nil && folderReason(err) != "" {
			return r.failAll(ctx, w, err)
		}
		if err == nil && excluded > 0 {
			err = r.batch(ctx, w, func(b *batch) error {
				b.excluded = excluded
				return nil
			})
		}
		if err != nil {
			return err
		}
		w.wants = taken
	}
	if w.items == headers && len(w.wants) > 0 {
		return r.headers(ctx, w)
	}
	for len(w.wants) > 0 {
		n, err := r.some(ctx, w)
		if err != nil {
			return err
		}
		w.wants = w.wants[n:]
	}
	return nil
}

// some reads as many messages as go together, and returns how many it is done
// with.
func (r *windowReader) some(ctx context.Context, w window) (int, error) {
	first := w.wants[0]
	switch never := r.limits.fitsNever(first.size); {
	case never && first.open: // perhaps nobody wants it
		return 1, r.large(ctx, w, first)
	case never:
		return 1, r.tooLarge(ctx, w, first)
	}
	n := together(w.wants)
	allowed, err := r.limits.allow(ctx, w.wants[:max(n, 1)], r.keep)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 1, r.large(ctx, w, first)
	}
	w.wants = w.wants[:allowed]
	done := 0
	err = r.batch(ctx, w, func(b *batch) (err error) {
		done, err = r.together(ctx, w, b)
		return err
	})
	return done, err
}

// tooLarge gives the failure of a message that is too large, by the server's word.
func (r *windowReader) tooLarge(ctx context.Context, w window, message want) error {
	return r.batch(ctx, w, func(b *batch) error {
		it := message.item(itemMessage)
		it.size = message.size
		r.limits.refuse(&it)
		b.add(it)
		return nil
	})
}

// together reads messages that fit into one slab, if the server's sizes are true.
// It stops before the first that does not fit, corrects its size, and returns how
// many it is done with.
func (r *windowReader) together(ctx context.Context, w window, b *batch) (int, error) {
	wants, done := w.wants, len(w.wants)
	items := imapconn.Items{Flags: true, InternalDate: true, Body: true, Gmail: r.gmail, Listed: listedSizes(wants)}
	err := r.box.Fetch(ctx, uids(wants), items, slabSize, func(m *imapconn.Message) error {
		i := find(wants, m.UID)
		it := wants[i].item(itemMessage)
		it.take(m, &wants[i])
		switch {
		case m.State != imapconn.Have:
			it.missing(m)
		case m.Body == nil && m.Literal > 0, len(b.slab)+len(m.Body) > slabSize+slabSlack:
			wants[i].size, wants[i].claim, done = m.Literal, m.Size, min(done, i)
			return nil
		default:
			it.octets = b.keep(m.Body)
			it.size = int64(len(it.octets))
			wants[i].size = it.size // in case the window has to be read again
		}
		b.add(it)
		return nil
	})
	if err != nil {
		if folderReason(err) == "" {
			return 0, err
		}
		b.failRest(wants, err)
	}
	if err := r.sameAgain(ctx, b.items); err != nil {
		return 0, err
	}
	b.sort()
	if done < len(wants) {
		b.items = slices.DeleteFunc(b.items, func(it item) bool { return it.uid >= wants[done].uid })
	}
	r.limits.count(b.messages())
	if err := w.judge.sift(b, wants); err != nil {
		return 0, err
	}
	for i := range b.items {
		if it := &b.items[i]; it.hasOctets() {
			r.limits.refuse(it)
		}
	}
	return done, nil
}

// sameAgain asks again for messages that have come twice in one answer. Those
// that differ each time are made failures, and so are those that cannot be had again.
func (r *windowReader) sameAgain(ctx context.Context, items []item) error {
	for _, uid := range r.box.RepeatedUIDs() {
		i := slices.IndexFunc(items, func(it item) bool { return it.uid == uid && it.kind == itemMessage })
		if i < 0 {
			continue
		}
		it := &items[i]
		sum, text, err := r.box.CheckStable(ctx, uid)
		switch reason := folderReason(err); {
		case reason != "":
			it.fail(reason, err.Error())
		case err != nil:
			return err
		case text != "":
			it.fail(stream.ReasonContradiction, text)
		case !it.bare && sum != sha256.Sum256(it.octets):
			it.fail(stream.ReasonContradiction, "the server gives another body each time it is asked")
		}
	}
	return nil
}

// failAll gives the failures of all messages of a window, because its folder
// cannot be read any more. What was decided on some of them counts no more.
func (r *windowReader) failAll(ctx context.Context, w window, err error) error {
	return r.batch(ctx, w, func(b *batch) error {
		for i := range w.wants {
			w.wants[i].skip = false
		}
		b.failRest(w.wants, err)
		return nil
	})
}

// expunged gives that messages of the base are not there any more.
func (r *windowReader) expunged(ctx context.Context, w window) error {
	return r.batch(ctx, w, func(b *batch) error {
		for i := range w.wants {
			b.add(w.wants[i].item(itemGone))
		}
		return nil
	})
}

// pass gives the sink a record that needs nothing from the server. f is the folder
// that it is about, if any.
func (r *windowReader) pass(ctx context.Context, f *stream.Folder, rec stream.Record) error {
	return r.sink.pass(ctx, f, r.keep, item{kind: itemRecord, record: rec})
}

// batch gives the sink a batch of a window, which fill fills.
func (r *windowReader) batch(ctx context.Context, w window, fill func(*batch) error) error {
	b, err := r.sink.take(ctx, w.folder, r.keep)
	if err != nil {
		return err
	}
	if err := fill(b); err != nil {
		r.sink.release(b)
		return err
	}
	return r.give(ctx, b)
}

func (r *windowReader) give(ctx context.Context, b *batch) error {
	if r.unstable {
		b.doubtGone()
	}
	return r.sink.give(ctx, b)
}

// listedSizes returns what RFC822.SIZE was when messages were listed.
func listedSizes(wants []want) func(uint64) int64 {
	return func(uid uint64) int64 { return wants[find(wants, uid)].claim }
}
