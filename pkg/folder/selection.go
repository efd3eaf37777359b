package folder

import (
	"regexp"
	"slices"
	"strings"
)

// Selection is a user's choice among the folders of an account. A folder is
// chosen when any of Names, Trees, Include or Subscribed takes it, or when all
// four are empty; Exclude then takes away.
//
// Names are compared as UTF-8; a name as a person would write it (see Plain)
// and its spelling in modified UTF-7 are understood too, and INBOX in any case.
type Selection struct {
	Names      []string         // exact names
	Trees      []string         // a folder and all below it
	Include    []*regexp.Regexp // matched anywhere in the name
	Exclude    []*regexp.Regexp // likewise, after all others
	Subscribed bool             // the folders that the user is subscribed to
}

// IsEmpty tells that every folder is chosen.
func (s Selection) IsEmpty() bool {
	return s.choosesAll() && len(s.Exclude) == 0
}

func (s Selection) choosesAll() bool {
	return len(s.Names) == 0 && len(s.Trees) == 0 && len(s.Include) == 0 && !s.Subscribed
}

// Match tells whether a folder is chosen. The delimiter is that of its server,
// empty for flat names.
func (s Selection) Match(name, delimiter string, subscribed bool) bool {
	return s.takes(name, delimiter, subscribed) && !matchesAny(s.Exclude, name)
}

func (s Selection) takes(name, delimiter string, subscribed bool) bool {
	return s.choosesAll() ||
		s.Subscribed && subscribed ||
		slices.ContainsFunc(s.Names, func(asked string) bool { return isNamed(name, asked) }) ||
		slices.ContainsFunc(s.Trees, func(asked string) bool { return isInTree(name, asked, delimiter) }) ||
		matchesAny(s.Include, name)
}

// Unmatched returns what Names and Trees ask for and none of names is, in the
// order asked: what a user most likely misspelt. A tree is there when its root
// is, or anything below it.
func (s Selection) Unmatched(names []string, delimiter string) []string {
	var missing []string
	for _, asked := range s.Names {
		if !slices.ContainsFunc(names, func(name string) bool { return isNamed(name, asked) }) {
			missing = append(missing, asked)
		}
	}
	for _, asked := range s.Trees {
		if !slices.ContainsFunc(names, func(name string) bool { return isInTree(name, asked, delimiter) }) {
			missing = append(missing, asked)
		}
	}
	return missing
}

func isNamed(name, asked string) bool {
	return spells(name, asked) || IsInbox(name) && IsInbox(asked)
}

// spells tells whether asked is one of the spellings of name.
func spells(name, asked string) bool {
	if name == asked || Plain(name) == asked {
		return true
	}
	if !strings.Contains(asked, "&") {
		return false
	}
	wire, err := ToWire(name)
	return err == nil && wire == asked
}

// isInTree tells whether name is the root of the tree asked for or below it,
// level by level: "Work" does not take "Workshop".
func isInTree(name, asked, delimiter string) bool {
	if isNamed(name, asked) {
		return true
	}
	if delimiter == "" {
		return false
	}
	asked = strings.TrimSuffix(asked, delimiter)
	if asked == "" {
		return false
	}
	if isNamed(name, asked) {
		return true
	}
	return slices.ContainsFunc(Parents(name, delimiter), func(parent string) bool { return isNamed(parent, asked) })
}

// matchesAny looks at the name, at its plain form, and at INBOX in capitals.
func matchesAny(list []*regexp.Regexp, name string) bool {
	if len(list) == 0 {
		return false
	}
	forms := []string{name}
	if plain := Plain(name); plain != name {
		forms = append(forms, plain)
	}
	if IsInbox(name) {
		forms = append(forms, Inbox)
	}
	return slices.ContainsFunc(list, func(re *regexp.Regexp) bool {
		return slices.ContainsFunc(forms, re.MatchString)
	})
}
