package cleanup

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// had is one message that a source had.
type had struct {
	key    [16]byte
	target uint32 // a number in earlier.targets
	date   uint32
	rung   uint8
	stream uint16 // which one had it
}

func (a had) compare(b had) int {
	return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.rung, b.rung), bytes.Compare(a.key[:], b.key[:]),
		cmp.Compare(a.date, b.date), cmp.Compare(a.stream, b.stream))
}

// earlier is what an earlier stream of the source had, about 28 bytes a
// message, by the folders that it goes to.
type earlier struct {
	streams uint16
	targets map[*diff.Target]uint32
	all     []had      // sorted
	log     *appendLog // or nil
}

// readEarlier reads earlier streams of the source that is compared. Folders that
// the source does not have any more are passed over, and so are messages that runs may
// have deleted there.
func readEarlier(all []*stream.Reader, c *diff.Comparison, log *appendLog) (*earlier, error) {
	x := &earlier{log: log, targets: map[*diff.Target]uint32{}}
	for _, in := range all {
		if err := x.read(in, c); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(x.all, had.compare)
	return x, nil
}

func (x *earlier) read(in *stream.Reader, c *diff.Comparison) error {
	for rec, err := range in.All() {
		if err != nil {
			return err
		}
		switch r := rec.(type) {
		case *stream.Begin:
			if x.streams++; x.streams == 0 {
				err = fault.Errorf(fault.Usage, "too many earlier streams")
			} else {
				err = sameSource(r, c)
			}
		case *stream.Message:
			x.add(r, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sameSource refuses a stream of another account, or with another key.
func sameSource(b *stream.Begin, c *diff.Comparison) error {
	switch {
	case b.Account() != c.Begin.Account():
		return fault.Errorf(fault.Usage, "the earlier stream is of %s, and the source of %s", b.Account().Words(),
			c.Begin.Account().Words())
	case b.Key != c.Begin.Key:
		return fault.Errorf(fault.Usage, "the earlier stream has the key %q, and the source %q", b.Key, c.Begin.Key)
	case b.Plan:
		return fault.Errorf(fault.Usage, "the earlier stream is a plan").WithHint("give what imap-fetch wrote")
	}
	return nil
}

func (x *earlier) add(m *stream.Message, c *diff.Comparison) {
	s := c.ByName[m.Folder]
	if s == nil || s.Target == nil || x.log.mayHaveRemoved(m) {
		return
	}
	n, known := x.targets[s.Target]
	if !known {
		n = uint32(len(x.targets))
		x.targets[s.Target] = n
	}
	e := match.EvidenceOf(m)
	x.all = append(x.all, had{e.Key, n, e.Date, e.Rung, x.streams})
}

// count returns how many of a key and date that go to a folder there were at
// once: several streams show one message several times.
func (x *earlier) count(t *diff.Target, e *match.Evidence) (most int) {
	if x == nil || e.Date == 0 {
		return 0
	}
	number, known := x.targets[t]
	if !known {
		return 0
	}
	want := had{key: e.Key, target: number, date: e.Date, rung: e.Rung}
	i, _ := slices.BinarySearchFunc(x.all, want, had.compare)
	for n := 0; i < len(x.all); i++ {
		h := x.all[i]
		if h.stream == want.stream {
			n++
		} else {
			n, want.stream = 1, h.stream
		}
		if h != want {
			break
		}
		most = max(most, n)
	}
	return most
}
