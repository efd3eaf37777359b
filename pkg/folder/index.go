package folder

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// index finds the entry of a folder.
type index struct {
	exact    map[string]*Entry
	composed map[string]*Entry // by the composed form of their names
	all      *Entry
	list     []*Entry
	deepest  map[string]int  // by delimiter: the most levels of an entry
	met      map[*Entry]bool // that name a folder as it is spelt
	used     map[*Entry]bool
}

func newIndex(entries []Entry) *index {
	x := &index{exact: map[string]*Entry{}, composed: map[string]*Entry{}, met: map[*Entry]bool{},
		used: map[*Entry]bool{}, deepest: map[string]int{}}
	for i := range entries {
		if x.add(&entries[i]) == nil {
			x.list = append(x.list, &entries[i])
		}
	}
	return x
}

// CheckEntries refuses two entries for one folder.
func CheckEntries(entries []Entry) error {
	x := newIndex(nil)
	for i := range entries {
		if other := x.add(&entries[i]); other != nil {
			return twoEntries(&entries[i], other)
		}
	}
	return nil
}

func twoEntries(e, other *Entry) error {
	return fault.Errorf(fault.Usage, "%s: %s has an entry already (%s)", e.Where, Quote(e.label()), other.Where)
}

// add takes an entry, unless there is one for the same folder, which it
// returns.
func (x *index) add(e *Entry) (other *Entry) {
	name := e.Source
	if IsInbox(name) {
		name = Inbox
	}
	switch {
	case e.All && x.all != nil:
		return x.all
	case e.All:
		x.all = e
	case x.exact[name] != nil:
		return x.exact[name]
	default:
		x.exact[name] = e
		if c := norm.NFC.String(name); x.composed[c] == nil {
			x.composed[c] = e
		}
	}
	return nil
}

// see notes which entries name a folder, or what is above it, as it is spelt.
func (x *index) see(o origin) {
	for _, name := range append(o.parents(x.levels(o.Delimiter)), o.Name) {
		if e := x.spelt(name, o.space); e != nil {
			x.met[e], x.used[e] = true, true
		}
	}
}

// levels is the most levels that an entry has. A name of more, below the prefix,
// is in none, unless the delimiter may stand in modified UTF-7. A hostile server's
// names have hundreds.
func (x *index) levels(delimiter string) int {
	switch {
	case len(x.exact) == 0:
		return 0
	case delimiter == "", strings.ContainsAny(delimiter, "&+,-"), strings.ContainsFunc(delimiter, unicode.IsLetter),
		strings.ContainsFunc(delimiter, unicode.IsDigit):
		return math.MaxInt32
	}
	most, known := x.deepest[delimiter]
	if !known {
		for name := range x.exact {
			most = max(most, strings.Count(name, delimiter)+1)
		}
		x.deepest[delimiter] = most
	}
	return most
}

// find returns the entry of a folder, nil if it has none. One that names no
// folder as it is spelt is taken for a folder whose accents are composed in
// another way.
func (x *index) find(name string, space Namespace) *Entry {
	if d := space.Delimiter; strings.Count(name, d) > strings.Count(space.Prefix, d)+x.levels(d) {
		return nil
	}
	if e := x.spelt(name, space); e != nil {
		return e
	}
	for _, form := range spellings(name, space) {
		if e := x.composed[norm.NFC.String(form)]; e != nil && !x.met[e] {
			x.used[e] = true
			return e
		}
	}
	return nil
}

func (x *index) spelt(name string, space Namespace) *Entry {
	for _, form := range spellings(name, space) {
		if e := x.exact[form]; e != nil {
			return e
		}
	}
	return nil
}

// spellings are the ways to name a folder: as it is called, as it reads, in
// modified UTF-7; and each without the prefix.
func spellings(name string, space Namespace) []string {
	if IsInbox(name) {
		return []string{Inbox}
	}
	forms := []string{name}
	if rest, ok := space.cut(name); ok && rest != "" && !IsInbox(rest) {
		forms = append(forms, rest)
	}
	for _, form := range slices.Clone(forms) {
		if plain := Plain(form); plain != form {
			forms = append(forms, plain)
		}
		if wire, err := ToWire(form); err == nil && wire != form {
			forms = append(forms, wire)
		}
	}
	return forms
}

// delimiter is that of the source's folders.
func (m *mapper) delimiter() string {
	for _, o := range m.origins {
		if o.Delimiter != "" {
			return o.Delimiter
		}
	}
	return ""
}

func (m *mapper) names() []string {
	names := make([]string, len(m.origins))
	for i, o := range m.origins {
		names[i] = o.Name
	}
	return names
}

// maxUnused bounds the warnings of entries that name nothing: the file may be
// another account's.
const maxUnused = 50

// tellUnused warns of entries that name nothing.
func (m *mapper) tellUnused() {
	told, names := 0, m.names()
	for _, e := range m.entries.list {
		if e.All || m.entries.used[e] {
			continue
		}
		if told++; told > maxUnused {
			continue
		}
		text := fmt.Sprintf("the source has no folder %s", Quote(e.Source))
		if e.Where != "" {
			text = e.Where + ": " + text
		}
		if near := Nearest(e.Source, names, m.delimiter()); near != "" {
			text += fmt.Sprintf("; did you mean %s?", Quote(near))
		}
		m.table.Warnings = append(m.table.Warnings, text)
	}
	if told > maxUnused {
		m.table.Warnings = append(m.table.Warnings,
			fmt.Sprintf("and %d more of the mapping's folders are not in the source", told-maxUnused))
	}
}
