package diff

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/memory"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Doubles are messages that are excluded because the source has them already:
// with Options.Once in a folder before theirs, with Options.Unique in a folder
// that goes to the same place.

// dedup remembers which messages were met: about 40 bytes for each, and with
// unique as much again.
type dedup struct {
	once, unique bool
	seen         map[[16]byte]uint32 // the place where it was met first
	last         [][16]byte          // of the last message that was new
	latest       map[[16]byte]uint32 // of each key of a folder, the message kept last: its place in kept, plus one
	kept         []kept
	newest       [16]byte                    // the key of the last message, if it was kept
	numbers      map[string]uint32           // of places
	places       []string                    // their folders
	texts        []string                    // what is said of what is there
	tally        map[uint32][]duplicateCount // by the folder that messages were excluded of
	order        []uint32                    // those folders
}

// kept is a message that Options.Unique keeps.
type kept struct {
	place, before  uint32 // before: the one of the same key, as in latest
	size, received uint32
	sha            uint64 // 0 if not known
}

// keptOf is what is kept of a message.
func keptOf(e *match.Evidence, place, before uint32) kept {
	k := kept{place: place, before: before, size: e.Size, received: e.Received}
	if e.Has(match.KnownSHA) {
		k.sha = binary.BigEndian.Uint64(e.SHA[:])
	}
	return k
}

// isCopyOf reports whether two messages with one key are copies of one message:
// the same bytes, or one size, or one way that they came. Arrival says nothing,
// since different messages arrive in one second. A key without a Message-ID
// (Scanner.Sum) says so little that all of it must agree.
func (k *kept) isCopyOf(o *kept, named bool) bool {
	sameSize, sameReceived := k.size != 0 && k.size == o.size, k.received != 0 && k.received == o.received
	switch {
	case k.sha != 0 && k.sha == o.sha:
		return true
	case named:
		return sameSize || sameReceived
	}
	return sameSize && sameReceived && (k.sha == 0 || o.sha == 0)
}

// duplicateCount counts the messages of one folder that stand in another.
type duplicateCount struct {
	first uint32
	n     int
}

// SourceMessageBytes is about what remembering a message takes.
const SourceMessageBytes = 48

// maxKept is how many messages of one key are looked through for a copy: further
// ones stay.
const maxKept = 1024

// keptOctets is about what a message takes beside that with Options.Unique, while
// the slice that it is in grows.
const keptOctets = 64

func newDedup(opt *Options) *dedup {
	if !opt.Once && !opt.Unique {
		return nil
	}
	return &dedup{once: opt.Once, unique: opt.Unique, seen: map[[16]byte]uint32{}, latest: map[[16]byte]uint32{},
		numbers: map[string]uint32{}, tally: map[uint32][]duplicateCount{}}
}

// duplicateOf says in which folder a message was met before, or "".
func (d *dedup) duplicateOf(b *stream.Begin, m *stream.Message, s *Source) string {
	if d == nil {
		return ""
	}
	d.last, d.newest = d.last[:0], [16]byte{}
	here := d.number(b.Account().String() + "\x00" + m.Folder)
	var looks [][16]byte
	if d.once {
		if look := onceOf(m); d.elsewhere(look, here) {
			return d.count(here, d.seen[look])
		} else {
			looks = append(looks, look)
		}
	}
	if d.unique {
		if first, met := d.keep(m, s.Target, here); met {
			return d.count(here, first)
		}
	}
	for _, look := range looks {
		if _, met := d.seen[look]; !met {
			d.seen[look] = here
			if len(d.seen)%match.ChunkSize == 0 {
				memory.Keep(match.ChunkSize * SourceMessageBytes)
			}
			d.last = append(d.last, look)
		}
	}
	return ""
}

// keep keeps a message, unless it is a copy of one that goes to the same folder:
// then it returns the place where that was met.
func (d *dedup) keep(m *stream.Message, t *Target, here uint32) (first uint32, met bool) {
	key, e := look("unique", m.Key, t.Name), match.EvidenceOf(m)
	before := d.latest[key]
	k := keptOf(&e, here, before)
	for i, n := before, 0; i != 0 && n < maxKept; i, n = d.kept[i-1].before, n+1 {
		if o := &d.kept[i-1]; k.isCopyOf(o, named(m)) {
			return o.place, true
		}
	}
	d.kept = append(d.kept, k)
	d.latest[key], d.newest = uint32(len(d.kept)), key
	if len(d.kept)%match.ChunkSize == 0 {
		memory.Keep(match.ChunkSize * (SourceMessageBytes + keptOctets))
	}
	return 0, false
}

