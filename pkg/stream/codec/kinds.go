package codec

import (
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// value makes a field of what reads and writes a value where at says that it is.
func value[R any, T comparable](row Row, at func(*R) *T, read func(*Decoder) T,
	write func([]byte, T) []byte) Field[R] {
	return Field[R]{
		Row:    row,
		read:   func(d *Decoder, r *R) { *at(r) = read(d) },
		append: func(b []byte, r *R) []byte { return write(b, *at(r)) },
		empty:  func(r *R) bool { return *at(r) == *new(T) },
	}
}

// String is a string.
func String[R any, T ~string](name string, at func(*R) *T, need Need, since int) Field[R] {
	return value(Row{name, "string", need, since}, at, func(d *Decoder) T { return T(d.Text()) },
		func(b []byte, v T) []byte { return canonical.AppendString(b, string(v)) })
}

// Name is a string that the records before it are likely to have too.
func Name[R any](name string, at func(*R) *string, need Need, since int) Field[R] {
	return value(Row{name, "string", need, since}, at, (*Decoder).repeated, canonical.AppendString)
}

// SHA256 is a sha256 in hexadecimal.
func SHA256[R any](name string, at func(*R) *string, need Need, since int) Field[R] {
	return value(Row{name, "sha256", need, since}, at, (*Decoder).digest, canonical.AppendString)
}

// Int64 is a number that JSON readers of any kind take exactly.
func Int64[R any](name string, at func(*R) *int64, need Need, since int) Field[R] {
	return value(Row{name, "number", need, since}, at, func(d *Decoder) int64 { return d.Number() },
		func(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) })
}

// Uint32 is a number of 32 bits.
func Uint32[R any, T int | uint32](name string, at func(*R) *T, need Need, since int) Field[R] {
	return value(Row{name, "u32", need, since}, at, func(d *Decoder) T { return T(d.Uint32()) },
		func(b []byte, v T) []byte { return strconv.AppendInt(b, int64(v), 10) })
}

// Uint64 is a number of 64 bits (see package jsonnum).
func Uint64[R any](name string, at func(*R) *uint64, need Need, since int) Field[R] {
	return value(Row{name, "u64", need, since}, at, func(d *Decoder) uint64 { return d.Uint64() }, jsonnum.Append)
}

// Port is a port. A standard one is 0 in the record, as account.Of has it.
func Port[R any](name string, at func(*R) *int, need Need, since int) Field[R] {
	return value(Row{name, "port", need, since}, at, func(d *Decoder) int { return d.port() },
		func(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) })
}

// Bool is true or false.
func Bool[R any](name string, at func(*R) *bool, need Need, since int) Field[R] {
	return value(Row{name, "boolean", need, since}, at, func(d *Decoder) bool { return d.Bool() }, strconv.AppendBool)
}

// OptionalInt64 is a number for which 0 is a value: a nil pointer is none.
func OptionalInt64[R any](name string, at func(*R) **int64, need Need, since int) Field[R] {
	return value(Row{name, "number", need, since}, at, func(d *Decoder) *int64 { v := d.Number(); return &v },
		func(b []byte, v *int64) []byte { return strconv.AppendInt(b, *v, 10) })
}

// Strings is a list of strings. An empty one is no value.
func Strings[R any](name string, at func(*R) *[]string, need Need, since int) Field[R] {
	return Field[R]{
		Row:    Row{name, "strings", need, since},
		read:   func(d *Decoder, r *R) { *at(r) = d.list() },
		append: func(b []byte, r *R) []byte { return appendList(b, *at(r)) },
		empty:  func(r *R) bool { return len(*at(r)) == 0 },
	}
}

// KnownStrings is a list of strings that may be known to be empty: a nil slice is no value.
func KnownStrings[R any](name string, at func(*R) *[]string, need Need, since int) Field[R] {
	f := Strings(name, at, need, since)
	f.read = func(d *Decoder, r *R) { *at(r) = append([]string{}, d.list()...) }
	f.empty = func(r *R) bool { return *at(r) == nil }
	return f
}

// Pairs is an object of strings, in a slice of what join makes of each pair. A nil slice is no value.
func Pairs[R, T any](name string, at func(*R) *[]T, join func(name, value string) T,
	split func(T) (name, value string), need Need, since int) Field[R] {
	return Field[R]{
		Row: Row{name, "object of strings", need, since},
		read: func(d *Decoder, r *R) {
			*at(r) = []T{}
			d.Expect('{')
			for first := true; d.Next('}', &first); {
				name := d.Text()
				d.Expect(':')
				*at(r) = append(*at(r), join(name, d.Text()))
			}
		},
		append: func(b []byte, r *R) []byte {
			return canonical.AppendObject(b, func(yield func(string, string) bool) {
				for _, v := range *at(r) {
					if !yield(split(v)) {
						return
					}
				}
			})
		},
		empty: func(r *R) bool { return *at(r) == nil },
	}
}

