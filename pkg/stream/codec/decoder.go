package codec

import (
	"bytes"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// Decoder reads one record after the other.
type Decoder struct {
	canonical.Scanner
	names  recent
	words  words
	member []byte // the name of the member that is read
	bodyAt int    // where the comma before the body stands, or -1
	late   bool   // a field stands after the body
	seen   uint64 // the rows whose fields came
}

// typeBit is the bit of seen for the field type; rows have those below it.
const typeBit = 63

// Begin makes ready for a record.
func (d *Decoder) Begin(line []byte) {
	d.Scanner, d.bodyAt, d.late, d.seen = canonical.Scanner{JSON: line}, -1, false, 0
}

// BodyAt returns where the comma before the body stands in the line, or -1. The stream's hash ends there.
func (d *Decoder) BodyAt() int { return d.bodyAt }

// Late reports whether a field stands after the body.
func (d *Decoder) Late() bool { return d.late }

// once refuses a name that came before: readers that disagree on which of two counts would disagree on the message.
func (d *Decoder) once(bit int) {
	if d.seen&(1<<bit) != 0 {
		d.Fail("a field stands twice")
	}
	d.seen |= 1 << bit
}

// mostly is the type of most records.
const mostly = "message"

// TypeOf returns the value of a record's type, which canonical JSON has first.
func TypeOf(line []byte) (string, error) {
	if t, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if i := bytes.IndexByte(t, '"'); i > 0 && i <= 32 && bytes.IndexByte(t[:i], '\\') < 0 {
			if kind := t[:i]; string(kind) != mostly {
				return string(kind), nil
			}
			return mostly, nil
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

// Unknown returns a record of a type without a table as canonical JSON. Its type stands once, or two readers could take
// it for two things.
func (d *Decoder) Unknown() []byte {
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
	return line
}

// words are strings of which there are few different ones, such as flags. One that was met
// before costs no allocation.
type words map[string]string

// Bounds of what is remembered.
const (
	mostWords   = 1 << 10
	longestWord = 256 // bytes
)

func (w *words) intern(token []byte) string {
	if len(token) > longestWord {
		return string(token)
	}
	if known, ok := (*w)[string(token)]; ok {
		return known
	}
	if *w == nil || len(*w) == mostWords {
		*w = words{}
	}
	word := string(token)
	(*w)[word] = word
	return word
}

// list reads a list of words.
func (d *Decoder) list() (out []string) {
	if !d.Expect('[') {
		return nil
	}
	for first := true; d.Next(']', &first); {
		out = append(out, d.words.intern(d.Name()))
	}
	return out
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