func (d *dedup) elsewhere(look [16]byte, here uint32) bool {
	first, met := d.seen[look]
	return met && first != here
}

// forget takes back the last message that was new: it does not exist.
func (d *dedup) forget() {
	if d == nil {
		return
	}
	for _, look := range d.last {
		delete(d.seen, look)
	}
	d.last = d.last[:0]
	if d.newest != ([16]byte{}) {
		last := len(d.kept) - 1
		d.latest[d.newest], d.newest = d.kept[last].before, [16]byte{}
		d.kept = d.kept[:last]
	}
}

// onceOf is what the copies of a message in several folders have in common: the
// key, the size and, where they are known, the bytes. Without a Message-ID, they
// came the same way at the same time, too.
func onceOf(m *stream.Message) [16]byte {
	came := ""
	if !named(m) {
		came = m.Received + " " + m.InternalDate
	}
	return look("once", m.Key, string(binary.BigEndian.AppendUint64(nil, uint64(m.Size))), m.SHA256, came)
}

// named reports whether the key of a message is made of the recipe's own fields:
// by the default recipe, of a Message-ID.
func named(m *stream.Message) bool { return strings.HasPrefix(m.Key, "recipe:") }

func look(parts ...string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return [16]byte(sum[:16])
}

func (d *dedup) number(place string) uint32 {
	n, known := d.numbers[place]
	if !known {
		n = uint32(len(d.places))
		d.numbers[place] = n
		name := place[strings.LastIndexByte(place, 0)+1:]
		d.places, d.texts = append(d.places, name), append(d.texts, "it is in "+name)
	}
	return n
}

// count counts a message that is excluded of a folder, and says where it is.
func (d *dedup) count(here, first uint32) string {
	if d.tally[here] == nil {
		d.order = append(d.order, here)
	}
	i := slices.IndexFunc(d.tally[here], func(x duplicateCount) bool { return x.first == first })
	if i < 0 {
		i = len(d.tally[here])
		d.tally[here] = append(d.tally[here], duplicateCount{first: first})
	}
	d.tally[here][i].n++
	return d.texts[first]
}

// lines tell what was excluded of each folder.
func (d *dedup) lines() (lines []string) {
	if d == nil {
		return nil
	}
	for _, here := range d.order {
		all, where := 0, []string{}
		for _, x := range d.tally[here] {
			all += x.n
			where = append(where, fmt.Sprintf("%q %d", d.places[x.first], x.n))
		}
		const most = 10
		if more := len(where) - most; more > 0 {
			where = append(where[:most], fmt.Sprintf("%d more %s", more, text.Either(more, "folder", "folders")))
		}
		lines = append(lines, fmt.Sprintf("%q: %s left out that the source has in %s", d.places[here],
			text.Count(all, "message"), strings.Join(where, ", ")))
	}
	return lines
}

// DedupFilters are what a plan says of them.
func (o *Options) DedupFilters() (filters []string) {
	if o.Once {
		filters = append(filters, "dedup=account")
	}
	if o.Unique {
		filters = append(filters, "dedup=folder")
	}
	return filters
}

// exclude exclude a message that is in another folder, or in this one.
func (c *Comparison) exclude(m *stream.Message, ordinal uint32, s *Source, in string) error {
	c.last.skip = true // its parts go with it
	c.counts.Listed--
	c.counts.Excluded++
	return c.emit(&Excluded{&stream.Skipped{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID,
		Reason: stream.ReasonDuplicate, Text: in}, ordinal, s})
}

// ErrViewFirst is that a folder which shows what others hold is taken for the one that
// holds it. Its detail is the folder's name.
var ErrViewFirst = errors.New("a folder comes before those whose messages it shows")

// checkOrder warns where what all folders hold does not come last.
func (c *Comparison) checkOrder() {
	if !c.opt.Once {
		return
	}
	least := 2
	for _, s := range slices.Backward(c.Folders) {
		if !s.HoldsMessages() || s.Messages == 0 {
			continue
		}
		if least = min(least, s.View()); s.View() > least {
			c.opt.Warn("%v", fault.Errorf(fault.None, "%q shows what other folders hold and comes before some of them, "+
				"which will lack it", s.Name).Because(ErrViewFirst, s.Name))
		}
	}
}
