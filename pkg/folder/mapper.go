package folder

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// mapper is one run over the folders of a source.
type mapper struct {
	ctx      context.Context
	rules    *Rules
	prefix   string
	to       Destination
	out      layout
	existing map[string]string // names and what they read as -> names
	below    []string          // levels of Subfolder
	entries  *index
	origins  []origin
	special  map[string]string // levels of a source folder -> name at the destination
	deepest  int               // number of levels of those
	leftOut  map[string]bool   // what Table.Filters has
	table    Table
}

// origin is a source folder, taken apart.
type origin struct {
	Source
	space  Namespace
	levels []string // plain, below prefix and FromSubfolder
	inbox  bool
	out    bool // it is not below FromSubfolder
	itself bool // it is FromSubfolder
}

func (r *Rules) mapper(ctx context.Context, prefix string, to Destination) (*mapper, error) {
	m := &mapper{ctx: ctx, rules: r, prefix: prefix, to: to, out: layoutOf(to.Namespace, r.DelimiterReplacement),
		existing: map[string]string{}, leftOut: map[string]bool{}}
	if d := to.Namespace.Delimiter; d != "" && r.DelimiterReplacement != nil &&
		strings.Contains(*r.DelimiterReplacement, d) {
		return nil, fault.Errorf(fault.Usage, "the delimiter replacement %s contains the destination's delimiter %s",
			Quote(*r.DelimiterReplacement), Quote(d))
	}
	for _, f := range slices.Backward(to.Folders) {
		m.existing[Plain(f.Name)] = f.Name
	}
	for _, f := range to.Folders {
		m.existing[f.Name] = f.Name
		if IsInbox(f.Name) {
			m.existing[Inbox] = f.Name
		}
	}
	if r.Subfolder != "" {
		m.below = Split(decoded(r.Subfolder), to.Namespace)
	}
	m.entries = newIndex(r.Entries)
	return m, m.checkLevels()
}

// checkLevels refuses names that were typed with a delimiter too many, as in
// "Old/": servers refuse them or make another folder of them, which the next
// run does not find. What such a folder is called at the source, it may be
// called at the destination.
func (m *mapper) checkLevels() error {
	typed := []Entry{{Target: m.rules.Subfolder, Where: "subfolder"}}
	for _, e := range append(typed, m.rules.Entries...) {
		name, d := decoded(e.Target), m.to.Namespace.Delimiter
		if d == "" || m.existing[e.Target] != "" || m.existing[name] != "" || !emptyLevel(name, d) ||
			emptyLevel(e.Source, d) {
			continue
		}
		err := fault.Errorf(fault.Usage, "%s: %s has a level without a name, for %q parts levels at the destination",
			e.Where, Quote(name), d)
		if levels := slices.DeleteFunc(strings.Split(name, d),
			func(s string) bool { return s == "" }); len(levels) > 0 {
			return err.WithHint("did you mean %s?", Quote(strings.Join(levels, d)))
		}
		return err
	}
	return nil
}

// emptyLevel reports whether a name begins or ends with the delimiter, or has two
// in a row.
func emptyLevel(name, delimiter string) bool {
	return name != "" && slices.Contains(strings.Split(name, delimiter), "")
}

// decoded reads a name that a person wrote: modified UTF-7 where it is that.
func decoded(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	if plain, err := DecodeUTF7(text); err == nil {
		return plain
	}
	return text
}

// look takes the source apart.
func (m *mapper) look(sources []Source) error {
	found := m.rules.FromSubfolder == ""
	for _, s := range sources {
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		o := origin{Source: s, space: Namespace{m.prefix, s.Delimiter}, inbox: IsInbox(s.Name)}
		o.levels = plainLevels(s.Name, o.space)
		if m.rules.FromSubfolder != "" {
			o.raise(m.rules.FromSubfolder)
			found = found || !o.out
		}
		m.origins = append(m.origins, o)
		m.entries.see(o)
	}
	if !found {
		hint := "imap-list shows the folders that there are"
		if near := Nearest(m.rules.FromSubfolder, m.names(), m.delimiter()); near != "" {
			hint = fmt.Sprintf("did you mean %s?", Quote(near))
		}
		return fault.Errorf(fault.NoInput, "the source has no folder %s to take folders from",
			Quote(m.rules.FromSubfolder)).WithHint("%s", hint)
	}
	if m.rules.Automap {
		m.findSpecial()
	}
	return nil
}

