package headerkey

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// maxStash is how many octets are kept of a message that gave no evidence yet:
// its key may have to be made of all of them.
const maxStash = 64 << 10

// Identity is what Scanner.Sum tells of a message.
type Identity struct {
	// Key is the rung, a colon and 32 hexadecimal digits: see the package.
	Key string
	// Complete tells that every field of the recipe was there and not empty
	// (for ALL: any field). The key of a block that a server made of some
	// fields (HEADER.FIELDS) is the message's own only if it is complete;
	// otherwise the message has to be read whole.
	Complete bool
}

// requirement is what the rung recipe requires.
type requirement struct {
	slots     []int // those that must have a value
	messageID bool  // Message-ID is one of them
}

// openField is the header field that the octets have come to.
type openField struct {
	slot     *slot // keeps it, nil when nothing does
	received bool  // it is a Received line
	first    bool  // it may be the first field with a value
}

// found is what the header was seen to hold.
type found struct {
	value bool // a field with a value
	key   bool // one that makes a key
}

// Scanner computes the identity of a message from its octets, which are written
// to it in chunks of any size: whole, or a block of header fields as a server
// gives it for Recipe.Fields. Its memory is bounded whatever comes. It is not
// safe for concurrent use.
type Scanner struct {
	recipe Recipe
	parser *header.Parser
	slots  []slot // the fields to keep, each once
	shown  []shownField
	key    []part // of the recipe, in its order
	origin []part // of the second rung: those of the recipe, then the others
	filter filter // of the names in slots

	required requirement

	received received
	all      *lines // the fields of a recipe ALL, else nil

	open  openField
	found found

	fallback fallback
	identity Identity // once Sum was called
	buf      []byte
}

// The fields that are shown to people, and those that the second rung has
// beside the recipe's.
var (
	shown  = []string{"message-id", "date", "from", "subject"}
	origin = []string{"date", "from", "to", "subject"}
)

// NewScanner returns a Scanner of an empty message. It can be used for many
// messages, with a Reset between two.
func NewScanner(recipe Recipe) *Scanner {
	s := &Scanner{recipe: recipe, received: received{slot: slot{name: "received"}}}
	s.parser = header.NewParser((*scannerFields)(s))
	fields := recipe.Fields()
	for _, name := range slices.Concat(shown, origin, fields) {
		s.addSlot(name)
	}
	for _, name := range slices.Concat(origin, fields) {
		s.slots[s.index(name)].counts = true
	}
	s.shown = s.shownFields()
	s.key = s.parts(recipe.fields)
	for _, name := range recipe.Required() {
		s.required.slots = append(s.required.slots, s.index(name))
		s.required.messageID = s.required.messageID || name == messageID
	}
	s.origin = slices.Clone(s.key)
	for _, p := range s.parts(origin) {
		if !slices.Contains(s.origin, p) {
			s.origin = append(s.origin, p)
		}
	}
	if recipe.fields == nil {
		s.all = newLines(recipe)
	}
	s.filter.add("received")
	return s
}

func (s *Scanner) addSlot(name string) {
	if s.index(name) < 0 {
		s.slots = append(s.slots, slot{name: name, once: slices.Contains(single, name)})
		s.filter.add(name)
	}
}

func (s *Scanner) index(name string) int {
	return slices.IndexFunc(s.slots, func(f slot) bool { return f.name == name })
}

// Reset makes s a Scanner of an empty message again, with the same recipe.
func (s *Scanner) Reset() {
	s.parser.Reset()
	for i := range s.slots {
		s.slots[i].reset()
	}
	s.received.reset()
	if s.all != nil {
		s.all.reset()
	}
	s.fallback.reset()
	s.open = openField{}
	s.found, s.identity = found{}, Identity{}
}

// Write takes more of the message, and never fails. What comes after the header
// costs nothing unless NeedsBody tells so. Write has no effect after Sum.
func (s *Scanner) Write(p []byte) (int, error) {
	if s.summed() || s.HeaderDone() && !s.NeedsBody() {
		return len(p), nil
	}
	s.parser.Parse(p)
	if s.all != nil {
		s.all.write(p)
		s.found.key = s.found.key || s.all.any()
	}
	if !s.found.key {
		s.fallback.write(p, !s.found.value)
	}
	return len(p), nil
}

// HeaderDone tells that the empty line after the header was seen. Nobody needs
// to write more, unless NeedsBody.
func (s *Scanner) HeaderDone() bool { return s.parser.Done() }

