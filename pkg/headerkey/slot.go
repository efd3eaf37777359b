package headerkey

import (
	"bytes"
	"iter"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// What is kept of a field, in octets that are not CRs: a server that mends line
// ends must not move the cut.
const (
	maxValue = 64 << 10  // of one value
	maxField = 256 << 10 // of all values of one field, each with its name
)

// slot keeps the raw values of one field.
type slot struct {
	name   string // lower case
	once   bool   // only the first value counts
	counts bool   // a value of it is evidence for a key
	has    bool   // there is a value that is not empty
	raw    []byte // the values, each with LF after it
	used   int    // of maxField

	start, mark int // raw and used where the open value began
	room        int // what the open value may still take
}

func (f *slot) reset() {
	f.has, f.used = false, 0
	f.raw = f.raw[:0]
}

// open begins a value, and reports whether it counts.
func (f *slot) open() bool {
	if f.once && f.has {
		return false
	}
	f.start, f.mark = len(f.raw), f.used
	f.room = min(maxValue, max(0, maxField-f.used))
	return true
}

// add takes more of the open value. A run of CRs is kept as one, so that they
// take no room.
func (f *slot) add(p []byte) {
	for len(p) > 0 && f.room > 0 {
		if p[0] == '\r' {
			if last := len(f.raw) - 1; last < f.start || f.raw[last] != '\r' {
				f.raw = append(f.raw, '\r')
			}
			p = p[1:]
			continue
		}
		n := bytes.IndexByte(p, '\r')
		if n < 0 {
			n = len(p)
		}
		kept := min(n, f.room)
		f.raw = append(f.raw, p[:kept]...)
		f.used += kept
		f.room -= kept
		p = p[n:]
	}
}

// close ends the open value; one that says nothing leaves nothing behind.
func (f *slot) close() {
	if value := f.raw[f.start:]; isBlank(value) || f.name == messageID && !isMessageID(value) {
		f.raw, f.used = f.raw[:f.start], f.mark
		return
	}
	f.raw = append(f.raw, '\n')
	f.used += len(f.name) + len(":\n")
	f.has = true
}

// messageID is the field that imap-push adds where there is none.
const messageID = "message-id"

// isMessageID reports whether a raw value of that field says which message it
// is of, and was not added by imap-push.
func isMessageID(value []byte) bool {
	return !header.IsMadeUp(value) && namesMessage(value)
}

// values yields the raw values in order, without their LF.
func (f *slot) values() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := f.raw; len(rest) > 0; {
			value, after, _ := bytes.Cut(rest, []byte{'\n'})
			if !yield(value) {
				return
			}
			rest = after
		}
	}
}

// appendMaterial appends what is hashed of the field: for each value name, ":",
// the normal form, LF.
func (f *slot) appendMaterial(dst []byte) []byte {
	for value := range f.values() {
		dst = appendNormal(append(append(dst, f.name...), ':'), value)
		dst = append(dst, '\n')
	}
	return dst
}

// single lists the fields that RFC 5322 3.6 allows once. Servers disagree on
// what they give of a second.
var single = []string{"date", "from", "sender", "reply-to", "to", "cc", "bcc",
	"message-id", "in-reply-to", "references", "subject"}

// equalFold compares with a name in lower case.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}
