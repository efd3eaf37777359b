package stream

import (
	"bytes"
	"fmt"
	"strings"
)

// fields walks the members of one record. Known names come once; what the
// visitor does not take is kept as extra.
type fields struct {
	scanner
	extra  []byte
	body   []byte
	kind   bodyKind
	bodies bool // the record may have a body
	bodyAt int  // where the comma before the body stands, or -1
	late   bool // a field stands after the body
	seen   uint64
}

// once refuses a name that came before: readers that disagree on which of two
// counts would disagree on the message.
func (f *fields) once(bit int) {
	if f.seen&(1<<bit) != 0 {
		f.fail("a field stands twice")
	}
	f.seen |= 1 << bit
}

// visit calls known for each member; it returns the member's index, which is
// unique to the name, or -1 for a name that it did not read.
func (f *fields) visit(known func(name []byte) int) {
	if !f.expect('{') {
		return
	}
	for first := true; ; {
		comma := f.i
		if !f.next('}', &first) {
			break
		}
		name := f.name()
		f.expect(':')
		if f.bodyAt >= 0 {
			f.late = true
		}
		switch {
		case string(name) == "type":
			f.once(62)
			f.str()
		case f.bodies && (string(name) == "body" || string(name) == "body_base64"):
			f.once(63)
			f.bodyAt, f.kind = comma, textBody
			if len(name) > 4 {
				f.kind = base64Body
			}
			f.space()
			f.body = f.token()
		default:
			if bit := known(name); bit >= 0 {
				f.once(bit)
				continue
			}
			f.extra = appendString(append(f.extra, ','), string(name))
			f.extra = f.value(append(f.extra, ':'), 1)
		}
	}
	if f.space(); f.err == nil && f.i != len(f.b) {
		f.syntax()
	}
}

// name returns a member's name; an escape in it hides nothing.
func (f *fields) name() []byte {
	t := f.token()
	if bytes.IndexByte(t, '\\') < 0 {
		return t
	}
	out, err := unescape(nil, t)
	if err != nil {
		f.fail("%w", err)
	}
	return out
}

// typeOf returns the value of a record's type, which canonical JSON has first.
func typeOf(line []byte) (string, error) {
	if t, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if i := bytes.IndexByte(t, '"'); i > 0 && i <= 32 && bytes.IndexByte(t[:i], '\\') < 0 {
			return string(t[:i]), nil
		}
	}
	s := scanner{b: line}
	kind, found := "", false
	if s.expect('{') {
		for first := true; s.next('}', &first); {
			name := s.str()
			s.expect(':')
			if name == "type" && s.peek() == '"' {
				kind, found = s.str(), true
				break
			}
			s.value(nil, 0)
		}
	}
	switch {
	case s.err != nil:
		return "", s.err
	case !found:
		return "", fmt.Errorf("a record without a type")
	}
	return kind, nil
}

// unknown reads a record of a type that this version does not know. Its type
// stands once, or two readers could take it for two things.
func (f *fields) unknown(kind string) *Unknown {
	line := f.value(nil, 0)
	if f.space(); f.err == nil && f.i != len(f.b) {
		f.syntax()
	}
	types, s := 0, scanner{b: line}
	if f.err == nil && s.expect('{') {
		for first := true; s.next('}', &first); {
			if s.str() == "type" {
				types++
			}
			s.expect(':')
			s.value(nil, 1)
		}
	}
	if types != 1 {
		f.fail("a field stands twice")
	}
	return &Unknown{Type: kind, Line: line}
}

// digest reads a sha256 in hexadecimal.
func (f *fields) digest() string {
	v := f.str()
	if f.err == nil && (len(v) != 64 || strings.Trim(v, hexDigits) != "") {
		f.fail("a sha256 that is not 64 lower-case hexadecimal digits")
	}
	return v
}

// intern reads a string that is likely to be the one before it.
func (f *fields) intern(last string) string {
	save := f.i
	if t := f.token(); f.err == nil && string(t) == last && plainRun(t, false) == len(t) {
		return last
	}
	if f.err != nil {
		return ""
	}
	f.i = save
	return f.str()
}
