package folder

import (
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
	if name[:n] == ns.Prefix || ns.belowInbox() && IsInbox(name[:len(Inbox)]) && name[len(Inbox):n] == ns.Prefix[len(Inbox):] {
		return name[n:], true
	}
	return name, false
}

func (ns Namespace) belowInbox() bool {
	return ns.Delimiter != "" && len(ns.Prefix) > len(Inbox) && IsInbox(ns.Prefix[:len(Inbox)]) &&
		strings.HasPrefix(ns.Prefix[len(Inbox):], ns.Delimiter)
}

// Join makes a name of levels: the prefix, then the levels with the delimiter
// between them. A single level INBOX is INBOX itself, without the prefix.
// Where a level holds the delimiter, or is empty, "_" takes its place and
// replaced is true: a delimiter inside a name would make levels that nobody
// asked for. On a server without a delimiter the levels are joined by "_" too.
func Join(segments []string, ns Namespace) (name string, replaced bool) {
	if len(segments) == 1 && IsInbox(segments[0]) {
		return Inbox, false
	}
	return join(segments, ns)
}

func join(segments []string, ns Namespace) (name string, replaced bool) {
	clean := make([]string, len(segments))
	for i, s := range segments {
		clean[i] = ns.clean(s)
		replaced = replaced || clean[i] != s
	}
	if ns.Delimiter == "" {
		return ns.Prefix + strings.Join(clean, ns.substitute()), replaced || len(clean) > 1
	}
	return ns.connect(clean), replaced
}

// connect puts delimiters between levels that need no care. Without a prefix a
// first level INBOX is the one INBOX, whose children servers list under the
// upper-case name.
func (ns Namespace) connect(segments []string) string {
	name := ns.Prefix + strings.Join(segments, ns.Delimiter)
	if len(segments) > 1 && ns.Prefix == "" && IsInbox(segments[0]) {
		return Inbox + name[len(Inbox):]
	}
	return name
}

func (ns Namespace) clean(segment string) string {
	if segment == "" {
		return ns.substitute()
	}
	if ns.Delimiter == "" {
		return segment
	}
	return strings.ReplaceAll(segment, ns.Delimiter, ns.substitute())
}

// substitute stands where the delimiter may not.
func (ns Namespace) substitute() string {
	if ns.Delimiter == "_" {
		return "-"
	}
	return "_"
}

// Parents returns the names above name, outermost first: those to create
// before it. A delimiter at the start, or a second one in a row, makes no
// parent.
func Parents(name, delimiter string) []string {
	if delimiter == "" {
		return nil
	}
	var parents []string
	for at := 0; ; {
		i := strings.Index(name[at:], delimiter)
		if i < 0 {
			return parents
		}
		if i > 0 && at+i+len(delimiter) < len(name) {
			parents = append(parents, name[:at+i])
		}
		at += i + len(delimiter)
	}
}
