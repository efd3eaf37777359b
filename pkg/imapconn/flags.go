package imapconn

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// canonicalFlags are the system flags (RFC 3501 2.3.2).
var canonicalFlags = canonical(`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`, `\Recent`)

// maxFlags bounds the flags of a message.
const maxFlags = 1000

// flags reads a list of flags, see flagList for what was seen.
func (r *fetchReader) flags(m *fetched) error {
	if !r.accept('(') {
		return r.skipValue() // NIL was seen
	}
	var before []string
	if m.got&gotFlags != 0 {
		before = slices.Clone(m.Flags)
	}
	m.Flags = m.Flags[:0]
	garbled := false
	for {
		r.blanks()
		switch {
		case r.accept(')'):
			if garbled && len(m.Flags) == 0 { // something was said, and nobody knows what
				m.clash |= gotFlags
			}
			if m.got&gotFlags != 0 && !slices.Equal(before, m.Flags) {
				m.clash |= gotFlags
			}
			m.got |= gotFlags
			return nil
		case r.pos >= len(r.text) || r.isLiteral():
			return errMalformed
		case r.accept('('): // within a flag? nobody knows; go on behind it
			continue
		}
		w := r.word()
		if isNoFlag(w) {
			garbled = true
			continue
		}
		if len(m.Flags) < maxFlags {
			m.Flags = insertFlag(m.Flags, r.known.canonical(w))
		}
	}
}

// isNoFlag reports whether a word in a list of flags stands for none.
func isNoFlag(w []byte) bool {
	return len(bytes.Trim(w, `"\`)) == 0 || bytes.EqualFold(w, []byte("NIL"))
}

// flagNames are canonical forms of flags. Few different ones exist: one that was
// met before costs no allocation.
type flagNames map[string]string

// canonical returns the canonical form of a flag as it came.
func (n *flagNames) canonical(w []byte) string {
	if f, ok := (*n)[string(w)]; ok {
		return f
	}
	if *n == nil || len(*n) > 4096 {
		*n = flagNames{}
	}
	text := strings.Trim(string(w), `"`)
	if len(text) < len(w) { // quoted: "\\Seen"
		text = strings.ReplaceAll(text, `\\`, `\`)
	}
	f := canonicalFlag(text)
	(*n)[string(w)] = f
	return f
}

// insertFlag keeps flags sorted and without duplicates, whatever their case.
func insertFlag(flags []string, f string) []string {
	if f == "" || containsFold(flags, f) {
		return flags
	}
	i := sort.SearchStrings(flags, f)
	flags = append(flags, "")
	copy(flags[i+1:], flags[i:])
	flags[i] = f
	return flags
}

// flagList reads flags in parentheses into canonical form. Seen: blanks within
// the parentheses, flags in quotes, "]" in a keyword, a lone backslash.
func flagList(b []byte) []string {
	b = bytes.TrimSpace(b)
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("(")), []byte(")"))
	var flags []string
	for _, w := range bytes.Fields(b) {
		if f := canonicalFlag(string(bytes.Trim(w, `"`))); f != "" {
			flags = append(flags, f)
		}
	}
	return tidy(flags)
}

// canonicalFlag spells system flags as RFC 3501 does, and returns "" for what
// is no flag of a message.
func canonicalFlag(s string) string {
	if s == "" || s == `\` || s == `\*` {
		return ""
	}
	if s[0] == '\\' {
		if known, ok := canonicalFlags[strings.ToLower(s)]; ok {
			s = known
		}
		if s == `\Recent` {
			return ""
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