// NeedsBody tells that the header has ended without a field, so that the key
// will be made of all octets of the message.
func (s *Scanner) NeedsBody() bool { return s.parser.Done() && !s.found.value }

// scannerFields is what a Scanner is to its parser.
type scannerFields Scanner

func (f *scannerFields) Begin(name []byte) { (*Scanner)(f).begin(name) }
func (f *scannerFields) Value(p []byte)    { (*Scanner)(f).value(p) }
func (f *scannerFields) End()              { (*Scanner)(f).end() }

func (s *Scanner) begin(name []byte) {
	s.open = openField{}
	s.open.first = !s.found.value && header.IsName(name) && !equalFold(name, messageID) // whose value end looks at
	if !s.filter.mayHave(name) {
		return
	}
	s.open.received = equalFold(name, "received")
	if s.open.received {
		s.received.open()
	}
	for i := range s.slots {
		if f := &s.slots[i]; equalFold(name, f.name) {
			if f.open() {
				s.open.slot = f
			}
			return
		}
	}
}

func (s *Scanner) value(p []byte) {
	if s.open.first && !isBlank(p) {
		s.open.first, s.found.value = false, true
	}
	if s.open.slot != nil {
		s.open.slot.add(p)
	}
	if s.open.received {
		s.received.add(p)
	}
}

func (s *Scanner) end() {
	if s.open.slot != nil {
		s.open.slot.close()
		s.found.key = s.found.key || s.open.slot.counts && s.open.slot.has
		s.found.value = s.found.value || s.open.slot.has
	}
	if s.open.received {
		s.received.close()
	}
	s.open = openField{}
}

// Sum ends the message and returns its identity.
func (s *Scanner) Sum() Identity {
	if s.summed() {
		return s.identity
	}
	s.parser.Finish()
	if s.all != nil {
		s.all.parser.Finish()
	}
	rung, sum := s.sum()
	var digits [32]byte
	hex.Encode(digits[:], sum[:16])
	s.identity = Identity{Key: rung + string(digits[:]), Complete: s.complete()}
	return s.identity
}

func (s *Scanner) summed() bool { return s.identity.Key != "" }

// sum climbs down the ladder to the first rung that the message reaches.
func (s *Scanner) sum() (rung string, sum [sha256.Size]byte) {
	if s.all != nil && s.all.any() {
		return "recipe:", s.all.sum()
	}
	if s.reached() && s.gather(s.key) {
		return "recipe:", sha256.Sum256(s.buf)
	}
	if s.gather(s.origin) {
		return "origin:", sha256.Sum256(s.buf)
	}
	if s.found.value {
		return "header:", s.fallback.header()
	}
	return "body:", s.fallback.body()
}

// gather puts the material of some words into buf, and reports whether there is
// any.
func (s *Scanner) gather(parts []part) bool {
	s.buf = s.buf[:0]
	for _, p := range parts {
		s.buf = p.appendMaterial(s.buf, &s.slots[p.slot])
	}
	return len(s.buf) > 0
}

// reached reports whether the fields of the recipe that are there make the key
// alone: its Message-ID, where it names that, else all of them. What is left of
// them otherwise, a Date perhaps, is shared by different messages.
func (s *Scanner) reached() bool {
	for _, i := range s.required.slots {
		if !s.slots[i].has {
			return false
		}
	}
	return !s.required.messageID || slices.ContainsFunc(s.key, func(p part) bool { return p.identifies(&s.slots[p.slot]) })
}

func (s *Scanner) complete() bool {
	if s.all != nil {
		return s.all.any()
	}
	return s.reached() && !slices.ContainsFunc(s.key, func(p part) bool { return !s.slots[p.slot].has })
}

// Received returns 16 hexadecimal digits of a hash over the values of all
// Received fields in their order, normalised, or "" if there are none. It tells
// apart two messages with one key that came different ways. It ends the message
// as Sum does.
func (s *Scanner) Received() string {
	s.Sum()
	return s.received.sum()
}

// filter tells at once most of the names that nobody looks for.
type filter struct {
	lengths uint64 // a bit for each length, the last one for 63 and more
	firsts  uint64 // a bit for each first octet, modulo 64
}

func (f *filter) add(name string) {
	f.lengths |= 1 << min(len(name), 63)
	f.firsts |= 1 << (name[0] & 63)
}

func (f *filter) mayHave(name []byte) bool {
	return len(name) > 0 && f.lengths>>min(len(name), 63)&1 != 0 && f.firsts>>(toLower(name[0])&63)&1 != 0
}
