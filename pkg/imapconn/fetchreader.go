package imapconn

import (
	"bytes"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// fetchReader reads FETCH responses.
type fetchReader struct {
	*tokenizer
	name  []byte // of the item that is read, in upper case
	known flagNames

	// The last name that held brackets, and how it was spelt. A server spells one alike
	// in all answers to a command.
	section, spelt []byte
}

// read reads what follows "* n FETCH " into m: items in any order,
// unknown ones among them. What makes no sense behind a literal may be the rest
// of one that was longer than the server said; unless RFC822.SIZE says the same
// as the literal, the place in what the server sends is lost then.
func (r *fetchReader) read(m *fetched, w *wanted) error {
	before := r.lits
	err := r.fetchItems(m, w)
	m.dropClashes()
	if m.got&(gotBody|gotRange) == gotRange {
		m.fromRange()
	}
	if r.lits == before {
		return err
	}
	if rest := r.text[r.pos:]; err == nil && len(rest) > 0 && !behindList.Match(rest) {
		err = errMalformed
	}
	switch {
	case err != nil && err != errMalformed && !IsGarbled(err):
		return err
	case m.asLongAs(w) && m.got&w.items() == w.items():
		r.inSync()
		if err != nil { // whatever stands behind it
			r.lit = -1
		}
		return nil
	case err == errMalformed:
		return &limitError{"something behind a literal that does not belong there: " + quote(r.cut(r.text))}
	case err == nil && m.swallowed:
		return &limitError{"a literal that is longer than the message"}
	case m.got&gotBody == 0 && endsHeader(m.header):
		r.inSync()
	}
	return err
}

// behindList is what may stand behind the list of a FETCH response: nothing, or
// items, of a server that closes the list too early.
var behindList = lazyregexp.New(`(?i)^\s*($|(FLAGS|INTERNALDATE|RFC822\.SIZE|UID|MODSEQ|X-GM-\w+) )`)

// endsHeader reports whether octets end as every header does.
func endsHeader(octets []byte) bool {
	return bytes.HasSuffix(octets, []byte("\r\n\r\n")) || string(octets) == "\r\n"
}

// answerInside is how the answers to a FETCH look inside of a literal that the
// server says to be longer than it is. Mail may hold such text, too.
var answerInside = lazyregexp.New(`\)\r\n(\* \d+ FETCH |A\d+ (OK|NO|BAD) )`)

func holdsAnswers(octets []byte) bool {
	return (bytes.Contains(octets, []byte(")\r\n* ")) || bytes.Contains(octets, []byte(")\r\nA"))) &&
		answerInside.Match(octets)
}

// fetchItems reads the items of a FETCH response.
func (r *fetchReader) fetchItems(m *fetched, w *wanted) error {
	m.reset()
	r.blanks()
	if !r.accept('(') {
		return errMalformed
	}
	for {
		if at := r.pos; m.got&(gotBody|gotHeader|gotRange) != 0 && at == 0 && r.peek() != ' ' && r.peek() != ')' {
			return errMalformed // it stands behind a literal
		}
		r.blanks()
		if r.accept(')') {
			return nil
		}
		if err := r.itemName(); err != nil {
			return err
		}
		r.blanks()
		if err := r.item(m, w); err != nil {
			return err
		}
	}
}

// itemName reads the name of an item in upper case into r.name. Brackets may
// hold blanks, parentheses, strings and, in theory, literals.
func (r *fetchReader) itemName() error {
	if rest := r.text[r.pos:]; len(r.spelt) > 0 && bytes.HasPrefix(rest, r.spelt) &&
		bytes.HasPrefix(rest[len(r.spelt):], []byte(" {")) {
		r.name = append(r.name[:0], r.section...)
		r.pos += len(r.spelt)
		return nil
	}
	r.name = r.name[:0]
	start, literals, inside := r.pos, false, false
	for {
		ch := r.peek()
		switch {
		case r.pos >= len(r.text):
			return errMalformed
		case inside && r.isLiteral():
			if err := r.discardLiteral(); err != nil {
				return err
			}
			literals = true
			continue
		case inside && ch == '"':
			r.quoted()
			continue
		case ch == '[':
			inside = true
		case ch == ']':
			inside = false
		case !inside && ch == ' ' && r.sectionFollows():
			r.blanks()
			continue
		case inside && ch == ' ' && r.name[len(r.name)-1] == '[':
			r.pos++
			continue
		case !inside && (ch == ' ' || ch == '(' || ch == ')'):
			if len(r.name) == 0 {
				return errMalformed
			}
			if r.name[len(r.name)-1] == ']' && !literals {
				r.section, r.spelt = append(r.section[:0], r.name...), append(r.spelt[:0], r.text[start:r.pos]...)
			}
			return nil
		}
		r.pos++
		if len(r.name) < 256 {
			if 'a' <= ch && ch <= 'z' {
				ch -= 'a' - 'A'
			}
			r.name = append(r.name, ch)
		}
	}
}

// sectionFollows reports whether what follows, after blanks, is the section of
// the item whose name was read so far.
func (r *fetchReader) sectionFollows() bool {
	rest := bytes.TrimLeft(r.text[r.pos:], " ")
	return len(rest) > 0 && (rest[0] == '[' && (string(r.name) == "BODY" || string(r.name) == "BODY.PEEK") ||
		rest[0] == '<' && r.name[len(r.name)-1] == ']')
}

func (r *fetchReader) item(m *fetched, w *wanted) error {
	switch string(r.name) {
	case "UID":
		if n, ok := r.uid(); ok {
			if m.got&gotUID != 0 && n != m.UID {
				return errMalformed
			}
			m.UID = n
			m.got |= gotUID
			return nil
		}
		return errMalformed
	case "FLAGS":
		return r.flags(m)
	case "INTERNALDATE":
		s, _, err := r.str(maxName)
		if date := rfc3339(s); err == nil && date != "" {
			if m.got&gotDate != 0 && m.InternalDate != date {
				m.clash |= gotDate
			}
			m.InternalDate = date
			m.got |= gotDate
		}
		return err
	case "RFC822.SIZE":
		start := r.pos
		if n, ok := r.number(); ok && n < maxSize && r.atEnd() {
			m.Size = int64(n)
			m.got |= gotSize
			return nil
		}
		r.pos = start
		return r.skipValue() // -1 and NIL were seen
	case "BODY[]", "BODY.PEEK[]", "RFC822", "RFC822.PEEK":
		if w.Body && !w.partial {
			if m.got&gotBody != 0 {
				return errMalformed // the second may be another message's
			}
			m.got &^= gotRange
			return r.bodyItem(m, w)
		}
	case "BODY[HEADER]", "BODY.PEEK[HEADER]", "RFC822.HEADER", "RFC822.HEADER.PEEK":
		if w.Header || len(w.Fields) > 0 {
			return r.headerItem(m)
		}
	default:
		if w.Gmail {
			if known, err := r.gmailItem(m); known || err != nil {
				return err
			}
		}
		switch {
		case w.partial && r.isPart(w.origin):
			return r.bodyItem(m, w)
		case w.Body && !w.partial && m.got&(gotBody|gotRange) == 0 && r.isPart(0):
			err := r.bodyItem(m, w)
			if m.got&gotBody != 0 {
				m.got ^= gotBody | gotRange
			}
			return err
		case len(w.Fields) > 0 && isHeaderFields(r.name):
			return r.headerItem(m)
		}
	}
	return r.skipValue()
}

// maxSize bounds sizes that are believed: no mail is so large, and programs that
// read numbers as floating point keep all below it exact.
const maxSize = 1 << 53

// isPart reports whether the item is the body from an octet on.
func (r *fetchReader) isPart(origin int64) bool {
	rest, ok := bytes.CutPrefix(r.name, []byte("BODY[]<"))
	if !ok {
		rest, ok = bytes.CutPrefix(r.name, []byte("BODY.PEEK[]<"))
	}
	if !ok {
		return false
	}
	n := int64(0)
	for i, d := range rest {
		if d == '>' || d == '.' {
			return i > 0 && n == origin
		}
		if d < '0' || d > '9' || n > 1<<52 {
			return false
		}
		n = n*10 + int64(d-'0')
	}
	return false
}

// isHeaderFields does not compare the fields: servers echo them in other case,
// order and quoting, and only one list was asked for. An answer cut to an
// octet range is none.
func isHeaderFields(name []byte) bool {
	name = bytes.TrimPrefix(name, []byte("BODY"))
	name, ok := bytes.CutPrefix(bytes.TrimPrefix(name, []byte(".PEEK")), []byte("[HEADER.FIELDS"))
	return ok && len(name) > 0 && (name[0] == ' ' || name[0] == '(')
}

// bodyItem reads a body. One above maxBody is drained, and only its size kept.
func (r *fetchReader) bodyItem(m *fetched, w *wanted) (err error) {
	if !r.isLiteral() {
		s, isNil, err := r.str(maxLine)
		switch {
		case err != nil:
			return err
		case isNil:
			m.got |= gotNIL
			return nil
		}
		m.body = append(m.body[:0], s...)
		m.Body, m.Literal = m.body, int64(len(s))
		m.got |= gotBody
		if w.whole != nil {
			err = w.whole.take(s)
		}
		return err
	}
	m.Literal = r.lit
	switch {
	case r.lit > w.maxBody:
		err = r.drainLiteral()
	case w.whole != nil:
		if err = w.whole.begin(); err == nil {
			err = r.copyLiteral(w.whole)
		}
	default:
		m.body, err = r.literal(m.body[:0], w.maxBody)
		m.Body = m.body
	}
	if err != nil {
		return err
	}
	m.swallowed = m.swallowed || holdsAnswers(m.Body)
	m.got |= gotBody
	return nil
}

// maxHeader bounds a header that is asked for apart from its message.
const maxHeader = 16 << 20

func (r *fetchReader) headerItem(m *fetched) (err error) {
	if r.isLiteral() {
		m.header, err = r.literal(m.header[:0], maxHeader)
	} else {
		var s []byte
		var isNil bool
		s, isNil, err = r.str(maxLine)
		m.header = m.header[:0]
		if !isNil {
			m.header = append(m.header, s...)
		}
	}
	if err == nil {
		m.Header = m.header
		m.swallowed = m.swallowed || holdsAnswers(m.header)
		m.got |= gotHeader
	}
	return err
}
