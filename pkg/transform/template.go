package transform

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/header"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// placeholders are what a value may have between braces.
var placeholders = []string{"folder", "target", "uid", "date", "internaldate", "user", "host"}

// maxTemplate bounds a value, and what a placeholder stands for, in octets.
const maxTemplate = 4 << 10

// template is the value of a header field with placeholders in it.
type template []part

// part is either text or a placeholder.
type part struct{ text, placeholder string }

// parseTemplate reads a value: "{name}" is a placeholder, "{{" and "}}" are
// braces.
func parseTemplate(s string) (template, error) {
	switch {
	case len(s) > maxTemplate:
		return nil, fmt.Errorf("its value has more than %d octets", maxTemplate)
	case !utf8.ValidString(s):
		return nil, fmt.Errorf("its value is no UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }):
		return nil, fmt.Errorf("its value holds a line end or another control character")
	}
	var t template
	literal := ""
	for len(s) > 0 {
		n := strings.IndexAny(s, "{}")
		if n < 0 {
			break
		}
		literal += s[:n]
		s = s[n:]
		if strings.HasPrefix(s, "{{") || strings.HasPrefix(s, "}}") {
			literal += s[:1]
			s = s[2:]
			continue
		}
		name, rest, closed := strings.Cut(s[1:], "}")
		if s[0] == '}' || !closed || !slices.Contains(placeholders, name) {
			return nil, fmt.Errorf("its value has braces: between them stands one of %s; a brace itself is {{ or }}",
				strings.Join(placeholders, ", "))
		}
		t = append(t, part{text: literal}, part{placeholder: name})
		literal, s = "", rest
	}
	return append(t, part{text: literal + s}), nil
}

// stand is what placeholders stand for in one message.
type stand struct {
	*Origin
	header *block
}

// fill returns the value for a message, encoded for a header, which a word is
// too that is longer than a line. ok is false where
// a placeholder stands for nothing.
func (t template) fill(s stand) (value []byte, ok bool) {
	foreign := false // something from outside looks like an encoded word
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.placeholder == "" {
			continue
		}
		stands := s.of(p.placeholder)
		if stands == "" {
			return nil, false
		}
		foreign = foreign || strings.Contains(stands, "=?")
		b.WriteString(stands)
	}
	return encodeText([]byte(b.String()), func(word []byte) bool {
		return has8Bit(word) || len(word) > lineLength || foreign && bytes.Contains(word, []byte("=?"))
	}), true
}

// of is what a placeholder stands for, harmless, or "".
func (s stand) of(placeholder string) string {
	switch placeholder {
	case "folder":
		return harmless(s.Folder)
	case "target":
		return harmless(s.Target)
	case "uid":
		return strconv.FormatUint(s.UID, 10)
	case "user":
		return harmless(s.User)
	case "host":
		return harmless(s.Host)
	case "internaldate":
		return mailDate(s.InternalDate)
	}
	if f := s.header.first("Date"); f != nil {
		if t, ok := header.ParseDate(string(f.value())); ok {
			return t.Format(dateLayout)
		}
	}
	return mailDate(s.InternalDate)
}

// harmless makes a name fit for one line.
func harmless(name string) string {
	return text.Safe(name[:wholeRunes([]byte(name), maxTemplate)])
}
