package folder

import (
	"cmp"
	"math"
	"strings"
)

// Inbox is the name of the mailbox that every account has.
const Inbox = "INBOX"

// IsInbox tells INBOX, which is one mailbox in any case of its ASCII letters
// (RFC 3501 5.1).
func IsInbox(name string) bool {
	return len(name) == len(Inbox) && strings.EqualFold(name, Inbox)
}

// Namespace says how a server tells the hierarchy: what its personal names
// begin with ("INBOX.", or nothing) and what parts their levels ("/", or
// nothing for a server with flat names). RFC 2342.
type Namespace struct {
	Prefix, Delimiter string
}

// Split returns the levels of a name below the namespace's prefix, outermost
// first. A name without the prefix keeps all its levels; INBOX is one level.
// A name that is the prefix and nothing more has its levels too, since no
// folder goes without a name.
func Split(name string, ns Namespace) []string {
	if rest, ok := ns.cut(name); ok && rest != "" {
		name = rest
	}
	if ns.Delimiter == "" {
		return []string{name}
	}
	return strings.Split(name, ns.Delimiter)
}

// cut removes the prefix. A prefix below INBOX is recognised in any case, as
// INBOX is.
func (ns Namespace) cut(name string) (rest string, ok bool) {
	n := len(ns.Prefix)
	if n == 0 || len(name) < n {
		return name, false
	}
	if name[:n] == ns.Prefix || ns.belowInbox() && IsInbox(name[:len(Inbox)]) &&
		name[len(Inbox):n] == ns.Prefix[len(Inbox):] {
		return name[n:], true
	}
	return name, false
}

func (ns Namespace) belowInbox() bool {
	return ns.Delimiter != "" && len(ns.Prefix) > len(Inbox) && IsInbox(ns.Prefix[:len(Inbox)]) &&
		strings.HasPrefix(ns.Prefix[len(Inbox):], ns.Delimiter)
}

// layout is how a server's names are put together.
type layout struct {
	Namespace
	replacement string // of the delimiter inside a name; may be empty
	filler      string // where a name needs something, as in place of an empty level
}

// layoutOf returns the layout of a server. Without a replacement, a delimiter
// inside a name becomes "_", or "-" where "_" is the delimiter.
func layoutOf(ns Namespace, replacement *string) layout {
	filler := "_"
	if ns.Delimiter == "_" {
		filler = "-"
	}
	if replacement == nil {
		return layout{ns, filler, filler}
	}
	return layout{ns, *replacement, cmp.Or(*replacement, filler)}
}

// join makes a name of levels, without the prefix. Where a level holds the
// delimiter, or is empty, something else takes its place and replaced is true:
// a delimiter inside a name would make levels that nobody asked for. On a
// server without a delimiter the levels are joined so too.
func (l layout) join(levels []string) (name string, replaced bool) {
	clean := make([]string, len(levels))
	for i, level := range levels {
		clean[i] = l.clean(level)
		replaced = replaced || clean[i] != level
	}
	if l.Delimiter == "" {
		return strings.Join(clean, l.replacement), replaced || len(clean) > 1
	}
	return strings.Join(clean, l.Delimiter), replaced
}

func (l layout) clean(level string) string {
	if l.Delimiter != "" {
		level = strings.ReplaceAll(level, l.Delimiter, l.replacement)
	}
	return cmp.Or(level, l.filler)
}

// full puts the prefix before a name. Without one, a first level INBOX is the
// one INBOX, whose children servers list under the upper-case name.
func (l layout) full(name string) string {
	if n := len(Inbox); l.Prefix == "" && l.Delimiter != "" && len(name) > n && IsInbox(name[:n]) &&
		strings.HasPrefix(name[n:], l.Delimiter) {
		return Inbox + name[n:]
	}
	return l.Prefix + name
}

// Parents returns the names above name, outermost first: those to create
// before it. A delimiter at the start, or a second one in a row, makes no
// parent.
func Parents(name, delimiter string) []string { return parentsWithin(name, delimiter, math.MaxInt) }

// parentsWithin are those of at most so many levels.
func parentsWithin(name, delimiter string, most int) []string {
	if delimiter == "" {
		return nil
	}
	var parents []string
	for at := 0; ; most-- {
		i := strings.Index(name[at:], delimiter)
		if i < 0 || most <= 0 {
			return parents
		}
		if i > 0 && at+i+len(delimiter) < len(name) {
			parents = append(parents, name[:at+i])
		}
		at += i + len(delimiter)
	}
}
