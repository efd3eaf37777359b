package imapconn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// wholeFile is a message that the server gives whole though not in parts, in a
// file without a name.
type wholeFile struct {
	file   *tempfile.File
	octets int64
	sum    [sha256.Size]byte
	kept   bool // it is in the file, and what else comes is only compared
	hash   hash.Hash
	err    error // of the file
}

func newWholeFile() (*wholeFile, error) {
	file, err := tempfile.New("a large message")
	if err != nil {
		return nil, err
	}
	return &wholeFile{file: file, hash: sha256.New()}, nil
}

// begin is called before the octets of a body.
func (w *wholeFile) begin() error {
	w.hash.Reset()
	if w.kept {
		return nil
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		w.err = err
	}
	return w.err
}

// take takes a body at once.
func (w *wholeFile) take(octets []byte) error {
	err := w.begin()
	if err == nil {
		_, err = w.Write(octets)
	}
	return err
}

func (w *wholeFile) Write(p []byte) (int, error) {
	w.hash.Write(p)
	if w.kept {
		return len(p), nil
	}
	n, err := w.file.Write(p)
	if err != nil {
		w.err = err
	}
	return n, w.err
}

// keep notes that the last body was the message's, and reports whether it is the
// same as one before it.
func (w *wholeFile) keep(octets int64) (same bool) {
	sum := [sha256.Size]byte(w.hash.Sum(nil))
	if w.kept {
		return w.sum == sum
	}
	w.kept, w.octets, w.sum = true, octets, sum
	return true
}

// part returns octets of the message from an offset on, fewer at its end.
func (w *wholeFile) part(buffer []byte, offset, count int64) ([]byte, error) {
	count = max(0, min(count, w.octets-offset))
	buffer = grow(buffer[:0], int(count))
	if _, err := w.file.ReadAt(buffer, offset); err != nil && count > 0 {
		return nil, err
	}
	return buffer, nil
}

// mostBeyond is how much longer than its size a message that is read whole may
// be, in octets: nothing else bounds the file.
const mostBeyond = 16 << 20

// readWhole asks for all octets of a message that cannot be had in parts: on this
// connection, then once more on a new one. They are believed if they are as many
// as the message has by all that is known, or if they come twice and do not
// contradict that, and if all parts that came are the same in them. Where they are
// not believed nothing is changed; an error is more than this message's.
func (p *partialMessage) readWhole(ctx context.Context) error {
	claim, err := p.sizeOf(ctx)
	if err != nil || claim <= 0 || p.wholeTried {
		return err
	}
	p.wholeTried = true
	var before *wholeFile
	defer func() {
		if before != nil && before != p.whole {
			before.file.Close()
		}
	}()
	for _, anew := range []bool{false, true} {
		if anew {
			p.x.s.Close()
		}
		w, err := p.askWithRetries(ctx, claim+mostBeyond)
		var no *imap.Error
		switch {
		case err != nil && isLost(err), errors.As(err, &no) && !IsBusy(err), err == nil && w == nil:
			continue
		case err != nil:
			return p.partError(err)
		}
		again := before != nil && before.sum == w.sum && !contradicts(w.octets, claim) && w.octets%minPart != 0
		if before != nil {
			before.file.Close() // its hash was enough
		}
		if before = w; w.octets < claim && !again {
			continue
		}
		at, err := p.differs(w)
		switch {
		case err != nil:
			return err
		case at >= 0:
			return &PartError{UID: p.uid, State: Failed, Reason: Contradiction,
				Text: fmt.Sprintf("the octets from %d on are others in the message than in its parts", at)}
		}
		p.whole = w
		return nil
	}
	return nil
}

// askWithRetries is askWhole of a server that may be busy.
func (p *partialMessage) askWithRetries(ctx context.Context, most int64) (*wholeFile, error) {
	for {
		w, err := p.askWhole(ctx, most)
		if again, held := p.x.s.mayRetry(ctx, err); held != nil {
			return nil, held
		} else if !again {
			return w, err
		}
	}
}

// askWhole asks for all octets of a message. It returns nil if none come.
func (p *partialMessage) askWhole(ctx context.Context, most int64) (*wholeFile, error) {
	if changed, err := p.x.ready(ctx); changed || err != nil {
		return nil, err
	}
	w, err := newWholeFile()
	if err != nil {
		return nil, err
	}
	defer func() {
		if !w.kept {
			w.file.Close()
		}
	}()
	c := p.x.s.c
	defer c.watch(ctx)()
	want := wanted{Items: Items{Size: true, Body: true}, maxBody: most, whole: w}
	same := true
	var m fetched
	_, err = c.run(c.command(fmt.Sprintf("UID FETCH %d", p.uid)).text(want.request()), func(resp *response) error {
		if resp.typ != "FETCH" {
			return nil
		}
		err := c.fetch.read(&m, &want)
		if err == nil && m.UID == p.uid && m.got&gotBody != 0 && m.Literal <= most {
			same = w.keep(m.Literal) && same
			c.progress()
		}
		return err
	})
	switch {
	case w.err != nil:
		return nil, w.err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case !same:
		return nil, &PartError{UID: p.uid, State: Failed, Reason: Contradiction,
			Text: "the server gives different bodies for one UID"}
	case !w.kept:
		return nil, nil
	}
	return w, nil
}
