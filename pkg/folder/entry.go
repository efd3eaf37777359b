package folder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Entry says where one folder goes, and all below it that has no entry of its
// own.
type Entry struct {
	Source   string // as the source names it, with or without its prefix
	All      bool   // in place of Source: every folder that no other entry names
	Target   string // as the destination names it; its prefix is put before a name without
	Exact    bool   // Target is UTF-8 for certain, never modified UTF-7
	LeaveOut bool   // in place of Target: the folder goes nowhere
	Where    string // it stands there, for messages
}

// String is the entry as ParseEntry takes it.
func (e Entry) String() string {
	source, target := Quote(e.Source), Quote(e.Target)
	if e.All {
		source = e.label()
	}
	if e.LeaveOut {
		target = "-"
	}
	return source + " = " + target
}

// ParseEntry reads "SOURCE=TARGET". Each is a name as it stands, blanks and
// all, or a JSON string in quotes (around which there may be blanks). A bare "*" for SOURCE is every folder that
// has no entry, and a bare "-" for TARGET leaves the folder out.
func ParseEntry(text string) (Entry, error) {
	return parseEntry(text, func(s string) string { return s })
}

// ReadEntries reads a mapping file: an entry on each line, with blanks around
// its parts if need be; empty lines and those that begin with "#" are passed
// over, and so is what follows "#" behind a quoted target. A folder that has
// two entries is an error, as is a line that is none; name is what messages
// call the file.
func ReadEntries(in io.Reader, name string) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxEntry)
	seen := newIndex(nil)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseEntry(line, strings.TrimSpace)
		e.Where = fmt.Sprintf("%s:%d", name, n)
		if err != nil {
			return nil, fault.Errorf(fault.Usage, "%s: %w", e.Where, err).
				WithHint(`a line is "source" = "destination"; - in place of the destination leaves the folder out`)
		}
		if other := seen.add(&e); other != nil {
			return nil, twoEntries(&e, other)
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fault.Errorf(fault.Usage, "%s: a line of more than %d octets", name, maxEntry)
	} else if err != nil {
		return nil, fault.Errorf(fault.NoInput, "read %s: %w", name, err)
	}
	return entries, nil
}

// maxEntry bounds a line of a mapping file, in octets.
const maxEntry = 1 << 20

// WriteEntries writes a mapping file that ReadEntries takes: comments first,
// then a line for each entry.
func WriteEntries(out io.Writer, comments []string, entries []Entry) error {
	w := bufio.NewWriter(out)
	for _, c := range comments {
		fmt.Fprintln(w, strings.TrimSpace("# "+escape(c, "")))
	}
	for _, e := range entries {
		fmt.Fprintln(w, e)
	}
	return w.Flush()
}

// label is the source as it was given.
func (e Entry) label() string {
	if e.All {
		return "*"
	}
	return e.Source
}

var errNoEntry = errors.New("not SOURCE=TARGET")

func parseEntry(text string, trim func(string) string) (e Entry, err error) {
	if !utf8.ValidString(text) {
		return e, errors.New("not UTF-8")
	}
	source, rest, quoted, err := leadingString(text)
	switch {
	case err != nil:
		return e, err
	case quoted:
		trim = strings.TrimSpace
		rest = trim(rest)
		if !strings.HasPrefix(rest, "=") {
			return e, errNoEntry
		}
		rest = rest[1:]
	default:
		var found bool
		if source, rest, found = strings.Cut(text, "="); !found {
			return e, errNoEntry
		}
		if source = trim(source); strings.TrimSpace(source) == "*" {
			source, trim, e.All = "*", strings.TrimSpace, true
		}
	}
	if e.Source = source; source == "" {
		return e, errors.New("the source has no name")
	}
	rest = trim(rest)
	if e.Target, rest, e.Exact, err = leadingString(rest); err != nil {
		return e, err
	}
	if !e.Exact {
		e.Target, e.LeaveOut = rest, rest == "-"
	} else if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
		return e, fmt.Errorf("%s behind the quoted name", Quote(rest))
	}
	if e.LeaveOut {
		e.Target = ""
	} else if e.Target == "" {
		return e, errors.New("the destination has no name; - leaves the folder out")
	}
	return e, nil
}

// leadingString reads the JSON string that text begins with, if it begins with
// a quote.
func leadingString(text string) (value, rest string, quoted bool, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", text, false, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&value); err != nil {
		return "", "", false, fmt.Errorf("a quoted name is a JSON string, with \\\" for a quote in it: %w", err)
	}
	return value, text[dec.InputOffset():], true, nil
}

// Quote writes a name as a JSON string. What is not seen, or acts on a
// terminal, is escaped, so that it survives an editor.
func Quote(name string) string { return `"` + escape(name, `"\`) + `"` }

// escape puts a backslash before the characters of special, and in place of
// those that are not seen.
func escape(text, special string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune(special, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ' ' || unicode.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
