package search

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-message/charset"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

const (
	maxValue = 1 << 20  // of a field's value, in octets
	maxDepth = 50       // of parts in parts; what is deeper is not looked at
	block    = 32 << 10 // of decoded text
)

// errDecided ends a scan: the rest of the message makes no difference.
var errDecided = errors.New("decided")

// scan looks for the keys that are about fields and words.
func (f *facts) scan(keys []key) error {
	s := &scan{facts: f, keys: keys, fields: open[*field](f, keys), dates: open[*sent](f, keys),
		words: open[*wordKey](f, keys)}
	if len(s.fields)+len(s.dates)+len(s.words) == 0 {
		return nil
	}
	r, err := f.octets()
	if err != nil {
		return err
	}
	for _, k := range s.words {
		s.window.keep = max(s.window.keep, len(k.fold)-1)
	}
	s.lines = newLines(r)
	defer s.lines.free()
	if err := s.entity("text/plain"); err != nil {
		if err == errDecided {
			return nil
		}
		return err
	}
	for _, k := range s.words {
		f.note(k, no)
	}
	return nil
}

// open returns the keys of a kind that nothing was noted for.
func open[K key](f *facts, keys []key) (found []K) {
	for _, k := range keys {
		switch k := k.(type) {
		case K:
			if f.found(k) == unknown {
				found = append(found, k)
			}
		case negation:
			found = append(found, open[K](f, []key{k.key})...)
		case disjunction:
			found = append(found, open[K](f, []key{k.a, k.b})...)
		case conjunction:
			found = append(found, open[K](f, k)...)
		}
	}
	return found
}

// scan is one passage through a message.
type scan struct {
	*facts
	keys   []key
	fields []*field // not found so far, as all of these
	dates  []*sent
	words  []*wordKey

	lines  *lines
	window window
	text   []byte // a block that was decoded
	depth  int
}

// entity goes through a message or a part of one (RFC 2045 2.4), up to its end
// or the line that ends it.
func (s *scan) entity(standard string) error {
	h, err := s.header(standard)
	if err != nil {
		return err
	}
	switch kind := h.contentType; {
	case strings.HasPrefix(kind, "multipart/"):
		return s.parts(h)
	case s.depth < maxDepth && h.isIdentity() && (kind == "message/rfc822" || kind == "message/global"):
		s.depth++
		err = s.entity("text/plain")
		s.depth--
		return err
	case strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "message/"):
		return s.body(h)
	}
	return s.lines.skip()
}

// header reads a header. That of the message itself decides what is asked of
// fields.
func (s *scan) header(standard string) (partHeader, error) {
	h := partHeader{scan: s, contentType: standard}
	parser := header.NewParser(&h)
	for !parser.Done() {
		line, err := s.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return h, err
		}
		h.taken = false
		if parser.Parse(line); !h.taken {
			s.noField(line)
		}
	}
	parser.Finish()
	if s.depth == 0 {
		for _, k := range s.fields {
			s.note(k, no)
		}
		for _, k := range s.dates {
			s.note(k, no)
		}
		s.fields, s.dates = nil, nil
	}
	return h, s.check()
}

// check ends the scan once it is known whether the message is chosen.
func (s *scan) check() error {
	if len(s.words) == 0 || s.judge(s.keys) != unknown {
		return errDecided
	}
	return nil
}

// parts goes through a multipart.
func (s *scan) parts(h partHeader) error {
	boundary := h.parameters["boundary"]
	if boundary == "" || s.depth >= maxDepth {
		return s.lines.skip()
	}
	standard := "text/plain"
	if h.contentType == "multipart/digest" {
		standard = "message/rfc822" // RFC 2046 5.1.5
	}
	level := s.lines.push(boundary)
	s.depth++
	for {
		if err := s.lines.skip(); err != nil {
			return err
		}
		if more := s.lines.enter(level); !more {
			break
		}
		if err := s.entity(standard); err != nil {
			return err
		}
	}
	s.depth--
	s.lines.pop(level)
	return s.lines.skip()
}

// body looks for words in a text.
func (s *scan) body(h partHeader) error {
	var r io.Reader = &textReader{lines: s.lines, decoder: h.decoder()}
	if name := h.charset(); name != "" {
		if converted, err := charset.Reader(name, r); err == nil {
			r = converted
		}
	}
	s.window.reset()
	if s.text == nil {
		s.text = make([]byte, block)
	}
	for {
		n, err := r.Read(s.text)
		if n > 0 {
			s.window.add(s.text[:n])
			if err := s.look(true); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// look notes the keys whose words the window has.
func (s *scan) look(body bool) error {
	left := slices.DeleteFunc(s.words, func(k *wordKey) bool {
		found := (body || !k.body) && s.window.has(k.fold)
		if found {
			s.note(k, yes)
		}
		return found
	})
	if len(left) == len(s.words) {
		return nil
	}
	s.words = left
	return s.check()
}

// field takes a field of the message's own header, or of a part's.
func (s *scan) field(name string, value []byte) {
	plain := header.Text(value)
	if s.depth == 0 {
		s.topField(name, plain)
	}
	if len(s.words) == 0 {
		return
	}
	s.window.reset()
	s.window.add(slices.Concat([]byte(name+": "), plain, []byte("\r\n")))
	s.look(false) // the end of the header asks whether it is decided
}

// noField takes a line of a header that is part of no field.
func (s *scan) noField(line []byte) {
	if len(s.words) > 0 {
		s.window.reset()
		s.window.add(line)
		s.look(false)
	}
}

func (s *scan) topField(name string, plain []byte) {
	if strings.EqualFold(name, "date") && len(plain) > 0 {
		date, ok := header.ParseDate(string(plain))
		for _, k := range s.dates {
			s.note(k, known(ok && k.is.holds(dateOf(date), k.day)))
		}
		s.dates = nil
	}
	var folded []byte
	s.fields = slices.DeleteFunc(s.fields, func(k *field) bool {
		if !strings.EqualFold(name, k.name) {
			return false
		}
		if folded == nil {
			folded = append(fold(string(plain)), ' ')
		}
		found := bytes.Contains(folded, k.fold)
		if found {
			s.note(k, yes)
		}
		return found
	})
}
