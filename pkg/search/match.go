package search

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Message is what Match looks at. What Needs does not name may be left out.
type Message struct {
	UID        uint64
	LargestUID uint64 // of the folder, which * stands for; 0 if it is not known

	Flags        []string
	InternalDate time.Time // with the server's offset; zero if there is none
	// The server was asked for the flags or the date, and gave none that can be
	// read. What turns on them cannot be decided: see Match.
	FlagsUnknown, DateUnknown bool

	Size int64 // RFC822.SIZE; where it is 0 or less, Octets are counted if a size matters

	// Octets are the message from its first octet on; where the Needs have no
	// Body, and Size is known, its header or the Fields of it will do. They are
	// read in order, no further than needed, some of them again if there is a
	// Skip.
	Octets io.ReaderAt
}

// Match reports whether a message meets c. One on which nobody can decide, since
// its flags or date are unknown, does. An error is of reading Octets. Memory
// is bounded, whatever the message.
func (c Criteria) Match(m Message) (bool, error) {
	f := facts{m: &m}
	for _, learn := range []func(*facts, []key) error{nil, (*facts).scan, (*facts).count, (*facts).skip} {
		if learn != nil {
			if err := learn(&f, c.keys); err != nil {
				return false, err
			}
		}
		if v := f.judge(c.keys); v != unknown {
			return v == yes, nil
		}
	}
	if m.FlagsUnknown || m.DateUnknown {
		return true, nil
	}
	return false, fault.Errorf(fault.Bug, "criteria that cannot be decided: %s", c)
}

// Glance is Match by what is known of a message without its octets; decided
// tells whether that is enough.
func (c Criteria) Glance(m Message) (matches, decided bool) {
	v := (&facts{m: &m}).judge(c.keys)
	return v == yes, v != unknown
}

// facts are what is known of a message so far.
type facts struct {
	m       *Message
	counted int64 // octets, where the size is not known
	isCount bool
	notes   map[key]verdict // of the keys that look at octets
}

func (f *facts) judge(keys []key) verdict { return conjunction(keys).match(f) }

// found is what was noted for a key.
func (f *facts) found(k key) verdict {
	if v, ok := f.notes[k]; ok {
		return v
	}
	return unknown
}

func (f *facts) note(k key, v verdict) {
	if f.notes == nil {
		f.notes = map[key]verdict{}
	}
	f.notes[k] = v
}

func (f *facts) size() (int64, bool) {
	if f.m.Size > 0 {
		return f.m.Size, true
	}
	return f.counted, f.isCount
}

// octets reads the message from its first octet.
func (f *facts) octets() (io.Reader, error) {
	if f.m.Octets == nil {
		return nil, fault.Errorf(fault.Bug, "UID %d: the criteria need octets that were not given", f.m.UID)
	}
	return io.NewSectionReader(f.m.Octets, 0, math.MaxInt64), nil
}

// count counts the octets, if a size has to be known.
func (f *facts) count(keys []key) error {
	if needs := (Criteria{keys}).Needs(); !needs.Size || f.m.Size > 0 {
		return nil
	}
	r, err := f.octets()
	if err != nil {
		return err
	}
	f.counted, err = io.Copy(io.Discard, r)
	f.isCount = true
	return err
}

// skip tries the regular expressions.
func (f *facts) skip(keys []key) error {
	for _, k := range open[*raw](f, keys) {
		r, err := f.octets()
		if err != nil {
			return err
		}
		matches, err := k.matches(r)
		if err != nil {
			return err
		}
		f.note(k, known(matches))
	}
	return nil
}

// maxHeld is how much of a message is read at once to try an expression, in
// octets: an expression is several times faster on octets than on a stream.
const maxHeld = 256 << 10

func (k *raw) matches(r io.Reader) (bool, error) {
	held, err := io.ReadAll(io.LimitReader(r, maxHeld+1))
	if err != nil {
		return false, err
	}
	if len(held) <= maxHeld {
		return k.re.Match(held), nil
	}
	in := &errorKeeper{r: io.MultiReader(bytes.NewReader(held), r)}
	matches := k.re.MatchReader(bufio.NewReaderSize(in, 64<<10))
	return matches, in.err
}

// errorKeeper keeps the error that ended r, which a regexp takes for an end.
type errorKeeper struct {
	r   io.Reader
	err error
}

func (k *errorKeeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}
