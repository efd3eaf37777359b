package imapconn

import (
	"bytes"
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// item is a set of data items that came in a FETCH response.
type item uint16

const (
	gotUID item = 1 << iota
	gotFlags
	gotDate
	gotSize
	gotHeader
	gotBody
	gotNIL    // the body was NIL
	gotGmail  // any of Gmail's items
	gotLabels // X-GM-LABELS
	gotRange  // the body came as a range of octets from the first on
)

// optional are the items without which a message is delivered, when they do not
// come if they are asked for alone.
const optional = gotFlags | gotDate | gotSize | gotLabels

// unknown returns what did not come of what was needed.
func (i item) unknown(need item) (u Unknown) {
	for _, e := range []struct {
		item    item
		unknown Unknown
	}{{gotFlags, UnknownFlags}, {gotDate, UnknownDate}, {gotSize, UnknownSize}, {gotLabels, UnknownLabels}} {
		if need&^i&e.item != 0 {
			u |= e.unknown
		}
	}
	return u
}

// wanted is what a FETCH command asked for.
type wanted struct {
	Items
	maxBody int64
	partial bool // of the body the octets from origin on, not all
	origin  int64
	whole   *wholeFile // takes the body, if it is not nil
}

// items returns the items that a message must have to be complete.
func (w *wanted) items() item {
	need := gotUID
	for _, e := range []struct {
		on   bool
		item item
	}{{w.Flags, gotFlags}, {w.InternalDate, gotDate}, {w.Size, gotSize},
		{w.Header || len(w.Fields) > 0, gotHeader}, {w.Body || w.partial, gotBody},
		{w.Gmail, gotLabels}} {
		if e.on {
			need |= e.item
		}
	}
	return need
}

// fetched is what came of one message. Its buffers are used again.
type fetched struct {
	Message
	got    item
	header []byte
	body   []byte

	swallowed bool // the body looks as if it held answers of the server
	clash     item // came twice in one response, with other values
}

func (m *fetched) reset() {
	m.Message = Message{Flags: m.Flags[:0], Size: -1, Literal: -1}
	m.got, m.swallowed, m.clash = 0, false, 0
}

// dropClashes makes items that came twice with other values such as did not come.
func (m *fetched) dropClashes() {
	if m.clash&gotFlags != 0 {
		m.Flags = m.Flags[:0]
	}
	if m.clash&gotDate != 0 {
		m.InternalDate = ""
	}
	m.got &^= m.clash
}

// merge takes over what n has and m has not.
func (m *fetched) merge(n *fetched) {
	add := n.got &^ m.got
	if n.got&gotFlags != 0 { // the newer ones
		m.Flags = append(m.Flags[:0], n.Flags...)
	}
	if add&gotDate != 0 {
		m.InternalDate = n.InternalDate
	}
	if add&gotSize != 0 {
		m.Size = n.Size
	}
	if n.got&gotGmail != 0 {
		m.Gmail.merge(&n.Gmail)
	}
	if add&gotHeader != 0 {
		m.header = append(m.header[:0], n.header...)
		m.Header = m.header
	}
	if add&gotBody != 0 {
		m.Literal = n.Literal
		m.Body = nil
		if n.Body != nil {
			m.body = append(m.body[:0], n.Body...)
			m.Body = m.body
		}
	}
	m.got |= n.got
	if m.got&gotBody != 0 {
		m.got &^= gotNIL
	}
}

// fetchResponse reads what follows "* n FETCH " into m: items in any order,
// unknown ones among them. What makes no sense behind a literal may be the rest
// of one that was longer than the server said; unless RFC822.SIZE says the same
// as the literal, the place in what the server sends is lost then.
func (c *conn) fetchResponse(m *fetched, w *wanted) error {
	before := c.lits
	err := c.fetchItems(m, w)
	m.dropClashes()
	if m.got&(gotBody|gotRange) == gotRange {
		m.fromRange()
	}
	if c.lits == before {
		return err
	}
	if err == nil && !behindList.Match(c.text[c.pos:]) {
		err = errMalformed
	}
	var limit *limitError
	garbled := err == errMalformed || errors.As(err, &limit)
	switch {
	case err != nil && !garbled:
		return err
	case m.asLongAs(w) && m.got&w.items() == w.items():
		c.inSync()
		if err != nil { // whatever stands behind it
			c.lit = -1
		}
		return nil
	case err == errMalformed:
		return &limitError{"something behind a literal that does not belong there: " + quote(c.cut(c.text))}
	case err == nil && m.swallowed:
		return &limitError{"a literal that is longer than the message"}
	case m.got&gotBody == 0 && endsHeader(m.header):
		c.inSync()
	}
	return err
}

// asLongAs reports whether the body, or the part of it that was asked for, is as
// long as it must be.
func (m *fetched) asLongAs(w *wanted) bool {
	switch {
	case m.got&gotBody == 0:
		return false
	case w.partial:
		return m.Literal == w.maxBody || m.Size >= 0 && w.origin+m.Literal == m.Size
	}
	return m.Literal == m.Size
}

// behindList is what may stand behind the list of a FETCH response: nothing, or
// items, of a server that closes the list too early.
var behindList = lazyregexp.New(`(?i)^\s*($|(FLAGS|INTERNALDATE|RFC822\.SIZE|UID|MODSEQ|X-GM-\w+) )`)

// endsHeader reports whether octets end as every header does.
func endsHeader(octets []byte) bool {
	return bytes.HasSuffix(octets, []byte("\r\n\r\n")) || string(octets) == "\r\n"
}

// fromRange takes octets from the first on for the body if they are all of it.
func (m *fetched) fromRange() {
	m.got &^= gotRange
	if m.Size >= 0 && m.Size == m.Literal {
		m.got |= gotBody
		return
	}
	m.Body, m.Literal = nil, -1
}

// answerInside is how the answers to a FETCH look inside of a literal that the
// server says to be longer than it is. Mail may hold such text, too.
var answerInside = lazyregexp.New(`\)\r\n(\* \d+ FETCH |A\d+ (OK|NO|BAD) )`)

func holdsAnswers(octets []byte) bool {
	return (bytes.Contains(octets, []byte(")\r\n* ")) || bytes.Contains(octets, []byte(")\r\nA"))) &&
		answerInside.Match(octets)
}

// fetchItems reads the items of a FETCH response.
func (c *conn) fetchItems(m *fetched, w *wanted) error {
	m.reset()
	c.blanks()
	if !c.accept('(') {
		return errMalformed
	}
	for {
		if at := c.pos; m.got&(gotBody|gotHeader|gotRange) != 0 && at == 0 && c.peek() != ' ' && c.peek() != ')' {
			return errMalformed // it stands behind a literal
		}
		c.blanks()
		if c.accept(')') {
			return nil
		}
		if err := c.itemName(); err != nil {
			return err
		}
		c.blanks()
		if err := c.item(m, w); err != nil {
			return err
		}
	}
}

// itemName reads the name of an item in upper case into c.name. Brackets may
// hold blanks, parentheses, strings and, in theory, literals.
func (c *conn) itemName() error {
	c.name = c.name[:0]
	inside := false
	for {
		ch := c.peek()
		switch {
		case c.pos >= len(c.text):
			return errMalformed
		case inside && c.isLiteral():
			if err := c.discardLiteral(); err != nil {
				return err
			}
			continue
		case inside && ch == '"':
			c.quoted()
			continue
		case ch == '[':
			inside = true
		case ch == ']':
			inside = false
		case !inside && ch == ' ' && c.sectionFollows():
			c.blanks()
			continue
		case inside && ch == ' ' && c.name[len(c.name)-1] == '[':
			c.pos++
			continue
		case !inside && (ch == ' ' || ch == '(' || ch == ')'):
			if len(c.name) == 0 {
				return errMalformed
			}
			return nil
		}
		c.pos++
		if len(c.name) < 256 {
			if 'a' <= ch && ch <= 'z' {
				ch -= 'a' - 'A'
			}
			c.name = append(c.name, ch)
		}
	}
}

// sectionFollows reports whether what follows, after blanks, is the section of
// the item whose name was read so far.
func (c *conn) sectionFollows() bool {
	rest := bytes.TrimLeft(c.text[c.pos:], " ")
	return len(rest) > 0 && (rest[0] == '[' && (string(c.name) == "BODY" || string(c.name) == "BODY.PEEK") ||
		rest[0] == '<' && c.name[len(c.name)-1] == ']')
}

func (c *conn) item(m *fetched, w *wanted) error {
	switch string(c.name) {
	case "UID":
		if n, ok := c.uid(); ok {
			if m.got&gotUID != 0 && n != m.UID {
				return errMalformed
			}
			m.UID = n
			m.got |= gotUID
			return nil
		}
		return errMalformed
	case "FLAGS":
		return c.flags(m)
	case "INTERNALDATE":
		s, _, err := c.str(maxName)
		if date := rfc3339(s); err == nil && date != "" {
			if m.got&gotDate != 0 && m.InternalDate != date {
				m.clash |= gotDate
			}
			m.InternalDate = date
			m.got |= gotDate
		}
		return err
	case "RFC822.SIZE":
		start := c.pos
		if n, ok := c.number(); ok && n < maxSize && c.atEnd() {
			m.Size = int64(n)
			m.got |= gotSize
			return nil
		}
		c.pos = start
		return c.skipValue() // -1 and NIL were seen
	case "BODY[]", "BODY.PEEK[]", "RFC822", "RFC822.PEEK":
		if w.Body && !w.partial {
			if m.got&gotBody != 0 {
				return errMalformed // the second may be another message's
			}
			m.got &^= gotRange
			return c.bodyItem(m, w)
		}
	case "BODY[HEADER]", "BODY.PEEK[HEADER]", "RFC822.HEADER", "RFC822.HEADER.PEEK":
		if w.Header || len(w.Fields) > 0 {
			return c.headerItem(m)
		}
	default:
		if w.Gmail {
			if known, err := c.gmailItem(m); known || err != nil {
				return err
			}
		}
		switch {
		case w.partial && c.isPart(w.origin):
			return c.bodyItem(m, w)
		case w.Body && !w.partial && m.got&(gotBody|gotRange) == 0 && c.isPart(0):
			err := c.bodyItem(m, w)
			if m.got&gotBody != 0 {
				m.got ^= gotBody | gotRange
			}
			return err
		case len(w.Fields) > 0 && isHeaderFields(c.name):
			return c.headerItem(m)
		}
	}
	return c.skipValue()
}

// maxSize bounds sizes that are believed: no mail is so large, and programs that
// read numbers as floating point keep all below it exact.
const maxSize = 1 << 53

// atEnd reports whether a value ends here.
func (c *conn) atEnd() bool {
	ch := c.peek()
	return ch == ' ' || ch == ')' || ch == 0
}

// isPart reports whether the item is the body from an octet on.
func (c *conn) isPart(origin int64) bool {
	rest, ok := bytes.CutPrefix(c.name, []byte("BODY[]<"))
	if !ok {
		rest, ok = bytes.CutPrefix(c.name, []byte("BODY.PEEK[]<"))
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
func (c *conn) bodyItem(m *fetched, w *wanted) (err error) {
	if !c.isLiteral() {
		s, isNil, err := c.str(maxLine)
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
	m.Literal = c.lit
	switch {
	case c.lit > w.maxBody:
		err = c.drainLiteral()
	case w.whole != nil:
		if err = w.whole.begin(); err == nil {
			err = c.copyLiteral(w.whole)
		}
	default:
		m.body, err = c.literal(m.body[:0], w.maxBody)
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

func (c *conn) headerItem(m *fetched) (err error) {
	if c.isLiteral() {
		m.header, err = c.literal(m.header[:0], maxHeader)
	} else {
		var s []byte
		var isNil bool
		s, isNil, err = c.str(maxLine)
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

// maxFlags bounds the flags of a message.
const maxFlags = 1000

// flags reads a list of flags, see flagList for what was seen.
func (c *conn) flags(m *fetched) error {
	if !c.accept('(') {
		return c.skipValue() // NIL was seen
	}
	var before []string
	if m.got&gotFlags != 0 {
		before = slices.Clone(m.Flags)
	}
	m.Flags = m.Flags[:0]
	garbled := false
	for {
		c.blanks()
		switch {
		case c.accept(')'):
			if garbled && len(m.Flags) == 0 { // something was said, and nobody knows what
				m.clash |= gotFlags
			}
			if m.got&gotFlags != 0 && !slices.Equal(before, m.Flags) {
				m.clash |= gotFlags
			}
			m.got |= gotFlags
			return nil
		case c.pos >= len(c.text) || c.isLiteral():
			return errMalformed
		case c.accept('('): // within a flag? nobody knows; go on behind it
			continue
		}
		w := c.word()
		if isNoFlag(w) {
			garbled = true
			continue
		}
		if len(m.Flags) < maxFlags {
			m.Flags = insertFlag(m.Flags, c.flag(w))
		}
	}
}

// isNoFlag reports whether a word in a list of flags stands for none.
func isNoFlag(w []byte) bool {
	return len(bytes.Trim(w, `"\`)) == 0 || bytes.EqualFold(w, []byte("NIL"))
}

// flag returns the canonical form of a flag. Few different ones exist, so they
// are kept: a flag that was met before costs no allocation.
func (c *conn) flag(w []byte) string {
	if f, ok := c.known[string(w)]; ok {
		return f
	}
	if c.known == nil || len(c.known) > 4096 {
		c.known = map[string]string{}
	}
	text := strings.Trim(string(w), `"`)
	if len(text) < len(w) { // quoted: "\\Seen"
		text = strings.ReplaceAll(text, `\\`, `\`)
	}
	f := canonicalFlag(text)
	c.known[string(w)] = f
	return f
}

// insertFlag keeps flags sorted and without duplicates, whatever their case.
func insertFlag(flags []string, f string) []string {
	if f == "" || containsFold(flags, f) {
		return flags
	}
	i := sort.SearchStrings(flags, f)
	flags = append(flags, "")
	copy(flags[i+1:], flags[i:])
	flags[i] = f
	return flags
}
