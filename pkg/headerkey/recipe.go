package headerkey

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// Default is the recipe that is used unless another is asked for. Two fields
// are little for a server to send, and name nearly every message.
const Default = "message-id,date"

// LocalID is the word of a recipe for the Message-ID without its domain: what
// stands before the last "@", without regard to case. It is for servers that
// put a domain of their own there.
const LocalID = "message-id-local"

// maxRecipe bounds the fields, or patterns, of a recipe.
const maxRecipe = 32

// Recipe says which header fields make the key. The zero value is not a
// recipe: use ParseRecipe.
type Recipe struct {
	fields []string // lower case, in order; nil for ALL
	except []string // patterns in lower case, sorted; only with ALL
}

// ParseRecipe reads a recipe: header field names with commas between them
// ("message-id,date"), or ALL for the whole header, or ALL with patterns of
// names to leave out ("ALL,-X-*,-Received"; "*" stands for any characters).
// LocalID stands for a part of a field.
// Case and blanks around names do not matter. An error is fault.Usage.
func ParseRecipe(s string) (Recipe, error) {
	list := strings.Split(strings.ToLower(s), ",")
	for i := range list {
		list[i] = strings.Trim(list[i], " \t")
	}
	if len(list) > maxRecipe {
		return Recipe{}, recipeError(s, "more than 32 parts")
	}
	if list[0] == "all" {
		return parseAll(s, list[1:])
	}
	var r Recipe
	for _, name := range list {
		switch {
		case strings.HasPrefix(name, "-"):
			return Recipe{}, recipeError(s, "fields are left out of ALL only")
		case name == "all":
			return Recipe{}, recipeError(s, "ALL stands first, and with no other field")
		case !header.IsName(name) || strings.Contains(name, "*"):
			return Recipe{}, recipeError(s, "not the name of a header field")
		case !slices.Contains(r.fields, name):
			r.fields = append(r.fields, name)
		}
	}
	return r, nil
}

func parseAll(s string, list []string) (Recipe, error) {
	var r Recipe
	for _, item := range list {
		pattern, ok := strings.CutPrefix(item, "-")
		if !ok || !header.IsName(pattern) {
			return Recipe{}, recipeError(s, `after ALL come patterns to leave out, as in "ALL,-X-*"`)
		}
		r.except = append(r.except, pattern)
	}
	slices.Sort(r.except)
	r.except = slices.Compact(r.except)
	return r, nil
}

func recipeError(s, what string) error {
	return fault.Errorf(fault.Usage, "key recipe %q: %s", s, what).
		WithHint(`a recipe is a list of header fields ("message-id,date"; message-id-local is without the domain), ` +
			`ALL, or ALL with what to leave out ("ALL,-X-*")`)
}

// String returns the canonical form: two recipes are the same if and only if
// their canonical forms are. ParseRecipe reads it.
func (r Recipe) String() string {
	if r.fields != nil {
		return strings.Join(r.fields, ",")
	}
	s := "ALL"
	for _, pattern := range r.except {
		s += ",-" + pattern
	}
	return s
}

// Fields returns the names of the header fields to ask a server for, each once
// and in lower case, or nil when the key needs the whole header.
func (r Recipe) Fields() (names []string) {
	for _, word := range r.fields {
		if name := fieldOf(word); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Required returns the fields that a message must have to reach the rung
// "recipe", in lower case: Message-ID, where the recipe names it, else all of
// them; nil for ALL.
func (r Recipe) Required() []string {
	names := r.Fields()
	if slices.Contains(names, messageID) {
		return []string{messageID}
	}
	return names
}

// fieldOf returns the header field that a word of a recipe is about.
func fieldOf(word string) string {
	if word == LocalID {
		return "message-id"
	}
	return word
}

// Counts reports whether fields of a name are part of the key; its case does not
// matter.
func (r Recipe) Counts(name string) bool {
	name = strings.ToLower(name)
	if r.fields != nil {
		return slices.Contains(r.Fields(), name)
	}
	return !r.leavesOut([]byte(name))
}

// leavesOut reports whether a field, its name in lower case, is no part of ALL.
func (r Recipe) leavesOut(name []byte) bool {
	for _, pattern := range r.except {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}

// matches reports whether name fits a pattern in which "*" stands for any
// characters. It takes the shortest stretch for each star, and goes back only
// to the last one: at most the product of both lengths in steps.
func matches(pattern string, name []byte) bool {
	p, n := 0, 0
	star, from := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
