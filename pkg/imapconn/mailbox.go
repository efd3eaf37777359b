package imapconn

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// Mailbox is one entry of a listing.
type Mailbox struct {
	Name       string   // UTF-8, by folder.FromWire
	Wire       string   // as the server spelt it: what its commands want
	Delimiter  string   // "" if the names are flat
	Attributes []string // sorted, canonical case (\Noselect, \Sent ...); without \Subscribed
	Subscribed bool
	Space      folder.Space // whose it is (RFC 2342)
	Unread     string       // why it is not known which folder this is, if any; Name is what could be seen of it

	state *Status // if it came along
	level bool    // it was also listed as one that cannot be selected
}

// Mailbox returns a mailbox that was not listed; wire is how the server spells it.
func (s *Session) Mailbox(wire string) Mailbox {
	return Mailbox{Name: mailboxName(wire), Wire: wire, Delimiter: s.spaces.personal.Delimiter,
		Space: s.spaces.space(wire)}
}

// Open says of a mailbox that was listed as a level that it can be opened.
func (m *Mailbox) Open() { m.Attributes = slices.DeleteFunc(slices.Clone(m.Attributes), isLevel) }

// join takes over what another entry of the same name says. One that can be
// selected outweighs one that cannot.
func (m *Mailbox) join(o *Mailbox) {
	if m.Selectable() != o.Selectable() {
		m.level = true
		mere := m
		if m.Selectable() {
			mere = o
		}
		mere.Attributes = slices.DeleteFunc(slices.Clone(mere.Attributes), isLevel)
	}
	m.Attributes = tidy(append(m.Attributes, o.Attributes...))
	m.Subscribed = m.Subscribed || o.Subscribed
	m.Delimiter = cmp.Or(m.Delimiter, o.Delimiter)
}

// isLevel reports whether an attribute says that a mailbox cannot be selected.
func isLevel(attribute string) bool { return attribute == `\Noselect` || attribute == `\NonExistent` }

// Selectable reports whether the mailbox can hold messages.
func (m *Mailbox) Selectable() bool {
	return !slices.ContainsFunc(m.Attributes, isLevel)
}

// canonicalAttributes are spelt as in RFC 3501, 3348, 5258 and 6154.
var canonicalAttributes = canonical(`\Noinferiors`, `\Noselect`, `\Marked`, `\Unmarked`, `\HasChildren`,
	`\HasNoChildren`,
	`\NonExistent`, `\Subscribed`, `\Remote`, `\All`, `\Archive`, `\Drafts`, `\Flagged`, `\Junk`, `\Sent`, `\Trash`,
	`\Important`)

func canonical(names ...string) map[string]string {
	m := map[string]string{}
	for _, n := range names {
		m[strings.ToLower(n)] = n
	}
	return m
}

// tidy sorts names and drops those that differ in case only.
func tidy(names []string) []string {
	sort.Strings(names)
	kept := names[:0]
	for _, n := range names {
		if !containsFold(kept, n) {
			kept = append(kept, n)
		}
	}
	return kept
}

func containsFold(l []string, s string) bool {
	for _, e := range l {
		if strings.EqualFold(e, s) {
			return true
		}
	}
	return false
}
