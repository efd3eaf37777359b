package imapconn

import (
	"bytes"
	"strings"
)

// readListEntry is a LIST or LSUB response.
type listEntry struct {
	attributes []string
	delimiter  string
	wire       string
}

// octets is how much of a listing an entry takes.
func (e *listEntry) octets() int {
	n := len(e.wire)
	for _, a := range e.attributes {
		n += len(a)
	}
	return n
}

// malformedEntry is an entry of a listing that cannot be read, or not for certain. A
// folder may be missing for it.
type malformedEntry struct {
	line      string // what came
	why       string // what is wrong, where it is not that line
	wire      string // the name, as far as it can be seen; "" if it cannot
	delimiter string
	// swallowed are the lines that stood in a literal which was longer than the
	// name, the last one as far as it was in it.
	swallowed []string
}

func (m *malformedEntry) Error() string { return errMalformed.Error() }

// Is makes a misread a malformed response: the reader can go on.
func (m *malformedEntry) Is(err error) bool { return err == errMalformed }

// readListEntry reads what follows "* LIST " (RFC 3501 7.2.2). The error is a
// *misread where the line makes no sense, or its name is not certain.
//
// Seen: no attributes, blanks in the list of them, a delimiter NIL, nil or "",
// and names as atoms with blanks, tabs or octets from 0x80 in them.
func readListEntry(r *tokenizer) (listEntry, error) {
	line := string(r.text[:min(len(r.text), shownOctets)])
	e, bad, err := readListParts(r)
	if err == errMalformed || bad != nil {
		if bad == nil {
			bad = &malformedEntry{}
		}
		bad.line = r.secrets.hide(line)
		if bad.swallowed == nil {
			r.lit = -1 // a brace at the end of the line is text
		}
		return e, bad
	}
	return e, err
}

func readListParts(r *tokenizer) (e listEntry, bad *malformedEntry, err error) {
	r.blanks()
	if r.accept('(') {
		for {
			r.blanks()
			if r.accept(')') {
				break
			}
			if r.pos >= len(r.text) {
				return e, nil, errMalformed
			}
			w := r.word()
			if len(w) == 0 {
				return e, nil, errMalformed
			}
			e.attributes = append(e.attributes, attribute(string(w)))
		}
	}
	if e.delimiter, err = readDelimiter(r); err != nil {
		return e, nil, err
	}
	e.wire, bad, err = readMailboxName(r)
	return e, bad, err
}

func attribute(s string) string {
	if known, ok := canonicalAttributes[strings.ToLower(s)]; ok {
		return known
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// readMailboxName reads the name that ends a LIST response, extended data behind
// it aside. An atom runs to the end of the line: blanks are its own. A quoted
// string that does not close, or a literal that is longer or shorter than the
// name, is a misread.
//
// Seen: a quote within a quoted string.
func readMailboxName(r *tokenizer) (string, *malformedEntry, error) {
	r.blanks()
	if r.pos >= len(r.text) {
		return "", nil, errMalformed
	}
	switch {
	case r.isLiteral():
		s, _, err := r.str(maxName)
		if err != nil {
			return "", nil, err
		}
		name := string(s)
		return name, literalName(r, name), nil
	case r.peek() == '"':
		from := r.pos
		name := string(r.quoted())
		if bytes.HasSuffix(r.text[from:r.pos], []byte(`"`)) && r.pos > from+1 && nameEnds(r) {
			return name, nil, nil
		}
		inside := strings.TrimRight(string(r.text[from+1:]), " ")
		r.pos = len(r.text)
		return name, &malformedEntry{wire: strings.TrimSuffix(inside, `"`)}, nil
	}
	if r.lit >= 0 {
		bad := &malformedEntry{wire: string(r.text[r.pos:])}
		r.pos = len(r.text)
		return bad.wire, bad, nil
	}
	rest := string(r.text[r.pos:])
	if i := strings.Index(rest, " ("); i >= 0 && strings.HasSuffix(rest, ")") {
		rest = rest[:i]
	}
	r.pos = len(r.text)
	return strings.TrimRight(rest, " "), nil, nil
}

// nameEnds reports whether what follows a name can follow one: nothing, or
// extended data.
func nameEnds(r *tokenizer) bool {
	rest := bytes.TrimLeft(r.text[r.pos:], " \t")
	return len(rest) == 0 && r.lit < 0 || r.pos < len(r.text) && r.text[r.pos] == ' ' && rest[0] == '('
}

// literalName says what is wrong with a name that came as a literal; nil if
// nothing is. A name has no line ends.
func literalName(r *tokenizer, name string) *malformedEntry {
	end := strings.IndexAny(name, "\r\n\x00")
	if end < 0 && nameEnds(r) {
		return nil
	}
	if end < 0 { // the literal is too short
		bad := &malformedEntry{wire: name + strings.TrimRight(string(r.text[r.pos:]), " ")}
		r.pos = len(r.text)
		return bad
	}
	bad := &malformedEntry{wire: name[:end]}
	if _, rest, more := strings.Cut(name, "\n"); more {
		bad.swallowed = strings.Split(rest, "\n")
	}
	return bad
}

// maxName bounds the name of a mailbox, in octets.
const maxName = 64 << 10
