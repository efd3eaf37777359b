package stream

import (
	"bytes"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// need says when a field is present: the column "req." of FORMAT.md.
type need uint8

const (
	optional need = iota // written where it has a value
	inPlan               // written in a plan
	written              // always written
	required             // always written; a record without it is refused
	filled               // required, and neither empty nor 0
)

func (n need) String() string { return [...]string{"no", "plan", "w", "yes", "yes"}[n] }

// field is one row of a table: a field of a record of type R. A field without a name stands for all names that no
// other row has.
type field[R any] struct {
	name string
	codec[R]
	need  need
	since int // the first version of the format that has it
}

// members are the fields of an object, in the order in which they are written.
type members[R any] []field[R]

// table is a type of record. Its rows drive decoding, encoding, the order of fields and the tables of FORMAT.md.
type table[R any, P record[R]] struct {
	kind   string
	fields members[R]
	blank  R                      // what a record is before its fields are read
	check  func(d *decoder, r *R) // of several fields together; d.err may be set already
}

// record is the pointer to R, which is a Record.
type record[R any] interface {
	*R
	Record
}

// recordType is a table whatever its R.
type recordType interface {
	decodeNew(d *decoder) Record
	eachField(yield func(name, kind string, n need, since int))
}

// recordTypes has the table of each type of record.
var recordTypes = map[string]recordType{}

// newTable makes and registers the table of a type of record.
func newTable[R any, P record[R]](kind string, fields members[R], blank R, check func(*decoder, *R)) *table[R, P] {
	t := &table[R, P]{kind: kind, fields: fields, blank: blank, check: check}
	recordTypes[kind] = t
	return t
}

func (t *table[R, P]) eachField(yield func(name, kind string, n need, since int)) {
	for i := range t.fields {
		f := &t.fields[i]
		yield(f.name, f.kind, f.need, f.since)
	}
}

// encode appends a record as canonical JSON without its line feed. bodyAt is where the line stops counting for the
// stream's hash: at the comma before the body, else at its end.
func (t *table[R, P]) encode(b []byte, r *R) (line []byte, bodyAt int) {
	b = append(append(append(b, `{"type":"`...), t.kind...), '"')
	b, bodyAt = t.fields.append(b, r)
	b = append(b, '}')
	if bodyAt < 0 {
		bodyAt = len(b)
	}
	return b, bodyAt
}

// append appends the members of an object. bodyAt is -1 where none is a body.
func (m members[R]) append(b []byte, r *R) (out []byte, bodyAt int) {
	bodyAt = -1
	for i := range m {
		f := &m[i]
		if f.need < written && f.empty(r) {
			continue
		}
		if f.isBody {
			bodyAt = len(b)
		}
		if f.name != "" {
			b = appendName(b, f.name)
		}
		b = f.append(b, r)
	}
	return b, bodyAt
}

func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	return append(b, '"', ':')
}

// index returns the row of a name, or -1. It looks first where the row is if all stand in order.
func (m members[R]) index(name []byte, from int) int {
	for i := from; i < len(m); i++ {
		if m[i].name == string(name) && len(name) > 0 {
			return i
		}
	}
	for i := range from {
		if m[i].name == string(name) && len(name) > 0 {
			return i
		}
	}
	return -1
}

// others returns the row of the names that no other row has, or -1.
func (m members[R]) others() int {
	for i := range m {
		if m[i].name == "" {
			return i
		}
	}
	return -1
}

// readObject reads an object within a record. Unknown members are passed over.
func (m members[R]) readObject(d *decoder, r *R, depth int) {
	if !d.Expect('{') {
		return
	}
	next := 0
	for first := true; d.Next('}', &first); {
		name := d.name()
		d.Expect(':')
		if i := m.index(name, next); i >= 0 {
			m[i].read(d, r)
			next = i + 1
		} else {
			d.Any(nil, depth)
		}
	}
}

