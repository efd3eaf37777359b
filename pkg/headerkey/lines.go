package headerkey

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// maxLines is how many fields of a header are hashed without regard to their
// order; those after them count in their order.
const maxLines = 16 << 10

// lines hashes all fields of a header: 32 octets are kept of each.
type lines struct {
	parser  *header.Parser
	recipe  Recipe // what it leaves out counts for nothing
	field   slot   // the open field
	name    []byte // its name in lower case
	counts  bool   // it is hashed
	seen    uint32 // a bit for each of single that was met
	digests [][sha256.Size]byte
	more    hash.Hash // of the digests beyond maxLines, nil without
	buf     []byte
}

func newLines(recipe Recipe) *lines {
	l := &lines{recipe: recipe}
	l.parser = header.NewParser(l)
	return l
}

func (l *lines) reset() {
	l.parser.Reset()
	l.seen, l.counts = 0, false
	l.digests, l.more = l.digests[:0], nil
}

func (l *lines) write(p []byte) { l.parser.Parse(p) }

func (l *lines) any() bool { return len(l.digests) > 0 }

// Begin is called by the parser.
func (l *lines) Begin(name []byte) {
	l.name = l.name[:0]
	for _, c := range name {
		l.name = append(l.name, toLower(c))
	}
	l.counts = header.IsName(l.name) && !l.recipe.leavesOut(l.name) && l.seen&l.bit() == 0
	l.field.reset()
	l.field.open()
}

// Value is called by the parser.
func (l *lines) Value(p []byte) {
	if l.counts {
		l.field.add(p)
	}
}

// End is called by the parser.
func (l *lines) End() {
	if !l.counts || isBlank(l.field.raw) || string(l.name) == messageID && !isMessageID(l.field.raw) {
		return
	}
	l.seen |= l.bit()
	l.buf = append(append(l.buf[:0], l.name...), ':')
	l.buf = append(appendNormal(l.buf, l.field.raw), '\n')
	sum := sha256.Sum256(l.buf)
	if len(l.digests) < maxLines {
		l.digests = append(l.digests, sum)
		return
	}
	if l.more == nil {
		l.more = sha256.New()
	}
	l.more.Write(sum[:])
}

// bit is the place in seen of the open field, 0 when it may come often.
func (l *lines) bit() uint32 {
	if i := slices.Index(single, string(l.name)); i >= 0 {
		return 1 << i
	}
	return 0
}

// sum returns the hash over the sorted digests, then those in their order.
func (l *lines) sum() [sha256.Size]byte {
	l.parser.Finish()
	slices.SortFunc(l.digests, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	all := sha256.New()
	for i := range l.digests {
		all.Write(l.digests[i][:])
	}
	if l.more != nil {
		all.Write(l.more.Sum(nil))
	}
	return [sha256.Size]byte(all.Sum(nil))
}
