package stream

import (
	"iter"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// codec reads and writes the values of one field of a record of type R.
type codec[R any] struct {
	kind   string // the type of the values, as FORMAT.md calls it
	read   func(d *decoder, r *R)
	append func(b []byte, r *R) []byte
	empty  func(r *R) bool
	isBody bool // the stream's hash ends before it
}

// value makes a codec of what reads and writes a value where at says that it is.
func value[R any, T comparable](kind string, at func(*R) *T, read func(*decoder) T,
	write func([]byte, T) []byte) codec[R] {
	return codec[R]{
		kind:   kind,
		read:   func(d *decoder, r *R) { *at(r) = read(d) },
		append: func(b []byte, r *R) []byte { return write(b, *at(r)) },
		empty:  func(r *R) bool { return *at(r) == *new(T) },
	}
}

func str[R any, T ~string](at func(*R) *T) codec[R] {
	return value("string", at, func(d *decoder) T { return T(d.Text()) },
		func(b []byte, v T) []byte { return canonical.AppendString(b, string(v)) })
}

// name is a string that the records before it are likely to have too.
func name[R any](at func(*R) *string) codec[R] {
	return value("string", at, (*decoder).repeated, canonical.AppendString)
}

func sha256Hex[R any](at func(*R) *string) codec[R] {
	return value("sha256", at, (*decoder).digest, canonical.AppendString)
}

func number[R any](at func(*R) *int64) codec[R] {
	return value("number", at, func(d *decoder) int64 { return d.Number() },
		func(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) })
}

func number32[R any, T int | uint32](at func(*R) *T) codec[R] {
	return value("u32", at, func(d *decoder) T { return T(d.Uint32()) },
		func(b []byte, v T) []byte { return strconv.AppendInt(b, int64(v), 10) })
}

func number64[R any](at func(*R) *uint64) codec[R] {
	return value("u64", at, func(d *decoder) uint64 { return d.Uint64() }, jsonnum.Append)
}

func port[R any](at func(*R) *int) codec[R] {
	return value("port", at, func(d *decoder) int { return d.port() },
		func(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) })
}

func boolean[R any](at func(*R) *bool) codec[R] {
	return value("boolean", at, func(d *decoder) bool { return d.Bool() }, strconv.AppendBool)
}

// optionalNumber is a number for which 0 is a value: a nil pointer is none.
func optionalNumber[R any](at func(*R) **int64) codec[R] {
	return value("number", at, func(d *decoder) *int64 { v := d.Number(); return &v },
		func(b []byte, v *int64) []byte { return strconv.AppendInt(b, *v, 10) })
}

// texts is a list of strings. An empty one is no value.
func texts[R any](at func(*R) *[]string) codec[R] {
	return codec[R]{
		kind:   "strings",
		read:   func(d *decoder, r *R) { *at(r) = d.List() },
		append: func(b []byte, r *R) []byte { return appendList(b, *at(r)) },
		empty:  func(r *R) bool { return len(*at(r)) == 0 },
	}
}

// knownTexts is a list of strings that may be known to be empty: a nil slice is no value.
func knownTexts[R any](at func(*R) *[]string) codec[R] {
	c := texts(at)
	c.read = func(d *decoder, r *R) { *at(r) = append([]string{}, d.List()...) }
	c.empty = func(r *R) bool { return *at(r) == nil }
	return c
}

// pairs is an object of strings, in a slice of what join makes of each pair. A nil slice is no value.
func pairs[R, T any](at func(*R) *[]T, join func(name, value string) T, split func(T) (string, string)) codec[R] {
	return codec[R]{
		kind: "object of strings",
		read: func(d *decoder, r *R) {
			*at(r) = []T{}
			d.Expect('{')
			for first := true; d.Next('}', &first); {
				name := d.Text()
				d.Expect(':')
				*at(r) = append(*at(r), join(name, d.Text()))
			}
		},
		append: func(b []byte, r *R) []byte {
			return AppendObject(b, func(yield func(string, string) bool) {
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

// rawObject is an object that is kept as canonical JSON.
func rawObject[R any](at func(*R) *[]byte) codec[R] {
	return codec[R]{
		kind:   "object of strings",
		read:   func(d *decoder, r *R) { *at(r) = d.Object() },
		append: func(b []byte, r *R) []byte { return append(b, *at(r)...) },
		empty:  func(r *R) bool { return *at(r) == nil },
	}
}

// object is an object with fields of its own.
func object[R, T any](at func(*R) **T, fields members[T]) codec[R] {
	return codec[R]{
		kind: "object",
		read: func(d *decoder, r *R) {
			*at(r) = new(T)
			fields.readObject(d, *at(r), 1)
		},
		append: func(b []byte, r *R) []byte { return fields.appendObject(b, *at(r)) },
		empty:  func(r *R) bool { return *at(r) == nil },
	}
}

// objects is a list of such objects.
func objects[R, T any](at func(*R) *[]T, fields members[T]) codec[R] {
	return codec[R]{
		kind: "list of objects",
		read: func(d *decoder, r *R) {
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

func (m members[R]) appendObject(b []byte, r *R) []byte {
	b, _ = m.append(append(b, '{'), r)
	return append(b, '}')
}

// octets is a body in one of its two forms.
func octets[R any](at func(*R) *body, form bodyKind) codec[R] {
	return codec[R]{
		kind: "string",
		read: func(d *decoder, r *R) {
			if at(r).kind != noBody {
				d.Fail("a record with two bodies")
			}
			*at(r) = body{d.Token(), form}
		},
		append: func(b []byte, r *R) []byte { return append(append(append(b, '"'), at(r).token...), '"') },
		empty:  func(r *R) bool { return at(r).kind != form },
		isBody: true,
	}
}

// others is the row of the fields that this version does not know. They are passed on as ,"name":value.
func others[R any](at func(*R) *[]byte) field[R] {
	return field[R]{codec: codec[R]{
		read: func(d *decoder, r *R) {
			b := canonical.AppendString(append(*at(r), ','), string(d.member))
			*at(r) = d.Any(append(b, ':'), 1)
		},
		append: func(b []byte, r *R) []byte { return append(b, *at(r)...) },
		empty:  func(r *R) bool { return len(*at(r)) == 0 },
	}}
}

// only makes a field absent unless the record is one that has it.
func only[R any](has func(*R) bool, c codec[R]) codec[R] {
	c.empty = func(r *R) bool { return !has(r) }
	return c
}

// fixed writes the same JSON whatever the record says.
func fixed[R any](json string, c codec[R]) codec[R] {
	c.append = func(b []byte, _ *R) []byte { return append(b, json...) }
	return c
}

// digest reads a sha256 in hexadecimal.
func (d *decoder) digest() string {
	v := d.Text()
	if d.Err == nil && (len(v) != 64 || strings.Trim(v, canonical.HexDigits) != "") {
		d.Fail("a sha256 that is not 64 lower-case hexadecimal digits")
	}
	return v
}

// repeated reads a string that is likely to be one of those before it.
func (d *decoder) repeated() string {
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

// AppendObject appends a JSON object of texts for people, such as a message's header field.
func AppendObject(dst []byte, pairs iter.Seq2[string, string]) []byte {
	dst = append(dst, '{')
	for name, value := range pairs {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = canonical.AppendString(append(canonical.AppendString(dst, name), ':'), value)
	}
	return append(dst, '}')
}

// port reads a port; a standard one is 0, as account.Of has it.
func (d *decoder) port() int {
	v := d.Number()
	if v < 1 || v > 1<<16-1 {
		d.Fail("%d is no port", v)
		return 0
	}
	return account.Port(int(v))
}
