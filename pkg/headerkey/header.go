package headerkey

import (
	"bytes"
	"net/textproto"
	"slices"
	"strings"

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
func (s *Scanner) Header() []Field {
	s.Sum()
	var fields []Field
	for i, name := range slices.Concat(shown, s.recipe.Fields()) {
		if i >= len(shown) && slices.Contains(shown, name) {
			continue
		}
		for raw := range s.slots[s.index(name)].values() {
			if value := readable(raw); value != "" {
				fields = append(fields, Field{Name: Spell(name), Value: value})
			}
			break
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

var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// readable makes a line of text of a raw value.
func readable(raw []byte) string {
	raw = bytes.TrimLeft(raw, " \t\r\n\v\f")
	raw = raw[:min(len(raw), maxEncoded)]
	shown := oneLine.Replace(string(header.Text(raw)))
	if shown == "" { // encoded words that say nothing: a field that is there is shown
		shown = string(header.Collapse(raw))
	}
	return text.Head(strings.ToValidUTF8(shown, "\uFFFD"), maxShown)
}