// decoder reads one record after the other.
type decoder struct {
	canonical.Scanner
	names  recent
	member []byte // the name of the member that is read
	bodyAt int    // where the comma before the body stands, or -1
	late   bool   // a field stands after the body
	seen   uint64 // the rows whose fields came
}

// typeBit is the bit of seen for the field type; rows have those below it.
const typeBit = 63

// begin makes ready for a record.
func (d *decoder) begin(line []byte) {
	d.Scanner, d.bodyAt, d.late, d.seen = canonical.Scanner{JSON: line}, -1, false, 0
}

// once refuses a name that came before: readers that disagree on which of two counts would disagree on the message.
func (d *decoder) once(bit int) {
	if d.seen&(1<<bit) != 0 {
		d.Fail("a field stands twice")
	}
	d.seen |= 1 << bit
}

func (t *table[R, P]) decodeNew(d *decoder) Record {
	r := new(R)
	t.decode(d, r)
	return P(r)
}

// decode reads the record that d is at.
func (t *table[R, P]) decode(d *decoder, r *R) {
	*r = t.blank
	t.members(d, r)
	if d.Space(); d.Err == nil && d.Pos != len(d.JSON) {
		d.Syntax()
	}
	if t.check != nil {
		t.check(d, r)
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.need >= required && d.Err == nil && (d.seen&(1<<i) == 0 || f.need == filled && f.empty(r)) {
			d.Fail("%s is missing or empty", f.name)
		}
	}
}

func (t *table[R, P]) members(d *decoder, r *R) {
	if !d.Expect('{') {
		return
	}
	next := 0
	for first := true; ; {
		comma := d.Pos
		if !d.Next('}', &first) {
			return
		}
		d.member = d.name()
		d.Expect(':')
		d.late = d.late || d.bodyAt >= 0
		if string(d.member) == "type" {
			d.once(typeBit)
			d.Text()
			continue
		}
		i := t.fields.index(d.member, next)
		if i < 0 {
			t.fields[t.fields.others()].read(d, r)
			continue
		}
		if t.fields[i].isBody {
			d.bodyAt = comma
		}
		d.once(i)
		t.fields[i].read(d, r)
		next = i + 1
	}
}

// name returns a member's name; an escape in it hides nothing.
func (d *decoder) name() []byte {
	t := d.Token()
	if bytes.IndexByte(t, '\\') < 0 {
		return t
	}
	out, err := canonical.Unescape(nil, t)
	if err != nil {
		d.Fail("%w", err)
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
	s := canonical.Scanner{JSON: line}
	kind, found := "", false
	if s.Expect('{') {
		for first := true; s.Next('}', &first); {
			name := s.Text()
			s.Expect(':')
			if name == "type" && s.Peek() == '"' {
				kind, found = s.Text(), true
				break
			}
			s.Any(nil, 0)
		}
	}
	switch {
	case s.Err != nil:
		return "", s.Err
	case !found:
		return "", fmt.Errorf("a record without a type")
	}
	return kind, nil
}

// decodeUnknown reads a record of a type that this version does not know. Its type stands once, or two readers could
// take it for two things.
func (d *decoder) decodeUnknown(kind string) *Unknown {
	line := d.Any(nil, 0)
	if d.Space(); d.Err == nil && d.Pos != len(d.JSON) {
		d.Syntax()
	}
	types, s := 0, canonical.Scanner{JSON: line}
	if d.Err == nil && s.Expect('{') {
		for first := true; s.Next('}', &first); {
			if s.Text() == "type" {
				types++
			}
			s.Expect(':')
			s.Any(nil, 1)
		}
	}
	if types != 1 {
		d.Fail("a field stands twice")
	}
	return &Unknown{Type: kind, Line: line}
}

// recent remembers the last two names of folders, which most records repeat.
type recent [2]string

// intern returns a token as a string: the one before where it is the same.
func (n *recent) intern(token []byte) string {
	switch {
	case string(token) == n[0]:
		return n[0]
	case string(token) == n[1]:
		n[0], n[1] = n[1], n[0]
	default:
		n[0], n[1] = string(token), n[0]
	}
	return n[0]
}
