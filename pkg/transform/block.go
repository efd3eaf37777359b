package transform

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// maxHeader is how large a header may be that is to be changed, in octets.
const maxHeader = 1 << 20

// field is one field of a header with its continuation lines and line ends, as
// they came. A line that is no field has no name.
type field struct {
	name string // as it was spelt, without the blanks before the colon
	raw  []byte
}

func (f *field) is(name string) bool { return f.name != "" && strings.EqualFold(f.name, name) }

// value is what stands behind the colon, unfolded (RFC 5322 2.2.3).
func (f *field) value() []byte {
	_, value, _ := bytes.Cut(f.raw, []byte(":"))
	return unfold(value)
}

// unfold takes line ends out.
func unfold(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}

// block is the header of a message, to be edited.
type block struct {
	fields []field
	end    []byte // the empty line with its line end; nil where there is none
	eol    string // what new lines end with
	size   int64  // octets of it all in the message
}

// readBlock reads a message's header up to the empty line, or to the end where
// there is none. A nil block is one that is larger than maxHeader.
func readBlock(m *Message) (head, end []byte, err error) {
	buf := make([]byte, 0, 8<<10)
	for {
		if head, end, found := cutHead(buf); found {
			return head, end, nil
		}
		if int64(len(buf)) == m.Size {
			return buf, nil, nil
		}
		if len(buf) >= maxHeader {
			return nil, nil, nil
		}
		start := len(buf)
		size := min(max(8<<10, 4*start), maxHeader)
		buf = append(buf, make([]byte, min(int64(size), m.Size)-int64(start))...)
		if _, err := m.Octets.ReadAt(buf[start:], int64(start)); err != nil && err != io.EOF {
			return nil, nil, ioError(err)
		}
	}
}

// cutHead splits a message at the empty line.
func cutHead(b []byte) (head, end []byte, found bool) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return nil, nil, false
		}
		if len(bytes.Trim(b[at:at+n], "\r")) == 0 {
			return b[:at:at], b[at : at+n+1 : at+n+1], true
		}
		at += n + 1
	}
}

// parseBlock splits a header into fields.
func parseBlock(head, end []byte) *block {
	b := &block{end: end, eol: "\r\n", size: int64(len(head) + len(end))}
	if n := bytes.IndexByte(head, '\n'); n == 0 || n > 0 && head[n-1] != '\r' {
		b.eol = "\n"
	} else if n < 0 && string(end) == "\n" {
		b.eol = "\n"
	}
	at := 0
	for line := range bytes.Lines(head) {
		start := at
		at += len(line)
		if last := len(b.fields) - 1; last >= 0 && (line[0] == ' ' || line[0] == '\t') {
			start -= len(b.fields[last].raw)
			b.fields[last].raw = head[start:at:at]
			continue
		}
		b.fields = append(b.fields, field{fieldName(line), head[start:at:at]})
	}
	return b
}

// fieldName is the name that a line begins with, or "".
func fieldName(line []byte) string {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return ""
	}
	name := bytes.TrimRight(line[:colon], " \t")
	if !header.IsName(name) || len(name) > header.MaxName {
		return ""
	}
	return string(name)
}

// octets is the header as it is now.
func (b *block) octets() []byte {
	n := len(b.end)
	for i := range b.fields {
		n += len(b.fields[i].raw)
	}
	out := make([]byte, 0, n)
	for i := range b.fields {
		out = append(out, b.fields[i].raw...)
	}
	return append(out, b.end...)
}

// first returns the first field of that name, or nil.
func (b *block) first(name string) *field {
	for i := range b.fields {
		if b.fields[i].is(name) {
			return &b.fields[i]
		}
	}
	return nil
}

// top is the place of the first field. What stands before it, an mbox's "From "
// line perhaps, stays before it; so does a continuation of nothing.
func (b *block) top() int {
	for i := range b.fields {
		if b.fields[i].name != "" {
			return i
		}
	}
	return len(b.fields)
}

// insert puts a field at a place. A line before it that has no end gets one.
func (b *block) insert(at int, f field) {
	if at > 0 {
		if before := &b.fields[at-1]; !bytes.HasSuffix(before.raw, []byte("\n")) {
			before.raw = slices.Concat(before.raw, []byte(b.eol))
		}
	}
	b.fields = slices.Insert(b.fields, at, f)
}
