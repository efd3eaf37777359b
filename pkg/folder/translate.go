package folder

import (
	"fmt"
	"slices"
	"strings"
)

// noteOf says what a name became, for the first of the reasons; without one it
// is empty.
func noteOf(name, target string, reasons []string) string {
	for _, reason := range reasons {
		if reason != "" {
			return fmt.Sprintf("%q becomes %q: %s", name, target, reason)
		}
	}
	return ""
}

func oddSpelling(name string) string {
	if plain := Plain(name); plain != name && FromPlain(plain) != name {
		return "the source does not spell it in modified UTF-7"
	}
	return ""
}

// plainLevels splits before it takes the brackets away: what is in them is no
// delimiter.
func plainLevels(name string, ns Namespace) []string {
	levels := Split(name, ns)
	for i, level := range levels {
		levels[i] = Plain(level)
	}
	return levels
}

// spell returns the name that levels have at the destination, without its
// prefix, and why it is not what it was.
func (l layout) spell(levels []string, from Namespace) (name, reason string) {
	if from == l.Namespace && strings.Join(levels, "") != "" && !holdsDelimiter(levels, l.Delimiter) {
		return strings.Join(levels, l.Delimiter), ""
	}
	name, replaced := l.join(levels)
	if replaced {
		reason = l.why()
	}
	return name, reason
}

// besideInbox gives another name to a folder that is called INBOX and is not.
func (l layout) besideInbox(name string) (other, reason string) {
	if l.Prefix == "" && IsInbox(name) {
		return name + l.filler, "the destination has INBOX only once"
	}
	return name, ""
}

// holdsDelimiter reports whether a level, once plain, would be split again.
func holdsDelimiter(levels []string, delimiter string) bool {
	return delimiter != "" && slices.ContainsFunc(levels, func(s string) bool { return strings.Contains(s, delimiter) })
}

// why says what a replacement in a name was for.
func (l layout) why() string {
	if l.Delimiter == "" {
		return "the destination has no levels"
	}
	return fmt.Sprintf("at the destination %q parts levels, and no level may be empty", l.Delimiter)
}
