package imapconn

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"slices"
	"strconv"
	"strings"
)

// secrets are what a server was told in confidence: passwords, tokens, and what
// was made of them. Servers repeat what they were told, in refusals, alerts and
// last words, and in lines that nobody can understand. Whatever is printed,
// traced or kept of a server's words passes hide before.
//
// It is for all connections of a Session: a server may remember. What is added
// while a connection logs in is not added to at other times, so that hide may be
// called by several goroutines.
type secrets struct {
	runs  []uint64 // of run bytes of all forms, sorted
	short []string // forms of less than run bytes
	tiny  bool     // there is a form too short to be told from other words
}

const (
	// run is how many bytes of a form give it away: who knows so many, in part of
	// a message that was cut, knows too much.
	run = 8
	// tinyForm is the length from which a form is told from the words around it.
	tinyForm = 4

	maxRuns = 1 << 19

	redactedText = "<redacted>"
)

// add hides a secret, in all spellings that are in use.
func (s *secrets) add(secret string) {
	if s == nil || secret == "" {
		return
	}
	s.tiny = s.tiny || len(secret) < tinyForm
	if len(s.runs) > maxRuns {
		s.runs = nil // tokens of long ago
	}
	forms := []string{secret, strings.ReplaceAll(secret, " ", "+"), hex.EncodeToString([]byte(secret)),
		base64.RawStdEncoding.EncodeToString([]byte(secret))}
	for before := range 3 { // the places that it may have in what is encoded
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		coded = coded[(before*8+5)/6:]
		if (before+len(secret))%3 != 0 { // the last character depends on what follows
			coded = coded[:len(coded)-1]
		}
		forms = append(forms, coded, strings.NewReplacer("+", "-", "/", "_").Replace(coded))
	}
	s.forms(forms...)
}

// sent hides a response of AUTHENTICATE, as it goes over the network.
func (s *secrets) sent(line string) {
	if s != nil {
		s.forms(strings.TrimRight(line, "="))
	}
}

func (s *secrets) forms(forms ...string) {
	for _, form := range forms {
		form = lower(form)
		switch {
		case len(form) >= run:
			for i := range len(form) - run + 1 {
				s.runs = append(s.runs, runAt(form, i))
			}
		case len(form) >= tinyForm && !slices.Contains(s.short, form):
			s.short = append(s.short, form)
		}
	}
	slices.Sort(s.runs)
	s.runs = slices.Compact(s.runs)
}

// mute reports whether a server's words cannot be shown at all while it may repeat
// what it was just told.
func (s *secrets) mute() bool { return s != nil && s.tiny }

// hide returns a text without what is secret in it.
func (s *secrets) hide(text string) string {
	if s == nil || len(s.runs) == 0 && len(s.short) == 0 {
		return text
	}
	spans := s.find(lower(text), func(i int) int { return i })
	for _, escapes := range []string{`\`, "%", "=", "&", `\%=&`} { // a secret may hold what looks like one
		if strings.ContainsAny(text, escapes) {
			plain, at := unescape(text, escapes)
			spans = append(spans, s.find(lower(plain), func(i int) int { return at[i] })...)
		}
	}
	return cutOut(text, spans)
}

// hideAll is hide for a list.
func (s *secrets) hideAll(list []string) (hidden []string) {
	for _, text := range list {
		hidden = append(hidden, s.hide(text))
	}
	return hidden
}

// span is a part of a text.
type span struct{ from, to int }

// find returns what is secret in a text in lower case. at tells where a byte of
// it stands in the text that is meant.
func (s *secrets) find(text string, at func(int) int) (spans []span) {
	for i := range len(text) {
		n := 0
		if i+run <= len(text) {
			if _, found := slices.BinarySearch(s.runs, runAt(text, i)); found {
				n = run
			}
		}
		for _, form := range s.short {
			if len(form) > n && strings.HasPrefix(text[i:], form) {
				n = len(form)
			}
		}
		if n > 0 {
			spans = append(spans, span{at(i), at(i + n)})
		}
	}
	return spans
}

// cutOut replaces the spans of a text, which may overlap.
func cutOut(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	end := 0 // of what is done
	for i, sp := range spans {
		if sp.from > end || i == 0 {
			out.WriteString(text[end:sp.from])
			out.WriteString(redactedText)
		}
		end = max(end, sp.to)
	}
	out.WriteString(strings.TrimLeft(text[end:], "=")) // of base64
	return out.String()
}

// runAt packs run bytes of a text.
func runAt(text string, i int) (packed uint64) {
	for _, c := range []byte(text[i : i+run]) {
		packed = packed<<8 | uint64(c)
	}
	return packed
}

// lower is ASCII in lower case. Other bytes, and the length, stay as they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}

// unescape undoes the ways to write a character that quoted strings, JSON, URLs,
// quoted-printable, HTML and our own messages have, of those that begin with one
// of escapes. at[i] is where byte i of plain stands in text; it has one more
// element, the end.
func unescape(text, escapes string) (plain string, at []int) {
	var b []byte
	for i := 0; i < len(text); {
		c, n := text[i:i+1], 1
		if strings.Contains(escapes, c) {
			c, n = escape(text[i:])
		}
		for j := range len(c) {
			b, at = append(b, c[j]), append(at, i)
		}
		i += n
	}
	return string(b), append(at, len(text))
}

// escape reads the character at the start of s, which is n bytes long there.
func escape(s string) (c string, n int) {
	number := func(from, digits, base int) (uint64, bool) {
		if len(s) < from+digits {
			return 0, false
		}
		v, err := strconv.ParseUint(s[from:from+digits], base, 32)
		return v, err == nil
	}
	switch s[0] {
	case '%', '=':
		if v, ok := number(1, 2, 16); ok {
			return string([]byte{byte(v)}), 3
		}
	case '\\':
		if v, ok := number(2, 4, 16); ok && s[1] == 'u' {
			return string(rune(v)), 6
		}
		if v, ok := number(2, 2, 16); ok && s[1] == 'x' {
			return string([]byte{byte(v)}), 4
		}
		if v, ok := number(1, 3, 8); ok && v < 256 {
			return string([]byte{byte(v)}), 4
		}
		if len(s) > 1 {
			return s[1:2], 2
		}
	case '&':
		const longest = 10
		if end := strings.IndexByte(s[:min(len(s), longest)], ';'); end > 0 {
			if c := html.UnescapeString(s[:end+1]); c != s[:end+1] {
				return c, end + 1
			}
		}
	}
	return s[:1], 1
}
