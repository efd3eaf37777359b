package folder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Causes of errors, for commands.
var (
	ErrCollision     = errors.New("two folders would become one")
	ErrCaseCollision = errors.New("two folders differ only in case, and the destination takes them for one")
	ErrCaseUnknown   = errors.New("two folders differ only in case, and the destination may take them for one")
)

// CaseSense says whether names that differ in case alone are one folder.
type CaseSense uint8

// What can be known of a server.
const (
	CaseUnknown CaseSense = iota
	CaseKept              // they are two
	CaseFolded            // they are one
)

// CaseCollision says what becomes of folders whose names would differ in case
// alone at a destination that may take them for one.
type CaseCollision string

// The choices; the zero value is CaseError.
const (
	CaseError  CaseCollision = "error"
	CaseMerge  CaseCollision = "merge"  // they become one
	CaseRename CaseCollision = "rename" // all but one get a number
	CaseAllow  CaseCollision = "allow"  // the destination tells them apart
)

// ParseCaseCollision reads one of the choices.
func ParseCaseCollision(text string) (CaseCollision, error) {
	c := CaseCollision(text)
	if !slices.Contains([]CaseCollision{CaseError, CaseMerge, CaseRename, CaseAllow}, c) {
		return c, fault.Errorf(fault.Usage, "%s is none of error, merge, rename, allow", Quote(text))
	}
	return c, nil
}

// settle finds the folders that are there already, and sees to it that no two
// become one by accident.
func (m *mapper) settle() error {
	for i := range m.table.Mappings {
		t := &m.table.Mappings[i]
		if name := m.existing[t.Target]; name != "" && !IsInbox(name) {
			t.Target = name
		}
	}
	if err := m.accidents(); err != nil {
		return err
	}
	return m.settleCase()
}

// accidents finds folders that land on one though nobody asked for it.
func (m *mapper) accidents() error {
	type place struct{ target, crowd string }
	first := map[place]*Mapping{}
	var found [][2]*Mapping
	for i := range m.table.Mappings {
		t := &m.table.Mappings[i]
		at := place{t.Target, t.crowd}
		if t.Target == "" || t.crowd == "" {
			continue
		}
		if other := first[at]; other != nil {
			found = append(found, [2]*Mapping{other, t})
			continue
		}
		first[at] = t
	}
	if len(found) > 0 {
		a, b := found[0][0], found[0][1]
		return collisionError(fmt.Sprintf("folders %q and %q would both become %q", a.Source, b.Source, a.Target),
			len(found)-1, ErrCollision)
	}
	for i := range m.table.Mappings {
		t := &m.table.Mappings[i]
		if other := first[place{t.Target, "name"}]; other != nil && t.By == ByAutomap && t.Target != "" {
			m.table.Warnings = append(m.table.Warnings,
				fmt.Sprintf("%s and %s both go to %s", Quote(other.Source), Quote(t.Source), Quote(t.Target)))
		}
	}
	return nil
}

func collisionError(text string, more int, cause error) error {
	if more > 0 {
		text += fmt.Sprintf(" (and %d more such pairs)", more)
	}
	return fault.Errorf(fault.Usage, "%s", text).Because(cause)
}

// settleCase looks for names that differ in case alone.
func (m *mapper) settleCase() error {
	if m.to.FoldsCase == nil || m.rules.CaseCollision == CaseAllow {
		return nil
	}
	there := map[string]string{} // by folded name
	for _, f := range slices.Backward(m.to.Folders) {
		there[foldCase(Plain(f.Name))] = f.Name
	}
	first := map[string]*Mapping{}
	var clashes [][2]*Mapping
	strays := false
	for i := range m.table.Mappings {
		t := &m.table.Mappings[i]
		if t.Target == "" {
			continue
		}
		key := foldCase(Plain(t.Target))
		if name := there[key]; name != "" && m.existing[t.Target] == "" {
			strays = true
		}
		if other := first[key]; other == nil {
			first[key] = t
		} else if other.Target != t.Target {
			clashes = append(clashes, [2]*Mapping{other, t})
		}
	}
	if !strays && len(clashes) == 0 {
		return nil
	}
	sense, err := m.to.FoldsCase()
	switch {
	case err != nil || sense == CaseKept:
		return err
	case len(clashes) == 0 && sense == CaseUnknown:
		return nil
	case len(clashes) > 0 && m.rules.CaseCollision != CaseMerge && m.rules.CaseCollision != CaseRename:
		return caseError(clashes, sense)
	}
	c := &caseFolder{m: m, there: there, wanted: map[string]bool{}, levels: map[string]map[string]spelling{}}
	if m.rules.CaseCollision == CaseRename {
		c.want(m.table.Mappings)
	}
	// Those that are there keep their names.
	for _, here := range []bool{true, false} {
		for i := range m.table.Mappings {
			if m.ctx.Err() != nil {
				return context.Cause(m.ctx)
			}
			if t := &m.table.Mappings[i]; t.Target != "" && (m.existing[t.Target] != "") == here {
				c.rename(t)
			}
		}
	}
	return nil
}

