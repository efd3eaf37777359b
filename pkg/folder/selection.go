package folder

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Selection is a user's choice among the folders of an account. A folder of
// Spaces is chosen when any of Names, Trees, Include or Subscribed takes it, or
// when all four are empty; Exclude then takes away.
//
// A name is found as it is, in UTF-8; else as a person would write it (see
// Plain), in modified UTF-7, or with its accents composed in another way, each
// where exactly one folder has that spelling. INBOX goes in any case.
type Selection struct {
	Names      []string         // exact names
	Trees      []string         // a folder and all below it
	Include    []*regexp.Regexp // matched anywhere in the name
	Exclude    []*regexp.Regexp // likewise, after all others
	Presumed   bool             // Exclude is a guess: where it matches nothing, that is no news
	Subscribed bool             // the folders that the user is subscribed to
	Spaces     Spaces           // whose folders: the user's own, unless it says more
}

func (s Selection) choosesAll() bool {
	return len(s.Names) == 0 && len(s.Trees) == 0 && len(s.Include) == 0 && !s.Subscribed
}

// ByNameAlone reports whether only folders are chosen that Names has.
func (s Selection) ByNameAlone() bool {
	return len(s.Names) > 0 && len(s.Trees) == 0 && len(s.Include) == 0 && !s.Subscribed
}

// Candidate is a folder to choose or not.
type Candidate struct {
	Name       string
	Delimiter  string // of its server, "" for flat names
	Subscribed bool
	Mere       bool // a level between folders that holds no messages
	Space      Space
}

// Choice is what a Selection makes of the folders of an account.
type Choice struct {
	// Left says of each candidate, in their order, why it is left out; "" where
	// it is chosen.
	Left []string
	// Missing are the names asked for that are not there.
	Missing []Missing
	// Idle says of each other option that had nothing to choose what it is and
	// what it might have meant.
	Idle []string
}

// Missing is a name that was asked for and is not there. Text goes on after "the
// account has": it tells what is near.
type Missing struct {
	Name, Text string
	Several    bool // folders have such a name
}

// Choose applies the selection to all folders of an account.
func (s Selection) Choose(all []Candidate) Choice {
	c := &chooser{Selection: s, all: all, named: map[string]bool{}, roots: map[string]bool{}, told: map[string]bool{},
		foreign: map[string]Space{}}
	c.resolve()
	left := make([]string, len(all))
	for i := range all {
		left[i] = c.leaves(&all[i])
	}
	c.idle(left)
	return Choice{Left: left, Missing: c.missing, Idle: c.notes}
}

// Takes reports whether a folder is chosen, for who does not know the others.
func (s Selection) Takes(c Candidate) bool { return s.Choose([]Candidate{c}).Left[0] == "" }

// Excludes reports whether Exclude takes a name away.
func (s Selection) Excludes(name, delimiter string) bool {
	return matching(s.Exclude, forms(name, delimiter)) != nil
}

// chooser is one call of Choose.
type chooser struct {
	Selection
	all     []Candidate
	names   *directory // of the folders in Spaces
	foreign map[string]Space
	named   map[string]bool // chosen by Names
	roots   map[string]bool // chosen by Trees
	missing []Missing
	told    map[string]bool // of those
	notes   []string
}

// resolve finds the folders that Names and Trees ask for.
func (c *chooser) resolve() {
	delimiter := ""
	for _, f := range c.all {
		if delimiter = f.Delimiter; delimiter != "" {
			break
		}
	}
	c.names = newDirectory(delimiter)
	for _, f := range c.all {
		if c.Spaces.Has(f.Space) {
			c.names.add(f.Name)
		} else {
			c.foreign[f.Name] = f.Space
		}
	}
	for _, asked := range c.Names {
		c.mark(c.named, asked, c.names.find(asked))
	}
	if len(c.Trees) == 0 {
		return
	}
	nodes := newDirectory(delimiter)
	for _, f := range c.all {
		if c.Spaces.Has(f.Space) {
			nodes.add(f.Name)
			for _, parent := range Parents(f.Name, f.Delimiter) {
				nodes.add(parent)
			}
		}
	}
	for _, asked := range c.Trees {
		found := nodes.find(asked)
		if trimmed := strings.TrimSuffix(asked, delimiter); found == nil && trimmed != "" {
			found = nodes.find(trimmed)
		}
		c.mark(c.roots, asked, found)
	}
}

// mark notes what was found for a name: one folder, or why there is none.
func (c *chooser) mark(chosen map[string]bool, asked string, found []string) {
	if len(found) == 1 {
		chosen[foldInbox(found[0])] = true
		return
	}
	if c.told[asked] {
		return
	}
	c.told[asked] = true
	text := "no such folder" + c.hint(asked)
	if len(found) > 1 {
		text = fmt.Sprintf("several folders like it, %q and %q among them: give the name as it is listed", found[0],
			found[1])
	}
	c.missing = append(c.missing, Missing{asked, text, len(found) > 1})
}

