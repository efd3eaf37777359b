package folder

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Rename is a rule s/RE/REPLACEMENT/FLAGS. It sees the name that a folder has
// at the destination, with the delimiter there between levels and without the
// prefix.
type Rename struct {
	re     *regexp.Regexp
	with   template
	global bool
}

// ParseRename reads a rule as sed and Perl write it. Any punctuation may stand
// in place of "/"; the regular expression is RE2. The flags are "g", all
// matches, and "i", letters in any case. In the replacement, $1, ${1} and \1
// are a group and $0 is the match; \U, \L, \u, \l and \E change the case of
// what follows; a backslash takes any other punctuation literally.
func ParseRename(text string) (Rename, error) {
	r, err := parseRename(text)
	if err != nil {
		return r, fault.Errorf(fault.Usage, "%s: %w", Quote(text), err).
			WithHint(`a rule is s/RE/REPLACEMENT/, with g for all matches or i for letters in any case behind it`)
	}
	return r, nil
}

func parseRename(text string) (r Rename, err error) {
	if !utf8.ValidString(text) {
		return r, errors.New("not UTF-8")
	}
	rest, found := strings.CutPrefix(text, "s")
	mark, _ := utf8.DecodeRuneInString(rest)
	if !found || mark == utf8.RuneError || mark == '\\' || unicode.IsLetter(mark) || unicode.IsDigit(mark) ||
		unicode.IsSpace(mark) {
		return r, errors.New("not s/RE/REPLACEMENT/")
	}
	rest = rest[utf8.RuneLen(mark):]
	expression, rest, found := cutAt(rest, mark)
	if !found {
		return r, fmt.Errorf("there is no %c behind the regular expression", mark)
	}
	replacement, flags, found := cutAt(rest, mark)
	if !found {
		return r, fmt.Errorf("there is no %c behind the replacement", mark)
	}
	// A mark taken literally is that character, whatever it means to RE2.
	expression = replaceEscaped(expression, mark, regexp.QuoteMeta(string(mark)))
	for _, f := range flags {
		switch f {
		case 'g':
			r.global = true
		case 'i':
			expression = "(?i)" + expression
		default:
			return r, fmt.Errorf("flag %q is neither g nor i", f)
		}
	}
	if r.re, err = regexp.Compile(expression); err != nil {
		return r, err
	}
	r.with, err = parseTemplate(replaceEscaped(replacement, mark, `\`+string(mark)), r.re)
	return r, err
}

// cutAt cuts s at the first mark that has no backslash before it.
func cutAt(s string, mark rune) (before, after string, found bool) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == mark {
			return s[:i], s[i+n:], true
		}
		if r == '\\' && i+1 < len(s) {
			_, next := utf8.DecodeRuneInString(s[i+1:])
			n += next
		}
		i += n
	}
	return s, "", false
}

// replaceEscaped puts with in the place of each mark behind a backslash.
func replaceEscaped(s string, mark rune, with string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		next, n := utf8.DecodeRuneInString(s[i+1:])
		if next == mark {
			b.WriteString(with)
		} else {
			b.WriteString(s[i : i+1+n])
		}
		i += n
	}
	return b.String()
}

// apply returns what a name becomes. constant means that all of it was
// replaced by a text that owes nothing to it: whatever else becomes the same
// was meant to.
func (r Rename) apply(name string) (out string, constant bool) {
	n := 1
	if r.global {
		n = -1
	}
	matches := r.re.FindAllStringSubmatchIndex(name, n)
	var b strings.Builder
	at := 0
	for _, m := range matches {
		b.WriteString(name[at:m[0]])
		at = m[1]
		b.WriteString(r.with.expand(name, m))
	}
	b.WriteString(name[at:])
	constant = len(r.with) > 0 && len(matches) == 1 && matches[0][0] == 0 && matches[0][1] == len(name)
	for _, p := range r.with {
		constant = constant && p.kind != pieceGroup
	}
	return b.String(), constant
}