// RawObject is an object that is kept as canonical JSON.
func RawObject[R any](name string, at func(*R) *[]byte, need Need, since int) Field[R] {
	return Field[R]{
		Row:    Row{name, "object of strings", need, since},
		read:   func(d *Decoder, r *R) { *at(r) = d.Object() },
		append: func(b []byte, r *R) []byte { return append(b, *at(r)...) },
		empty:  func(r *R) bool { return *at(r) == nil },
	}
}

// Object is an object with fields of its own.
func Object[R, T any](name string, at func(*R) **T, fields Fields[T], need Need, since int) Field[R] {
	return Field[R]{
		Row: Row{name, "object", need, since},
		read: func(d *Decoder, r *R) {
			*at(r) = new(T)
			fields.readObject(d, *at(r), 1)
		},
		append: func(b []byte, r *R) []byte { return fields.appendObject(b, *at(r)) },
		empty:  func(r *R) bool { return *at(r) == nil },
	}
}

// Objects is a list of such objects.
func Objects[R, T any](name string, at func(*R) *[]T, fields Fields[T], need Need, since int) Field[R] {
	return Field[R]{
		Row: Row{name, "list of objects", need, since},
		read: func(d *Decoder, r *R) {
			d.Expect('[')
			for first := true; d.Next(']', &first); {
				var v T
				fields.readObject(d, &v, 2)
				*at(r) = append(*at(r), v)
			}
		},
		append: func(b []byte, r *R) []byte {
			b = append(b, '[')
			for i := range *at(r) {
				if i > 0 {
					b = append(b, ',')
				}
				b = fields.appendObject(b, &(*at(r))[i])
			}
			return append(b, ']')
		},
		empty: func(r *R) bool { return len(*at(r)) == 0 },
	}
}

func (m Fields[R]) appendObject(b []byte, r *R) []byte {
	b, _ = m.append(append(b, '{'), r)
	return append(b, '}')
}

// Octets is a body in one of its two forms.
func Octets[R any](name string, at func(*R) *Body, form BodyKind, need Need, since int) Field[R] {
	return Field[R]{
		Row: Row{name, "string", need, since},
		read: func(d *Decoder, r *R) {
			if at(r).kind != NoBody {
				d.Fail("a record with two bodies")
			}
			*at(r) = Body{d.Token(), form}
		},
		append: func(b []byte, r *R) []byte { return append(append(append(b, '"'), at(r).token...), '"') },
		empty:  func(r *R) bool { return at(r).kind != form },
		isBody: true,
	}
}

// Others is the row of the fields that this version does not know. They are passed on as ,"name":value.
func Others[R any](at func(*R) *[]byte) Field[R] {
	return Field[R]{
		read: func(d *Decoder, r *R) {
			b := canonical.AppendString(append(*at(r), ','), string(d.member))
			*at(r) = d.Any(append(b, ':'), 1)
		},
		append: func(b []byte, r *R) []byte { return append(b, *at(r)...) },
		empty:  func(r *R) bool { return len(*at(r)) == 0 },
	}
}

// Only makes a field absent unless the record is one that has it.
func Only[R any](has func(*R) bool, f Field[R]) Field[R] {
	f.empty = func(r *R) bool { return !has(r) }
	return f
}

// Fixed writes the same JSON whatever the record says.
func Fixed[R any](json string, f Field[R]) Field[R] {
	f.append = func(b []byte, _ *R) []byte { return append(b, json...) }
	return f
}

// Noting calls note of each record that has the field, once it is read.
func Noting[R any](note func(*R), f Field[R]) Field[R] {
	read := f.read
	f.read = func(d *Decoder, r *R) {
		read(d, r)
		note(r)
	}
	return f
}

// digest reads a sha256 in hexadecimal.
func (d *Decoder) digest() string {
	v := d.Text()
	if d.Err == nil && (len(v) != 64 || strings.Trim(v, canonical.HexDigits) != "") {
		d.Fail("a sha256 that is not 64 lower-case hexadecimal digits")
	}
	return v
}

// repeated reads a string that is likely to be one of those before it.
func (d *Decoder) repeated() string {
	start := d.Pos
	if t := d.Token(); canonical.PlainRun(t, false) == len(t) {
		return d.names.intern(t)
	}
	d.Pos = start
	return d.Text()
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = canonical.AppendString(b, s)
	}
	return append(b, ']')
}

// port reads a port; a standard one is 0, as account.Of has it.
func (d *Decoder) port() int {
	v := d.Number()
	if v < 1 || v > 1<<16-1 {
		d.Fail("%d is no port", v)
		return 0
	}
	return account.Port(int(v))
}