// hint says what a name might have meant, or nothing.
func (c *chooser) hint(asked string) string {
	if space, known := c.foreign[asked]; known {
		return fmt.Sprintf(" in these namespaces; --namespace %s has it", space)
	}
	if len(c.missing) >= maxHints {
		return ""
	}
	if near := Nearest(asked, c.names.all, c.names.delimiter); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// maxHints bounds the search for what names might have meant: thousands of
// them are no slip of the pen.
const maxHints = 20

// leaves says why a folder is left out, or nothing.
func (c *chooser) leaves(f *Candidate) string {
	if !c.Spaces.Has(f.Space) {
		return fmt.Sprintf("another namespace (--namespace %s)", f.Space)
	}
	spelt := forms(f.Name, f.Delimiter)
	if !c.choosesAll() && !c.takes(f, spelt) {
		if c.Subscribed && !f.Subscribed && len(c.Names)+len(c.Trees)+len(c.Include) == 0 {
			return "not subscribed"
		}
		return "not asked for"
	}
	if re := matching(c.Exclude, spelt); re != nil {
		return fmt.Sprintf("--exclude '%s'", re)
	}
	return ""
}

func (c *chooser) takes(f *Candidate, spelt []string) bool {
	return c.Subscribed && f.Subscribed || c.named[foldInbox(f.Name)] || c.inTree(f) ||
		matching(c.Include, spelt) != nil
}

// inTree reports whether a folder is the root of a tree asked for or below it,
// level by level: "Work" does not take "Workshop".
func (c *chooser) inTree(f *Candidate) bool {
	if len(c.roots) == 0 {
		return false
	}
	return c.roots[foldInbox(f.Name)] || slices.ContainsFunc(Parents(f.Name, f.Delimiter),
		func(parent string) bool { return c.roots[foldInbox(parent)] })
}

// idle looks for options that had nothing to choose, or nothing with mail.
func (c *chooser) idle(left []string) {
	c.idlePatterns("--include", c.Include)
	if !c.Presumed {
		c.idlePatterns("--exclude", c.Exclude)
	}
	if c.Subscribed && !slices.ContainsFunc(c.all,
		func(f Candidate) bool { return f.Subscribed && c.Spaces.Has(f.Space) }) {
		c.notes = append(c.notes, "--subscribed: no folder is subscribed")
	}
	for space := Personal; space <= Shared; space++ {
		if c.Spaces != 0 && c.Spaces != AllSpaces && c.Spaces.Has(space) &&
			!slices.ContainsFunc(c.all, func(f Candidate) bool { return f.Space == space }) {
			c.notes = append(c.notes, fmt.Sprintf("--namespace %s: the server lists no such folder", space))
		}
	}
	above := map[string]bool{} // all levels above what is chosen
	for i, f := range c.all {
		if left[i] == "" {
			for _, parent := range Parents(f.Name, f.Delimiter) {
				above[parent] = true
			}
		}
	}
	for _, f := range c.all {
		if f.Mere && c.named[foldInbox(f.Name)] && !above[f.Name] {
			c.notes = append(c.notes, fmt.Sprintf("--folder %q holds no messages itself; --folder-rec takes what "+
				"is below it", f.Name))
		}
	}
}

func (c *chooser) idlePatterns(option string, list []*regexp.Regexp) {
	for _, re := range list {
		if slices.ContainsFunc(c.names.all, func(name string) bool {
			return matching([]*regexp.Regexp{re}, forms(name, c.names.delimiter)) != nil
		}) {
			continue
		}
		c.notes = append(c.notes, fmt.Sprintf("%s '%s' matches no folder%s", option, re, c.patternHint(re)))
	}
}

// patternHint says which folder a pattern that matches none was meant for, if
// that can be guessed.
func (c *chooser) patternHint(re *regexp.Regexp) string {
	if loose, err := regexp.Compile("(?i)" + re.String()); err == nil {
		for _, name := range c.names.all {
			if matching([]*regexp.Regexp{loose}, forms(name, c.names.delimiter)) != nil {
				return fmt.Sprintf("; with (?i) in front it matches %q", name)
			}
		}
	}
	text := strings.NewReplacer("(?i)", "", "^", "", "$", "", `\`, "").Replace(re.String())
	if near := Nearest(text, c.names.all, c.names.delimiter); near != "" {
		return fmt.Sprintf("; near is %q", near)
	}
	return ""
}

// forms are the spellings of a name that a pattern may match: as it is, as a
// person would write it, with accents composed and taken apart, and with INBOX
// in capitals.
func forms(name, delimiter string) []string {
	plain := Plain(name)
	list := []string{name}
	for _, form := range []string{plain, alike(plain, delimiter), norm.NFD.String(plain)} {
		if !slices.Contains(list, form) {
			list = append(list, form)
		}
	}
	return list
}

// matching returns the first pattern that matches any of a name's forms.
func matching(list []*regexp.Regexp, forms []string) *regexp.Regexp {
	for _, re := range list {
		if slices.ContainsFunc(forms, re.MatchString) {
			return re
		}
	}
	return nil
}