// raise takes a folder out of the tree that is to come to the top.
func (o *origin) raise(tree string) {
	for _, text := range []string{tree, decoded(tree)} {
		top := plainLevels(text, o.space)
		if len(o.levels) < len(top) || !sameLevels(o.levels[:len(top)], top) {
			continue
		}
		if o.itself = len(o.levels) == len(top); !o.itself {
			o.levels = o.levels[len(top):]
			o.inbox = len(o.levels) == 1 && IsInbox(o.levels[0])
		}
		return
	}
	o.out, o.inbox = true, false
}

// sameLevels compares names level by level; a first level INBOX has any case.
func sameLevels(a, b []string) bool {
	return slices.Equal(a, b) || len(a) == len(b) && IsInbox(a[0]) && IsInbox(b[0]) && slices.Equal(a[1:], b[1:])
}

// findSpecial pairs the folders of a special use.
func (m *mapper) findSpecial() {
	var here, there []special
	for i, o := range m.origins {
		if e := m.entries.find(o.Name, o.space); !o.Level && !o.out && !o.itself && !o.inbox && e == nil {
			here = append(here, special{i, o.Attributes, o.levels})
		}
	}
	for i, f := range m.to.Folders {
		if !IsInbox(f.Name) {
			there = append(there, special{i, f.Attributes, plainLevels(f.Name, m.to.Namespace)})
		}
	}
	m.special = map[string]string{}
	for _, use := range specialUses {
		targets := ofUse(use, there, "")
		if len(targets) == 0 {
			continue
		}
		name, _ := specialLevel(targets[0].levels)
		for _, s := range ofUse(use, here, name) {
			m.special[levelsKey(s.levels)] = m.to.Folders[targets[0].index].Name
			m.deepest = max(m.deepest, len(s.levels))
		}
	}
}

func levelsKey(levels []string) string { return strings.Join(levels, "\x00") }

// place finds where one folder goes.
func (m *mapper) place(i int) Mapping {
	o := &m.origins[i]
	if mapping, ok := m.byEntry(o); ok {
		return mapping
	}
	switch {
	case o.out:
		m.leaveOut(o, "strip-subfolder="+m.rules.FromSubfolder)
		return Mapping{Source: o.Name, By: BySubfolder}
	case o.itself && o.Messages == 0:
		return Mapping{Source: o.Name, By: BySubfolder}
	}
	if o.itself {
		m.table.Warnings = append(m.table.Warnings, fmt.Sprintf("%s holds messages of its own, and keeps its name",
			Quote(o.Name)))
	}
	if mapping, ok := m.byUse(o); ok {
		return mapping
	}
	return m.byName(o)
}

// leaveOut notes what a folder was left out by.
func (m *mapper) leaveOut(o *origin, filter string) {
	if !o.Level && !m.leftOut[filter] {
		m.leftOut[filter] = true
		m.table.Filters = append(m.table.Filters, filter)
	}
}

// byEntry looks for an entry of the folder itself, then of what is above it,
// then of all.
func (m *mapper) byEntry(o *origin) (Mapping, bool) {
	e, rest := m.entries.find(o.Name, o.space), []string(nil)
	if e == nil {
		for _, parent := range slices.Backward(o.parents(m.entries.levels(o.Delimiter))) {
			if e = m.entries.find(parent, o.space); e != nil {
				rest = strings.Split(o.Name[len(parent)+len(o.Delimiter):], o.Delimiter)
				break
			}
		}
	}
	if e == nil && !o.out && !o.itself {
		e = m.entries.all
	}
	if e == nil {
		return Mapping{}, false
	}
	mapping := Mapping{Source: o.Name, By: ByMap}
	if e.LeaveOut {
		m.leaveOut(o, "map="+e.label()+"=-")
		return mapping, true
	}
	target, reason := m.explicit(e)
	if len(rest) > 0 {
		mapping.crowd = "map " + e.Source
		var why string
		if target, why = m.child(target, rest); reason == "" {
			reason = why
		}
	}
	mapping.Target, mapping.Note = target, noteOf(o.Name, target, []string{reason})
	return mapping, true
}

