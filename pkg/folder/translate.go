package folder

import (
	"fmt"
	"slices"
	"strings"
)

// Translate returns what the folder name of one server is called on another.
// The prefix and the delimiter change, and INBOX in any case becomes INBOX. The
// target has a canonical wire form (ToWire gives it), whatever the source's
// was. The note says in one line what else had to change, and is empty when
// nothing had to; it quotes both names, so that it is safe to print.
//
// Between servers alike the name stays as it is, levels without a name
// included. The folder "INBOX.INBOX" of a server with the prefix "INBOX." may
// not become INBOX: without a prefix it is "INBOX_".
func Translate(name string, from, to Namespace) (target, note string) {
	if IsInbox(name) {
		return Inbox, ""
	}
	text, reason := translate(plainSegments(name, from), from, to)
	if reason == "" && Plain(name) != name && FromPlain(Plain(name)) != name {
		reason = "the source does not spell it in modified UTF-7"
	}
	target = FromPlain(text)
	if reason != "" {
		note = fmt.Sprintf("%q becomes %q: %s", name, target, reason)
	}
	return target, note
}

// plainSegments splits before it takes the brackets away: what is in them is
// no delimiter.
func plainSegments(name string, ns Namespace) []string {
	segments := Split(name, ns)
	for i, s := range segments {
		segments[i] = Plain(s)
	}
	return segments
}

// translate returns the plain target, and why it is not what it was.
func translate(segments []string, from, to Namespace) (text, reason string) {
	if len(segments) == 1 && IsInbox(segments[0]) && to.Prefix == "" {
		return segments[0] + to.substitute(), "the destination has INBOX only once"
	}
	if from == to && strings.Join(segments, "") != "" && !holdsDelimiter(segments, to.Delimiter) {
		return to.connect(segments), ""
	}
	text, replaced := join(segments, to)
	if replaced {
		reason = to.why()
	}
	return text, reason
}

// holdsDelimiter tells whether a level, once plain, would be split again.
func holdsDelimiter(segments []string, delimiter string) bool {
	return delimiter != "" && slices.ContainsFunc(segments, func(s string) bool { return strings.Contains(s, delimiter) })
}

// why says what a replacement in a name was for.
func (ns Namespace) why() string {
	if ns.Delimiter == "" {
		return "the destination has no levels"
	}
	return fmt.Sprintf("at the destination %q parts levels, and no level may be empty", ns.Delimiter)
}
