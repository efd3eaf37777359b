package codec

// Need says when a field is present: the column "req." of FORMAT.md.
type Need uint8

const (
	Optional Need = iota // written where it has a value
	InPlan               // written in a plan
	Written              // always written
	Required             // always written; a record without it is refused
	Filled               // required, and neither empty nor 0
)

func (n Need) String() string { return [...]string{"no", "plan", "w", "yes", "yes"}[n] }

// Row is what FORMAT.md says of a field.
type Row struct {
	Name  string
	Kind  string // the type of its values
	Need  Need
	Since int // the first version of the format that has it
}

// Field reads and writes one field of a record of type R. The one without a name stands for all names that no other
// has.
type Field[R any] struct {
	Row
	read   func(d *Decoder, r *R)
	append func(b []byte, r *R) []byte
	empty  func(r *R) bool
	isBody bool // the stream's hash ends before it
}

// Fields are the fields of an object, in the order in which they are written.
type Fields[R any] []Field[R]

// Table is a type of record.
type Table[R any] struct {
	Kind   string // the value of its field type
	Fields Fields[R]
	Blank  R                      // what a record is before its fields are read
	Check  func(d *Decoder, r *R) // of several fields together, or nil; d.Err may be set already
}

// Rows returns what FORMAT.md says of the fields.
func (m Fields[R]) Rows() []Row {
	rows := make([]Row, len(m))
	for i := range m {
		rows[i] = m[i].Row
	}
	return rows
}

// Encode appends a record as canonical JSON without its line feed. bodyAt is where the line stops counting for the
// stream's hash: at the comma before the body, else at its end.
func (t *Table[R]) Encode(b []byte, r *R) (line []byte, bodyAt int) {
	b = append(append(append(b, `{"type":"`...), t.Kind...), '"')
	b, bodyAt = t.Fields.append(b, r)
	b = append(b, '}')
	if bodyAt < 0 {
		bodyAt = len(b)
	}
	return b, bodyAt
}

// append appends the members of an object. bodyAt is -1 where none is a body.
func (m Fields[R]) append(b []byte, r *R) (out []byte, bodyAt int) {
	bodyAt = -1
	for i := range m {
		f := &m[i]
		if f.Need < Written && f.empty(r) {
			continue
		}
		if f.isBody {
			bodyAt = len(b)
		}
		if f.Name != "" {
			b = appendName(b, f.Name)
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
func (m Fields[R]) index(name []byte, from int) int {
	for i := from; i < len(m); i++ {
		if m[i].Name == string(name) && len(name) > 0 {
			return i
		}
	}
	for i := range from {
		if m[i].Name == string(name) && len(name) > 0 {
			return i
		}
	}
	return -1
}

// others returns the row of the names that no other row has, or -1.
func (m Fields[R]) others() int {
	for i := range m {
		if m[i].Name == "" {
			return i
		}
	}
	return -1
}

// readObject reads an object within a record. Unknown members are passed over.
func (m Fields[R]) readObject(d *Decoder, r *R, depth int) {
	if !d.Expect('{') {
		return
	}
	next := 0
	for first := true; d.Next('}', &first); {
		name := d.Name()
		d.Expect(':')
		if i := m.index(name, next); i >= 0 {
			m[i].read(d, r)
			next = i + 1
		} else {
			d.Any(nil, depth)
		}
	}
}

// Decode reads the record that d is at.
func (t *Table[R]) Decode(d *Decoder, r *R) {
	*r = t.Blank
	t.members(d, r)
	if d.Space(); d.Err == nil && d.Pos != len(d.JSON) {
		d.Syntax()
	}
	if t.Check != nil {
		t.Check(d, r)
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Need >= Required && d.Err == nil && (d.seen&(1<<i) == 0 || f.Need == Filled && f.empty(r)) {
			d.Fail("%s is missing or empty", f.Name)
		}
	}
}

func (t *Table[R]) members(d *Decoder, r *R) {
	if !d.Expect('{') {
		return
	}
	next := 0
	for first := true; ; {
		comma := d.Pos
		if !d.Next('}', &first) {
			return
		}
		d.member = d.Name()
		d.Expect(':')
		d.late = d.late || d.bodyAt >= 0
		if string(d.member) == "type" {
			d.once(typeBit)
			d.Name()
			continue
		}
		i := t.Fields.index(d.member, next)
		if i < 0 {
			t.Fields[t.Fields.others()].read(d, r)
			continue
		}
		if t.Fields[i].isBody {
			d.bodyAt = comma
		}
		d.once(i)
		t.Fields[i].read(d, r)
		next = i + 1
	}
}