// parents are the names above a folder, below the prefix, outermost first, of at
// most so many levels.
func (o *origin) parents(most int) []string {
	rest, cut := o.space.cut(o.Name)
	if cut {
		most += strings.Count(o.Name[:len(o.Name)-len(rest)], o.Delimiter)
	}
	parents := parentsWithin(o.Name, o.Delimiter, most)
	if cut {
		parents = slices.DeleteFunc(parents, func(p string) bool { return len(p) < len(o.Name)-len(rest) })
	}
	return parents
}

// explicit is the target that an entry names.
func (m *mapper) explicit(e *Entry) (target, reason string) {
	texts := []string{e.Target}
	if plain := decoded(e.Target); !e.Exact && plain != e.Target {
		texts = append(texts, plain)
	}
	for _, text := range texts {
		if name := m.existing[text]; name != "" {
			return name, ""
		}
	}
	text := texts[len(texts)-1]
	if IsInbox(text) {
		return Inbox, ""
	}
	if _, err := ToWire(text); err == nil {
		text = Plain(text) // as a listing spells it
	}
	if _, ok := m.to.Namespace.cut(text); ok || m.to.Namespace.Prefix == "" {
		return FromPlain(text), ""
	}
	target = m.to.Namespace.Prefix + FromPlain(text)
	if name := m.existing[target]; name != "" {
		target = name
	}
	return target, fmt.Sprintf("the destination's names begin with %q", m.to.Namespace.Prefix)
}

// child is a name below target, for levels that go along with it.
func (m *mapper) child(target string, levels []string) (name, reason string) {
	plain := make([]string, len(levels))
	for i, level := range levels {
		plain[i] = Plain(level)
	}
	rest, replaced := m.out.join(plain)
	between := m.out.Delimiter
	if between == "" {
		between, replaced = m.out.replacement, true
	}
	if replaced {
		reason = m.out.why()
	}
	return target + between + FromPlain(rest), reason
}

// byUse places what has a special use, and what is below such a folder.
func (m *mapper) byUse(o *origin) (Mapping, bool) {
	for n := min(len(o.levels), m.deepest); n > 0; n-- {
		name := m.special[levelsKey(o.levels[:n])]
		if name == "" {
			continue
		}
		mapping := Mapping{Source: o.Name, Target: name, By: ByAutomap}
		rest, reason := o.levels[n:], ""
		if len(m.below) > 0 {
			levels := slices.Concat(m.below, plainLevels(name, m.to.Namespace), rest)
			mapping.Target, reason = m.out.spell(levels, m.to.Namespace)
			mapping.Target = FromPlain(m.out.full(mapping.Target))
		} else if len(rest) > 0 {
			mapping.Target, reason = m.child(name, rest)
		}
		if len(rest) > 0 {
			mapping.crowd = "automap " + levelsKey(o.levels[:n])
		}
		mapping.Note = noteOf(o.Name, mapping.Target, []string{reason})
		return mapping, true
	}
	return Mapping{}, false
}

// byName places all else.
func (m *mapper) byName(o *origin) Mapping {
	mapping := Mapping{Source: o.Name, By: ByName, crowd: "name"}
	if len(m.below) > 0 || m.rules.FromSubfolder != "" && !o.itself {
		mapping.By = BySubfolder
	}
	name, reason := Inbox, ""
	if !o.inbox || len(m.below) > 0 {
		name, reason = m.out.spell(slices.Concat(m.below, o.levels), o.space)
	}
	renamed := name
	for _, r := range m.rules.Renames {
		var constant bool
		if renamed, constant = r.apply(renamed); constant {
			mapping.crowd = ""
		}
	}
	var once string
	switch {
	case renamed != name:
		mapping.By = ByRename
		name, reason = m.out.spell(Split(renamed, Namespace{Delimiter: m.out.Delimiter}), Namespace{})
		o.inbox = IsInbox(name)
	case !o.inbox || len(m.below) > 0:
		name, once = m.out.besideInbox(name)
		o.inbox = false
	}
	if mapping.Target = Inbox; !o.inbox {
		mapping.Target = FromPlain(m.out.full(name))
	}
	mapping.Note = noteOf(o.Name, mapping.Target, []string{reason, once, oddSpelling(o.Name)})
	return mapping
}