func caseError(clashes [][2]*Mapping, sense CaseSense) error {
	a, b := clashes[0][0], clashes[0][1]
	text, cause := "are one folder at the destination", ErrCaseCollision
	if sense == CaseUnknown {
		text, cause = "may be one folder at the destination, which does not show yet whether it tells them apart",
			ErrCaseUnknown
	}
	return collisionError(fmt.Sprintf("folders %q and %q differ only in case: %q and %q %s", a.Source, b.Source,
		a.Target, b.Target, text), len(clashes)-1, cause)
}

// caseFolder gives targets one spelling for each level, or as many names.
type caseFolder struct {
	m      *mapper
	there  map[string]string              // the destination's folders by folded name
	wanted map[string]bool                // for CaseRename: folded names of targets and of what is above them
	levels map[string]map[string]spelling // by the name above, then as it was to be spelt
}

// want notes targets and what is above them, each once.
func (c *caseFolder) want(mappings []Mapping) {
	known := map[string]bool{}
	for _, t := range mappings {
		for _, name := range slices.Backward(append(Parents(t.Target, c.m.to.Namespace.Delimiter), t.Target)) {
			if known[name] {
				break // and so is what is above it
			}
			known[name] = true
			c.wanted[foldCase(Plain(name))] = true
		}
	}
}

// spelling is a level, folded and as it is spelt in the end.
type spelling struct{ folded, final string }

func (c *caseFolder) rename(t *Mapping) {
	ns := c.m.to.Namespace
	if IsInbox(t.Target) {
		return
	}
	name := t.Target
	prefix := ""
	if rest, ok := ns.cut(name); ok && rest != "" {
		prefix, name = name[:len(name)-len(rest)], rest
	}
	final := prefix
	for i, level := range Split(name, Namespace{Delimiter: ns.Delimiter}) {
		if i > 0 {
			final += ns.Delimiter
		}
		final += c.level(final, level)
	}
	if final != t.Target {
		t.Note = noteOf(t.Source, final, []string{"the destination does not tell capitals from small letters"})
		t.Target, t.crowd = final, ""
	}
}

// level returns what becomes of one level below a name that is final.
func (c *caseFolder) level(above, level string) string {
	known := c.levels[above]
	if known == nil {
		known = map[string]spelling{}
		c.levels[above] = known
	}
	if v, ok := known[level]; ok {
		return v.final
	}
	v := spelling{foldCase(Plain(level)), level}
	if name := c.there[foldCase(Plain(above+level))]; len(name) > len(above) {
		v.final = name[len(above):]
	}
	for _, other := range known {
		if other.folded != v.folded {
			continue
		}
		if v.final = other.final; c.m.rules.CaseCollision == CaseRename {
			v.final = c.number(above, level, known)
		}
		break
	}
	known[level] = v
	return v.final
}

// number finds a name that nothing else is to get. It is the same in the next
// run, when the folder is there.
func (c *caseFolder) number(above, level string, known map[string]spelling) string {
	for n := 2; ; n++ {
		name := fmt.Sprintf("%s%s%d", level, c.m.out.filler, n)
		taken := c.wanted[foldCase(Plain(above+name))]
		for _, v := range known {
			taken = taken || foldCase(v.final) == foldCase(name)
		}
		if !taken {
			return name
		}
	}
}

// foldCase maps names that differ in case alone to one.
func foldCase(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}
