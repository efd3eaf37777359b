package headerkey

import "bytes"

// maxName is the longest field name that counts, in octets: a header line has
// no more (RFC 5322 2.1.1).
const maxName = 998

// fieldSink takes the fields of a header as a parser meets them.
type fieldSink interface {
	// begin starts a field. The name is as it was spelt, without the blanks
	// before the colon, not checked, and valid during the call only.
	begin(name []byte)
	// value gives more of the field's value: line ends are left out, but for
	// CRs, and continuations follow on.
	value(p []byte)
	// end ends the field: a begin came before, and nothing else of it will.
	end()
}

type parserState uint8

const (
	atLine  parserState = iota // at the beginning of a line
	atCR                       // CRs only so far in this line
	inName                     // before the colon
	inValue                    // after it
	inSkip                     // in a line that counts for nothing
)

// parser splits a header into fields, whatever the chunks that it comes in. It
// keeps at most one field name.
type parser struct {
	sink  fieldSink
	state parserState
	open  bool   // a field has begun, and lines may continue it
	done  bool   // the empty line was met
	name  []byte // of the field whose colon is still to come
}

func (h *parser) reset() {
	h.state, h.open, h.done = atLine, false, false
	h.name = h.name[:0]
}

// write takes more octets up to the end of the header, and ignores the rest.
func (h *parser) write(p []byte) {
	for len(p) > 0 && !h.done {
		switch h.state {
		case atLine:
			p = h.lineStart(p)
		case atCR:
			p = h.afterCR(p)
		case inName:
			p = h.inName(p)
		default:
			p = h.inLine(p)
		}
	}
}

// finish ends the field that the end of input left open.
func (h *parser) finish() {
	h.endField()
	h.state = inSkip
}

func (h *parser) endField() {
	if h.open {
		h.open = false
		h.sink.end()
	}
}

// lineStart looks at the first octet of a line, and leaves it unless it is all
// there is to a line end.
func (h *parser) lineStart(p []byte) []byte {
	switch p[0] {
	case '\n':
		h.endHeader()
		return p[1:]
	case '\r':
		h.state = atCR
		return p[1:]
	case ' ', '\t':
		h.state = inSkip
		if h.open {
			h.state = inValue
		}
		return p
	}
	h.endField()
	h.name = h.name[:0]
	h.state = inName
	return p
}

// afterCR decides what a line is that began with CRs: empty, or one whose name
// has a control character in it.
func (h *parser) afterCR(p []byte) []byte {
	switch p[0] {
	case '\n':
		h.endHeader()
	case '\r':
	default:
		h.endField()
		h.state = inSkip
	}
	return p[1:]
}

func (h *parser) endHeader() {
	h.endField()
	h.done = true
}

func (h *parser) inName(p []byte) []byte {
	line, rest, ended := cutLine(p)
	colon := bytes.IndexByte(line, ':')
	size := len(h.name) + colon
	if colon < 0 {
		size = len(h.name) + len(line)
	}
	switch {
	case ended && colon < 0:
		h.state = atLine
		return rest
	case size > maxName:
		h.state = inSkip
		return p
	case colon < 0:
		h.name = append(h.name, line...)
		return rest
	}
	name := line[:colon]
	if len(h.name) > 0 {
		h.name = append(h.name, name...)
		name = h.name
	}
	h.sink.begin(trimRight(name))
	h.open, h.state = true, inValue
	return p[colon+1:]
}

func trimRight(name []byte) []byte {
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	return name
}

// inLine takes the rest of a line whose kind is known.
func (h *parser) inLine(p []byte) []byte {
	line, rest, ended := cutLine(p)
	if h.state == inValue && len(line) > 0 {
		h.sink.value(line)
	}
	if ended {
		h.state = atLine
	}
	return rest
}

func cutLine(p []byte) (line, rest []byte, ended bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return p[:i], p[i+1:], true
	}
	return p, nil, false
}
