package extract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// large is the message of an archive whose parts are under way.
type large struct {
	fate  fate
	m     *stream.Message // where something waits
	spool *stream.Spool   // the parts that wait
	sum   hash.Hash
	size  int64
	bad   error // why its octets are not the message's
	left  export.Verdict
	piece []byte
}

// fate is what becomes of the parts of a message.
type fate byte

const (
	none        fate = iota // there is no such message, or it is in no folder that was chosen
	dropped                 // it was left out, whatever they are
	passedOn                // they go on as they come
	recordWaits             // nobody wants them; the record goes on when all have come
	undecided               // they wait: it takes octets to decide
	leftBehind              // it was left out; it remains to be seen whether the octets that said so are its own
)

func (l *large) begin(m *stream.Message, f fate) {
	l.fate = f
	if f == recordWaits {
		l.m = m.Clone()
		l.m.Parts = 0
	}
}

// wait begins a message on which only its octets decide.
func (l *large) wait(m *stream.Message) (err error) {
	l.fate, l.m, l.sum, l.size, l.bad = undecided, m.Clone(), sha256.New(), 0, nil
	if l.spool == nil {
		l.spool, err = stream.NewSpool()
		return err
	}
	return l.spool.Reset()
}

// end ends the message, for a failure stands in place of its next part, and
// returns what its fate was.
func (l *large) end() fate {
	was := l.fate
	l.fate = none
	return was
}

func (l *large) close() {
	if l.spool != nil {
		l.spool.Close()
	}
}

// part takes the next part of the large message.
func (x *extract) part(b *stream.Body) error {
	if err := x.seen.Part(b); err != nil {
		return err
	}
	l, last := &x.large, b.Part == b.Parts
	fate := l.fate
	if last {
		l.fate = none
	}
	switch fate {
	case passedOn:
		return x.w.Write(b)
	case recordWaits:
		if last {
			x.sum(b)
			return x.emit(l.m)
		}
	case undecided, leftBehind:
		return x.weigh(b, fate, last)
	}
	return nil
}

// weigh takes a part of a message that is judged by its octets. What speaks
// against it counts only when all of them are there, and are its own.
func (x *extract) weigh(b *stream.Body, fate fate, last bool) error {
	l := &x.large
	l.take(b)
	if last && l.bad == nil && (l.size != l.m.Size || hex.EncodeToString(l.sum.Sum(nil)) != b.SHA256) {
		l.bad = &stream.DamageError{Folder: b.Folder, UID: b.UID}
	}
	switch {
	case last && l.bad != nil:
		return x.damaged(l.m, l.bad)
	case last && fate == leftBehind:
		return x.leave(l.m, l.left)
	case fate == leftBehind || l.bad != nil:
		return nil
	}
	if err := l.spool.Add(b); err != nil {
		return err
	}
	if !last && b.Part > 1 {
		return nil
	}
	v, err := x.opt.Messages.Judge(x.largeFacts(last))
	switch {
	case errors.Is(err, errMore):
		return nil
	case err != nil:
		return err
	case v == export.Included:
		if last {
			x.sum(b)
		}
		return x.release(last)
	case last:
		return x.leave(l.m, v)
	}
	l.fate, l.left = leftBehind, v
	return nil
}

// sum takes over what the last part says of all of them, where that is wanted.
func (x *extract) sum(b *stream.Body) {
	if x.content == stream.Hashes {
		x.large.m.SHA256 = b.SHA256
	}
}

func (x *extract) largeFacts(whole bool) (facts search.Message) {
	facts = x.facts(x.large.m)
	facts.Octets = &spooled{spool: x.large.spool, whole: whole, at: -1}
	return facts
}

// take reads the octets of a part for the sha256.
func (l *large) take(b *stream.Body) {
	if l.bad != nil {
		return
	}
	l.piece, l.bad = b.AppendOctets(l.piece[:0])
	l.sum.Write(l.piece)
	l.size += int64(len(l.piece))
}

// release writes a message that waited, and the parts that did so with it.
func (x *extract) release(last bool) error {
	l := &x.large
	if err := x.settled(l.m, export.Included); err != nil {
		return err
	}
	if x.content == stream.Full {
		for i := range l.spool.Len() {
			r, err := l.spool.At(i)
			if err != nil {
				return err
			}
			if err := x.w.Write(r); err != nil {
				return err
			}
		}
	}
	if last {
		was := l.fate
		l.fate = none
		if was == recordWaits {
			return x.emit(l.m)
		}
	}
	return nil
}

// errMore says that the octets end here for now.
var errMore = errors.New("the rest has not come yet")

// spooled are the octets of the parts that wait, or of all.
type spooled struct {
	spool  *stream.Spool
	whole  bool
	starts []int64 // of the parts, as far as they were read
	at     int     // the part whose octets are at hand, or -1
	octets []byte
}

// ReadAt reads octets of the message from an offset on. They are read in order,
// as a rule: each part is decoded once then.
func (s *spooled) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		octets, err := s.from(offset + int64(n))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], octets)
	}
	return n, nil
}

// from returns the octets from offset to the end of their part.
func (s *spooled) from(offset int64) ([]byte, error) {
	i, found := slices.BinarySearch(s.starts, offset)
	if !found {
		i-- // the part before the first that begins behind it
	}
	for i = max(i, 0); ; i++ {
		if i == s.spool.Len() && s.whole {
			return nil, io.EOF
		}
		if i == s.spool.Len() {
			return nil, errMore
		}
		if err := s.load(i); err != nil {
			return nil, err
		}
		if rest := offset - s.starts[i]; rest < int64(len(s.octets)) {
			return s.octets[rest:], nil
		}
	}
}

// load makes part i the one at hand. Those before it were at hand once.
func (s *spooled) load(i int) error {
	if s.at == i {
		return nil
	}
	if i == len(s.starts) {
		start := int64(0)
		if i > 0 {
			start = s.starts[i-1] + int64(len(s.octets))
		}
		s.starts = append(s.starts, start)
	}
	r, err := s.spool.At(i)
	if err != nil {
		return err
	}
	s.octets, err = r.(*stream.Body).AppendOctets(s.octets[:0])
	s.at = i
	return err
}
