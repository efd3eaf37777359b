package headerkey

import (
	"bytes"
	"iter"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/header"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// maxShown is how much of a field is shown, in octets of UTF-8; maxEncoded is
// how much of its raw value is decoded for that.
const (
	maxShown   = 4 << 10
	maxEncoded = 16 << 10
)

// Field is a header field for people.
type Field struct {
	Name  string // with the usual capitals: Message-ID, Date, List-Id
	Value string // UTF-8 on one line, RFC 2047 decoded, at most 4 KiB
}

// Header returns what people read of a message: Message-ID, Date, From and
// Subject, then the other fields of the recipe (none for ALL), each by its first
// value. Fields that are absent or empty are left out. White space is collapsed,
// encoded words (RFC 2047) are decoded where that is possible without a doubt,
// and what is not UTF-8 after that becomes U+FFFD. The values are a stranger's
// words: they may hold control characters. Header ends the message as Sum does.
func (s *Scanner) Header() (fields []Field) {
	for name, value := range s.Shown() {
		fields = append(fields, Field{Name: name, Value: string(value)})
	}
	return fields
}

// Shown yields the fields that Header returns, by name and value. A value is valid until
// the next one.
func (s *Scanner) Shown() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		s.Sum()
		for _, f := range s.shown {
			for raw := range s.slots[f.slot].values() {
				s.buf = appendReadable(s.buf[:0], raw)
				if len(s.buf) > 0 && !yield(f.name, s.buf) {
					return
				}
				break
			}
		}
	}
}

// shownField is a field that people are shown.
type shownField struct {
	name string // as Spell writes it
	slot int
}

// shownFields returns the fields that are shown to people, in their order.
func (s *Scanner) shownFields() (fields []shownField) {
	for i, name := range slices.Concat(shown, s.recipe.Fields()) {
		if i < len(shown) || !slices.Contains(shown, name) {
			fields = append(fields, shownField{Spell(name), s.index(name)})
		}
	}
	return fields
}

// Spell writes the name of a field, given in lower case, as people do.
func Spell(name string) string {
	if name == "message-id" {
		return "Message-ID"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// appendReadable appends a line of text that it makes of a raw value, to an empty dst.
func appendReadable(dst, raw []byte) []byte {
	raw = bytes.TrimLeft(raw, " \t\r\n\v\f")
	raw = raw[:min(len(raw), maxEncoded)]
	dst = header.AppendText(dst, raw)
	if len(dst) == 0 { // encoded words that say nothing: a field that is there is shown
		dst = header.AppendCollapsed(dst, raw)
	}
	if len(dst) > maxShown || !utf8.Valid(dst) {
		return append(dst[:0], text.Head(strings.ToValidUTF8(string(dst), "\uFFFD"), maxShown)...)
	}
	return dst
}
